"""A contract file that is wrong is refused, and the error names the file, the table, the field and what is wrong."""

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.errors import ContractError
from contracts.model import AggregateRule, Bounds, Contract, ExpectationRule, Mask, Read, Severity, UniqueRule
from contracts.odcs_document import DOCUMENT_KEYS, Keys, validator
from contracts.parse import load_contract, load_contracts

SHIPPED = Path(load_contracts.__code__.co_filename).parent
Document = dict[str, Any]
Edit = Callable[[Document], object]


def text_of(table: str) -> str:
    return (SHIPPED / f"{table}.odcs.yaml").read_text("utf-8")


def write(folder: Path, table: str, text: str) -> Path:
    path = folder / "contracts" / f"{table}.odcs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def copy_shipped(folder: Path) -> None:
    shutil.copytree(SHIPPED, folder / "contracts", ignore=shutil.ignore_patterns("*.py", "__pycache__"))


def edited(folder: Path, table: str, edit: Edit) -> Path:
    document = yaml.safe_load(text_of(table))
    edit(document)
    return write(folder, table, yaml.safe_dump(document, sort_keys=False))


def problem_with(folder: Path, table: str, edit: Edit) -> str:
    with pytest.raises(ContractError) as raised:
        load_contract(edited(folder, table, edit))
    return str(raised.value)


def read_with(folder: Path, table: str, edit: Edit) -> Contract:
    return load_contract(edited(folder, table, edit))


def column(document: Document, name: str) -> Document:
    return next(entry for entry in document["schema"][0]["properties"] if entry["name"] == name)


def without(document: Document, key: str) -> None:
    del document[key]


def rule(document: Document, **entry: Any) -> None:
    document["schema"][0].setdefault("quality", []).append(entry)


def expect(document: Document, kind: str, **kwargs: Any) -> None:
    rule(document, **EXPECTATION, implementation={"type": kind, "kwargs": kwargs})


def column_rule(document: Document, of: str, /, **entry: Any) -> None:
    column(document, of).setdefault("quality", []).append(entry)


def custom(document: Document, name: str, value: Any) -> None:
    items = document.setdefault("customProperties", [])
    items[:] = [item for item in items if item["property"] != name]
    if value is not None:
        items.append({"property": name, "value": value})


def drop_column(document: Document, name: str) -> None:
    document["schema"][0]["properties"].remove(column(document, name))


def add_column(document: Document, **entry: Any) -> None:
    defaults = {"description": "Something.", "transformSourceObjects": [], "transformLogic": "nothing"}
    document["schema"][0]["properties"].append({**defaults, **entry})


PREDICATE = {"type": "custom", "engine": "spark", "description": "Says something."}
EXPECTATION = {"name": "expected", "type": "custom", "engine": "great-expectations", "description": "Says something."}
MEAN = {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "amount", "min_value": 0}}
AGGREGATE = {"name": "figure", "type": "sql", "description": "Says something.", "mustBe": 0}


@pytest.mark.parametrize(
    ("table", "edit", "expected"),
    [
        # The standard, and keys that nobody reads
        ("silver/orders", lambda d: without(d, "version"), '"version" is a required property'),
        ("silver/orders", lambda d: d.update(version=1), 'version: 1 is not of type "string"'),
        ("silver/orders", lambda d: d.update(version="1.0"), "version: '1.0' is not major.minor.patch"),
        ("silver/orders", lambda d: d.update(apiVersion="v2.2.2"), "apiVersion: the lakehouse reads v3.1.0"),
        ("silver/orders", lambda d: d.update(id="silver/order"), "id: 'silver/order' is not the table of the file"),
        ("silver/orders", lambda d: d.update(retention=3), "retention: the lakehouse reads no such key"),
        ("silver/orders", lambda d: d.update(servers=[]), "servers: the lakehouse reads no such key"),
        ("silver/orders", lambda d: d["description"].update(aim="x"), "description.aim: the lakehouse reads no such key"),
        ("silver/orders", lambda d: d["team"].update(lead="x"), "team.lead: the lakehouse reads no such key"),
        ("silver/orders", lambda d: d["support"][0].update(room="x"), "support[0].room: the lakehouse reads no such key"),
        ("silver/orders", lambda d: column(d, "amount").update(requred=True), "schema[0].properties[5] 'amount'.requred: the lakehouse reads no such key"),
        ("silver/orders", lambda d: column(d, "amount").update(required="yes"), '\'amount\'.required: "yes" is not of type "boolean"'),
        ("silver/orders", lambda d: rule(d, **PREDICATE, name="x", implementation="amount > 0", sevrity="error"), "'x'.sevrity: the lakehouse reads no such key"),
        ("silver/orders", lambda d: d["customProperties"][0].update(note="x"), "customProperties[0] 'writeMode'.note: the lakehouse reads no such key"),
        ("silver/orders", lambda d: custom(d, "partitionDrifts", 3), "'partitionDrifts'.property: the lakehouse knows no such custom property"),
        ("silver/orders", lambda d: d["customProperties"].append(d["customProperties"][0]), "customProperties[6] 'writeMode'.property: given twice"),
        ("silver/orders", lambda d: custom(column(d, "amount"), "masked", "hash"), "'masked'.property: the lakehouse knows no such custom property"),
        ("silver/orders", lambda d: column(d, "amount")["logicalTypeOptions"].update(multipleOf=1), "logicalTypeOptions.multipleOf: the lakehouse reads no such option of decimal(18,2)"),
        ("silver/orders", lambda d: column(d, "amount")["logicalTypeOptions"].update(minimun=1), "logicalTypeOptions.minimun: the lakehouse reads no such option"),
        ("silver/orders", lambda d: column(d, "status")["quality"][0]["arguments"].update(vaildValues=[]), "arguments.vaildValues: metric invalidValues has no such argument"),
        ("silver/orders", lambda d: rule(d, **PREDICATE, name="x", implementation="amount > 0", mustBe=1), "'x'.mustBe: a rule of type custom has no such key"),
        # Identity, ownership and service level
        ("silver/orders", lambda d: without(d["description"], "purpose"), "description: purpose is missing"),
        ("silver/orders", lambda d: without(d, "team"), "team: name is missing"),
        ("silver/orders", lambda d: without(d["schema"][0], "dataGranularityDescription"), "dataGranularityDescription is missing"),
        ("silver/orders", lambda d: d["schema"][0].update(name="order"), "schema[0].name: 'order' is not the table of the file"),
        ("silver/orders", lambda d: d["schema"].append({"name": "second"}), "schema: a contract describes one table, not 2"),
        ("silver/orders", lambda d: d["schema"][0].update(properties=[]), "the table has no columns"),
        ("silver/orders", lambda d: d["slaProperties"].pop(0), "slaProperties: timeOfAvailability is missing"),
        ("silver/orders", lambda d: d["slaProperties"].pop(1), "slaProperties: retention is missing"),
        ("silver/orders", lambda d: d["slaProperties"].append(d["slaProperties"][0]), "slaProperties: timeOfAvailability is given twice"),
        ("silver/orders", lambda d: d["slaProperties"][0].update(value="02:30"), "'timeOfAvailability'.value: '02:30' is not a time of day in UTC"),
        ("silver/orders", lambda d: d["slaProperties"][0].update(value="02:30+02:00"), "is not a time of day in UTC"),
        ("silver/orders", lambda d: d["slaProperties"][1].update(unit="weeks"), "'retention': retention is a whole number of days"),
        ("silver/orders", lambda d: d["slaProperties"].append({"property": "uptime", "value": 1}), "slaProperties[2] 'uptime': the lakehouse holds timeOfAvailability, retention, latency, frequency"),
        ("silver/orders", lambda d: d["slaProperties"].append({"property": "latency", "value": 5, "unit": "min"}), "slaProperties[2] 'latency': only bronze tables have a latency"),
        ("silver/orders", lambda d: d["slaProperties"].append({"property": "frequency", "value": 1, "unit": "week"}), "slaProperties[2] 'frequency': frequency is a whole number of minutes"),
        # Columns
        ("silver/orders", lambda d: without(column(d, "amount"), "description"), "'amount': description is missing"),
        ("silver/orders", lambda d: without(column(d, "amount"), "logicalType"), "'amount': logicalType is missing"),
        ("silver/orders", lambda d: without(column(d, "amount"), "physicalType"), "'amount': physicalType is missing: logicalType number has several"),
        ("silver/orders", lambda d: column(d, "amount").update(physicalType="money"), "'amount'.physicalType: 'money' is no column type"),
        ("silver/orders", lambda d: column(d, "amount").update(physicalType="bigint"), "'amount'.physicalType: bigint is of logicalType integer, not number"),
        ("silver/orders", lambda d: column(d, "amount").update(name="Amount"), "'Amount'.name: a column's name is lower-case"),
        ("silver/orders", lambda d: d["schema"][0]["properties"].append(column(d, "amount")), "properties[9] 'amount'.name: the table has two columns of this name"),
        ("silver/orders", lambda d: column(d, "amount").update(classification="secret"), "'amount'.classification: 'secret' is none of public"),
        ("silver/orders", lambda d: column(d, "order_id").update(logicalTypeOptions={"pattern": "\\d+"}), "logicalTypeOptions.pattern: engines read '\\d' differently"),
        ("silver/orders", lambda d: column(d, "order_id").update(logicalTypeOptions={"pattern": "[a"}), "logicalTypeOptions.pattern: '[a' is no regular expression"),
        ("silver/orders", lambda d: column(d, "order_date").update(logicalTypeOptions={"minimum": "yesterday"}), "logicalTypeOptions.minimum: Invalid isoformat string"),
        ("silver/orders", lambda d: column(d, "last_modified_ts").update(logicalTypeOptions={"minimum": "2020-01-01T00:00:00"}), "'2020-01-01T00:00:00' has no time zone"),
        ("silver/orders", lambda d: without(column(d, "status"), "required"), "'status': a column of known values says `required: true`"),
        ("silver/orders", lambda d: without(column(d, "currency"), "required"), "'currency': a column of known values says `required: true`"),
        ("silver/orders", lambda d: custom(column(d, "amount"), "codeList", "ISO-4217"), "'codeList': known values are for text, not for decimal(18,2)"),
        ("silver/orders", lambda d: custom(column(d, "currency"), "codeList", "ISO-1"), "'codeList'.value: 'ISO-1' is none of ISO-3166, ISO-4217"),
        ("silver/orders", lambda d: column(d, "customer_id").update(enum=[{"value": "a"}, {"value": "a", "label": "b"}]), "'customer_id'.enum: a known value occurs twice"),
        ("silver/orders", lambda d: column(d, "customer_id").update(enum=[{"value": 1}]), "'customer_id'.enum: known values are a list of texts"),
        ("silver/orders", lambda d: custom(column(d, "amount"), "mask", "initial"), "'amount'.customProperties[0] 'mask': initial masks text, not decimal(18,2)"),
        ("silver/orders", lambda d: custom(column(d, "amount"), "mask", "blur"), "'mask'.value: 'blur' is none of hash, initial"),
        ("silver/orders", lambda d: custom(column(d, "amount"), "derived", "yes"), "'derived'.value: 'yes' is neither true nor false"),
        ("silver/orders", lambda d: without(column(d, "amount"), "transformSourceObjects"), "'amount': transformSourceObjects is missing"),
        ("silver/orders", lambda d: column(d, "amount").update(transformSourceObjects=[]), "'amount': transformSourceObjects is missing; a constant has the empty list, and transformLogic says which"),
        ("silver/orders", lambda d: column(d, "amount").update(transformSourceObjects=["orders.amount"]), "'orders.amount' is not <layer>/<table>.<column>"),
        # Custom properties
        ("silver/orders", lambda d: custom(d, "writeMode", "append"), "'writeMode'.value: 'append' is none of partitions, changes"),
        ("silver/orders", lambda d: custom(d, "history", None), "customProperties: history is missing"),
        ("silver/orders", lambda d: custom(d, "sequence", None), "customProperties: sequence is missing"),
        ("silver/orders", lambda d: custom(d, "partitionDrift", None), "customProperties: partitionDrift is missing"),
        ("silver/orders", lambda d: custom(d, "restatement", None), "customProperties: restatement is missing"),
        ("silver/orders", lambda d: custom(d, "reads", None), "customProperties: reads is missing"),
        ("bronze/snowflake_orders", lambda d: custom(d, "cursor", None), "customProperties: cursor is missing"),
        ("silver/orders", lambda d: custom(d, "sequence", "modified"), "'sequence': the table has no column 'modified'"),
        ("silver/orders", lambda d: custom(d, "sequence", ""), "'sequence'.value: '' is not text"),
        ("silver/orders", lambda d: custom(d, "cursor", "order_date"), "'cursor': only bronze tables have it"),
        ("gold/fct_orders", lambda d: custom(d, "sequence", "order_date"), "'sequence': only tables of writeMode changes have it"),
        ("silver/orders", lambda d: custom(d, "partitionDrift", -1), "'partitionDrift'.value: -1 is not a whole number of 0 or more"),
        ("bronze/fx_rates", lambda d: custom(d, "windowDays", True), "'windowDays'.value: True is not a whole number of 1 or more"),
        ("silver/orders", lambda d: custom(d, "maxQuarantinedShare", 2), "'maxQuarantinedShare'.value: 2 is not a share from 0 to 1"),
        ("silver/orders", lambda d: custom(d, "allowedLateness", "1 hour"), "'allowedLateness'.value: '1 hour' is not an ISO 8601 duration"),
        ("silver/orders", lambda d: custom(d, "allowedLateness", "PT"), "'PT' is not an ISO 8601 duration"),
        ("silver/orders", lambda d: custom(d, "reads", ["bronze/snowflake_orders"]), "'reads'.value: it maps each table"),
        ("silver/orders", lambda d: custom(d, "reads", {"bronze/snowflake_orders": [0, 1]}), "[0, 1] must ascend and end at 0 or before"),
        ("silver/orders", lambda d: custom(d, "reads", {"bronze/snowflake_orders": "some"}), "'some' is none of `[first, last]`"),
        ("gold/fct_orders", lambda d: custom(d, "conserves", {"source": "silver/orders", "measure": "amount"}), "'conserves'.value: it has `source`, and `measure` with `expression`"),
        ("gold/fct_orders", lambda d: custom(d, "conserves", {"source": "silver/order"}), "'conserves': the table does not read 'silver/order'"),
        ("gold/product_perf_daily", lambda d: custom(d, "conserves", {"source": "gold/fct_orders", "measure": "gross", "expression": "amount_eur"}), "'conserves': the table has no column 'gross'"),
        ("silver/customers", lambda d: custom(d, "deleteCondition", "deleted"), "'deleteCondition': the table has no column 'deleted'"),
        ("silver/fx_rates", lambda d: custom(d, "businessDate", "currency"), "customProperties: a table stored by month needs businessDate"),
        ("silver/fx_rates", lambda d: custom(d, "businessDate", None), "customProperties: a table stored by month needs businessDate"),
        ("silver/orders", lambda d: custom(d, "businessDate", "order_date"), "'businessDate': only tables stored by month have it"),
        ("silver/customers", lambda d: custom(d, "partitionDrift", 3), "'partitionDrift': only scd1 has it"),
        ("bronze/fx_rates", lambda d: custom(d, "reads", {"silver/fx_rates": [0, 0]}), "'reads': bronze reads a source, no table"),
        # What fields say together
        ("silver/orders", lambda d: without(column(d, "order_id"), "primaryKey"), "no column is `primaryKey: true`"),
        ("gold/fct_orders", lambda d: without(column(d, "order_id"), "primaryKey"), "no column is `primaryKey: true`"),
        ("silver/orders", lambda d: without(column(d, "order_id"), "required"), "'order_id': it is part of the key, hence `required: true`"),
        ("silver/orders", lambda d: without(column(d, "last_modified_ts"), "required"), "'last_modified_ts': it is the sequence, hence `required: true`"),
        ("silver/orders", lambda d: without(column(d, "order_date"), "required"), "'order_date': it is the storage partition, hence `required: true`"),
        ("bronze/snowflake_orders", lambda d: without(column(d, "last_modified_ts"), "required"), "'last_modified_ts': it is the cursor, hence `required: true`"),
        ("bronze/snowflake_orders", lambda d: column(d, "order_id").update(required=True), "'order_id'.required: bronze keeps what arrives"),
        ("bronze/snowflake_orders", lambda d: column(d, "amount").update(logicalTypeOptions={"minimum": 0}), "rule 'amount_minimum': bronze keeps what arrives, its rules only warn"),
        ("silver/orders", lambda d: without(column(d, "order_date"), "partitioned"), "one column is `partitioned: true`, not 0"),
        ("silver/orders", lambda d: column(d, "status").update(partitioned=True), "one column is `partitioned: true`, not 2"),
        ("gold/dim_customers", lambda d: (column(d, "snapshot_date").pop("partitioned"), column(d, "last_modified_ts").update(partitioned=True)), "'last_modified_ts': a storage partition is a date or a text, not timestamp"),
        ("silver/customers", lambda d: drop_column(d, "valid_to"), "scd2 needs a column 'valid_to' of type timestamp"),
        ("silver/customers", lambda d: drop_column(d, "is_current"), "scd2 needs a column 'is_current' of type boolean"),
        ("silver/customers", lambda d: column(d, "valid_from").update(logicalType="date"), "scd2 needs a column 'valid_from' of type timestamp"),
        ("silver/customers", lambda d: column(d, "valid_to").update(required=True), "'valid_to': valid_to is null while current"),
        ("silver/customers", lambda d: without(column(d, "is_current"), "required"), "'is_current': valid_to is null while current, the other columns of history never"),
        ("silver/customers", lambda d: (column(d, "valid_to_month").pop("partitioned"), column(d, "signup_date").update(partitioned=True, required=True)), "'signup_date'.partitioned: scd2 is stored by valid_to_month"),
        ("silver/orders", lambda d: add_column(d, name="valid_from", logicalType="timestamp"), "'valid_from': only scd2 has it"),
        ("bronze/fx_rates", lambda d: drop_column(d, "_source"), "bronze has a column '_source' of type string"),
        ("bronze/fx_rates", lambda d: (column(d, "_window").pop("partitioned"), column(d, "rate_date").update(partitioned=True)), "'rate_date'.partitioned: bronze is stored by _window"),
        ("gold/dim_customers", lambda d: (column(d, "email").update(classification="restricted"), custom(column(d, "email"), "mask", None)), "'email': gold holds no restricted value without a mask"),
        ("gold/fct_orders", lambda d: [custom(d, name, value) for name, value in (("writeMode", "changes"), ("history", "scd1"), ("sequence", "last_modified_ts"), ("partitionDrift", 0))], "'writeMode': changes are applied in silver only"),
        # Rules
        ("silver/orders", lambda d: rule(d, **PREDICATE, name="amount_minimum", implementation="amount > 0"), "2 rules are named 'amount_minimum'"),
        ("silver/orders", lambda d: rule(d, **PREDICATE, name="amount_type", implementation="amount > 0"), "the rule name 'amount_type' is kept for values that can't be read"),
        ("silver/orders", lambda d: rule(d, **PREDICATE, name="Big amount", implementation="amount > 0"), "the rule name 'Big amount' is not lower-case"),
        ("silver/orders", lambda d: rule(d, **PREDICATE, name="x", implementation="amuont > 0"), "rule 'x': column 'amuont': the table has no such"),
        ("silver/customers", lambda d: rule(d, **PREDICATE, name="x", implementation="valid_to > valid_from"), "rule 'x': column 'valid_to': a row has it only after change application"),
        ("silver/orders", lambda d: rule(d, **AGGREGATE, query="SELECT sum(amuont) FROM ${table}"), "rule 'figure': the table has no column 'amuont'"),
        ("silver/orders", lambda d: rule(d, metric="duplicateValues", arguments={"properties": ["x"]}, mustBe=0), "rule 'x_unique': the table has no column 'x'"),
        ("silver/orders", lambda d: rule(d, metric="duplicateValues", mustBe=0), "duplicateValues of the table needs `properties`"),
        ("silver/orders", lambda d: column_rule(d, "amount", metric="duplicateValues", mustBeLessThan=3), "the lakehouse holds duplicateValues only to `mustBe: 0`"),
        ("silver/orders", lambda d: column_rule(d, "amount", metric="rowCount", mustBe=3), "quality[0].metric: rowCount is a metric of the table"),
        ("silver/orders", lambda d: rule(d, metric="nullValues", mustBe=0), "metric: nullValues is a metric of a column"),
        ("silver/orders", lambda d: column_rule(d, "amount", metric="nullValues", mustBe=0, unit="parts"), "unit: nullValues is measured in rows or percent"),
        ("silver/orders", lambda d: column_rule(d, "amount", metric="nullValues", mustBeLessThan="a"), "quality[0]: it needs exactly one operator with a number"),
        ("silver/orders", lambda d: column_rule(d, "amount", metric="nullValues", mustBe="none"), "mustBe: a figure is compared with a number"),
        ("silver/orders", lambda d: column_rule(d, "amount", metric="nullValues"), "quality[0]: it needs exactly one operator with a number"),
        ("silver/orders", lambda d: column_rule(d, "amount", metric="freshness", mustBe=0), "'freshness' is not one of"),
        ("silver/orders", lambda d: column_rule(d, "amount", name="x", mustBe=0), "a rule of type library needs a metric"),
        ("silver/orders", lambda d: column_rule(d, "order_id", metric="invalidValues", mustBe=0), "invalidValues needs the argument validValues or pattern"),
        ("silver/orders", lambda d: column_rule(d, "order_id", metric="invalidValues", arguments={"validValues": ["a"], "pattern": "a"}, mustBe=0), "validValues and pattern are two rules"),
        ("silver/orders", lambda d: column_rule(d, "order_id", metric="missingValues", mustBe=0), "missingValues is of text, and needs the argument missingValues"),
        ("silver/orders", lambda d: rule(d, **{**AGGREGATE, "query": "SELECT 1"}), "query: a rule of type sql is the table's"),
        ("silver/orders", lambda d: rule(d, **PREDICATE, implementation="amount > 0"), "a rule of type custom needs a name and a description"),
        ("silver/orders", lambda d: rule(d, name="x", type="custom", engine="soda", description="y", implementation="z"), "engine: 'soda' is neither spark nor great-expectations"),
        ("silver/orders", lambda d: rule(d, **PREDICATE, name="x", implementation={"type": "y"}), "a rule of the engine spark is a predicate of a row"),
        ("silver/orders", lambda d: column_rule(d, "amount", **EXPECTATION, implementation=MEAN), "an expectation is the table's"),
        ("silver/orders", lambda d: rule(d, **EXPECTATION, implementation="amount > 0"), "'expected'.implementation: an expectation has a `type`"),
        ("silver/orders", lambda d: rule(d, **EXPECTATION, implementation={**MEAN, "meta": {}}), "'expected'.implementation: an expectation has a `type`"),
        ("silver/orders", lambda d: rule(d, **EXPECTATION, implementation={**MEAN, "type": "expect_column_median_to_be_between"}), "implementation.type: the lakehouse runs no expectation 'expect_column_median_to_be_between'"),
        ("silver/orders", lambda d: expect(d, "expect_column_mean_to_be_between", min_value=0), "kwargs: column is missing"),
        ("silver/orders", lambda d: expect(d, "expect_column_mean_to_be_between", column="amount"), "kwargs: min_value or max_value is missing"),
        ("silver/orders", lambda d: expect(d, "expect_column_mean_to_be_between", column="amount", min_value="0"), "kwargs.min_value: '0' is not a number"),
        ("silver/orders", lambda d: expect(d, "expect_column_mean_to_be_between", column="amount", min_value=0, strict_min=1), "kwargs.strict_min: 1 is neither true nor false"),
        ("silver/orders", lambda d: expect(d, "expect_column_mean_to_be_between", column="amount", min_value=0, mostly=0.9), "kwargs.mostly: the expectation has no such argument; it has column"),
        ("silver/orders", lambda d: expect(d, "expect_column_mean_to_be_between", column="amonut", min_value=0), "rule 'expected': the table has no column 'amonut'"),
        ("silver/orders", lambda d: expect(d, "expect_column_mean_to_be_between", column="status", min_value=0), "rule 'expected': expect_column_mean_to_be_between is of numbers, and 'status' is string"),
        ("silver/orders", lambda d: expect(d, "expect_compound_columns_to_be_unique", column_list=["status", "x"]), "rule 'expected': the table has no column 'x'"),
        ("silver/orders", lambda d: expect(d, "expect_compound_columns_to_be_unique", column_list="status"), "kwargs.column_list: 'status' is not a list of texts"),
        ("silver/orders", lambda d: expect(d, "expect_compound_columns_to_be_unique", column_list=["status"], ignore_row_if="null"), "kwargs.ignore_row_if: 'null' is none of all_values_are_missing"),
        ("silver/orders", lambda d: expect(d, "expect_column_values_to_be_in_set", column="status", value_set=["PAID"], mostly=1), "kwargs.mostly: 1 is not a share"),
        ("silver/orders", lambda d: expect(d, "expect_column_distinct_values_to_be_in_set", column="status", value_set=[]), "kwargs.value_set: [] is not a list"),
        ("silver/orders", lambda d: expect(d, "expect_column_pair_values_to_be_in_set", column_A="status", column_B="currency", value_pairs_set=["a"]), "kwargs.value_pairs_set: ['a'] is not a list of pairs"),
        ("silver/orders", lambda d: expect(d, "expect_column_values_to_match_regex", column="status", regex=1), "kwargs.regex: 1 is not text"),
        ("silver/orders", lambda d: expect(d, "unexpected_rows_expectation", unexpected_rows_query="SELECT 1"), "kwargs.unexpected_rows_query: it is a query that gives the rows that must not be"),
        ("bronze/snowflake_orders", lambda d: expect(d, "expect_column_mean_to_be_between", column="amount", min_value=0), "rule 'expected': bronze keeps what arrives, its rules only warn"),
        ("silver/orders", lambda d: rule(d, name="x", type="text", description="y"), "a run counts no 'x' here"),
        ("silver/orders", lambda d: rule(d, **PREDICATE, name="x", implementation="amount > 0", severity="info"), "severity: 'info' is neither error nor warning"),
        ("silver/orders", lambda d: rule(d, **PREDICATE, name="x", implementation="amount > 0", dimension="validity"), "dimension: 'validity' is not one of"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, table: str, edit: Edit, expected: str) -> None:
    message = problem_with(tmp_path, table, edit)
    assert expected in message
    assert all(line.startswith(f"contracts/{table}.odcs.yaml: {table}: ") for line in message.splitlines())


@pytest.mark.parametrize(
    ("table", "edit", "expected"),
    [
        ("silver/orders", lambda d: custom(d, "reads", {"bronze/orders": [0, 0]}), "'reads': there is no table 'bronze/orders'"),
        ("silver/orders", lambda d: custom(d, "reads", {"bronze/snowflake_orders": [0, 0], "gold/fct_orders": [0, 0]}), "'gold/fct_orders' is of a layer above"),
        ("gold/fct_orders", lambda d: d["customProperties"][-1]["value"].update({"gold/revenue_by_geography": [0, 0]}), "'gold/revenue_by_geography' is made from this table"),
        ("gold/dim_products", lambda d: d["customProperties"][-1]["value"].update({"silver/products": [0, 0]}), "'silver/products' is scd2: its rows are of no day, read it as_of"),
        ("gold/fct_orders", lambda d: d["customProperties"][-1]["value"].update({"silver/orders": "as_of"}), "'silver/orders' keeps no history to read as_of a day"),
        ("silver/orders", lambda d: column(d, "amount").update(transformSourceObjects=["bronze/snowflake_orders.total"]), "'bronze/snowflake_orders' has no column 'total'"),
        ("silver/orders", lambda d: column(d, "amount").update(transformSourceObjects=["bronze/fx_rates.rate"]), "transformSourceObjects[0]: the table does not read 'bronze/fx_rates'"),
        ("gold/product_perf_daily", lambda d: d["customProperties"][2]["value"].update(expression="total_eur"), "'conserves': 'gold/fct_orders' has no column 'total_eur'"),
        ("gold/dim_customers", lambda d: custom(column(d, "email"), "mask", None), "'silver/customers.email' is restricted"),
        ("gold/dim_customers", lambda d: (custom(column(d, "email"), "mask", None), column(d, "email").pop("classification")), "'silver/customers.email' is restricted"),
        ("silver/customers", lambda d: column(d, "phone").pop("classification"), "'bronze/snowflake_customers.phone' is restricted"),
    ],
)  # fmt: skip
def test_what_contracts_say_of_each_other_is_checked(tmp_path: Path, table: str, edit: Edit, expected: str) -> None:
    copy_shipped(tmp_path)
    edited(tmp_path, table, edit)
    with pytest.raises(ContractError) as raised:
        load_contracts(tmp_path / "contracts")
    assert f"contracts/{table}.odcs.yaml: {table}: " in str(raised.value)
    assert expected in str(raised.value)


def test_a_restricted_source_may_be_declared_harmless_with_a_reason(tmp_path: Path) -> None:
    copy_shipped(tmp_path)

    def count_letters(document: Document) -> None:
        source = ["silver/customers.email"]
        add_column(document, name="email_length", logicalType="integer", physicalType="int", classification="internal")
        column(document, "email_length").update(transformSourceObjects=source, transformLogic="length(email)")

    edited(tmp_path, "gold/dim_customers", count_letters)
    assert not load_contracts(tmp_path / "contracts")["gold/dim_customers"].by_name["email_length"].restricted


def test_all_problems_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    def break_three(document: Document) -> None:
        column(document, "amount").update(physicalType="money")
        document["slaProperties"].pop(1)
        custom(document, "partitionDrift", "many")

    assert len(problem_with(tmp_path, "silver/orders", break_three).splitlines()) == 3


def test_the_problems_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    copy_shipped(tmp_path)
    edited(tmp_path, "silver/orders", lambda document: document.pop("team"))
    edited(tmp_path, "silver/fx_rates", lambda document: document.pop("team"))
    with pytest.raises(ContractError) as raised:
        load_contracts(tmp_path / "contracts")
    assert [line.split(": ")[1] for line in str(raised.value).splitlines()] == ["silver/fx_rates", "silver/orders"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id: a\nid: b\n", "line 2: the key 'id' occurs twice"),
        ("team:\n  name: a\n  name: b\n", "line 3: the key 'name' occurs twice"),
        ("1: a\n", "line 1: the key '1' is not text"),
        ("id: !!binary aGk=\n", "binary"),
        ("id: [a\n", "not readable as YAML"),
        ("- id\n", "the file holds no mapping"),
        ("", "the file holds no mapping"),
    ],
)
def test_a_file_that_is_no_mapping_of_distinct_texts_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ContractError) as raised:
        load_contract(write(tmp_path, "silver/orders", text))
    assert str(raised.value).startswith("contracts/silver/orders.odcs.yaml: silver/orders: ")
    assert expected in str(raised.value)


def test_plain_scalars_mean_what_they_look_like(tmp_path: Path) -> None:
    """The country NO is not false, the time 12:30 not 750, and a date is the text that the standard asks for."""
    text = text_of("silver/orders").replace("validValues: [PLACED,", "validValues: [NO, on, 12:30, 1_000, 2026-01-01,")
    known = next(
        rule for rule in load_contract(write(tmp_path, "silver/orders", text)).row_rules if rule.name == "status_known"
    )
    assert known.constraint is not None
    assert isinstance(known.constraint.limit, frozenset)
    assert {"NO", "on", "12:30", "1_000", "2026-01-01", "PAID"} <= known.constraint.limit


def test_a_file_in_the_wrong_place_is_refused(tmp_path: Path) -> None:
    for place in ("platinum/orders.odcs.yaml", "silver/orders.yaml", "silver/orders.odcs.yml"):
        path = tmp_path / "contracts" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of("silver/orders"))
    with pytest.raises(ContractError) as raised:
        load_contracts(tmp_path / "contracts")
    assert str(raised.value).count("a contract is at <layer>/<table>.odcs.yaml") == 3


def test_a_missing_file_or_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"silver/none\.odcs\.yaml"):
        load_contract(tmp_path / "contracts" / "silver" / "none.odcs.yaml")
    with pytest.raises(ContractError, match="nowhere: there is no contract below this folder"):
        load_contracts(tmp_path / "nowhere")


def test_the_keys_that_are_read_are_all_of_the_standard() -> None:
    """What the standard says of keys is left to the list of keys, which therefore must not be wider."""
    document = yaml.safe_load(text_of("silver/orders"))
    document["schema"][0]["quality"] = [
        {"type": "text", **dict.fromkeys(("name", "description", "severity", "unit"), "x"), "dimension": "accuracy"},
        {"metric": "rowCount", "arguments": {}, "mustBe": 0},
        {"type": "sql", "query": "x", "mustBeLessThan": 1},
        {"type": "custom", "engine": "x", "implementation": "x"},
        *({key: value} | {"type": "sql", "query": "x"} for key, value in (("mustNotBe", 1), ("mustBeGreaterThan", 1))),
    ]
    samples: dict[str, Any] = {
        "tags": ["x"], "examples": ["x"], "transformSourceObjects": ["x"], "logicalType": "string", "logicalTypeOptions": {},
        "required": True, "unique": True, "primaryKey": True, "partitioned": True, "dateIn": "2026-01-01", "dateOut": "2026-01-01",
    }  # fmt: skip

    def filled(keys: Keys) -> Document:
        return {
            key: samples.get(key, "x") if inner is None else [filled(inner)]
            for key, inner in keys.items()
            if key not in ("quality", "properties", "items", "map")
        }

    def keys_at(*path: str) -> Keys:
        keys = DOCUMENT_KEYS
        for step in path:
            inner = keys[step]
            assert inner is not None
            keys = inner
        return keys

    document["description"] = filled(keys_at("description"))
    document["team"] = filled(keys_at("team"))
    document["support"] = [filled(keys_at("support"))]
    document["slaProperties"] = [filled(keys_at("slaProperties"))]
    document["customProperties"] = [filled(keys_at("customProperties"))]
    document["domain"] = "x"
    document["schema"][0] |= filled(keys_at("schema"))
    column_keys = filled(keys_at("schema", "properties"))
    part = filled(keys_at("schema", "properties", "items"))
    document["schema"][0]["properties"] = [
        column_keys,
        {"name": "x", "logicalType": "array", "items": part},
        {"name": "x", "logicalType": "object", "properties": [part]},
        {"name": "x", "logicalType": "map", "map": {"key": part, "value": part}},
    ]
    assert set(document) == set(DOCUMENT_KEYS)
    assert [error.message for error in validator().iter_errors(document)] == []


def test_every_way_to_state_a_rule_is_read(tmp_path: Path) -> None:
    def state_all(document: Document) -> None:
        document["apiVersion"] = "v3.2.0"
        column(document, "order_id").update(unique=True, logicalTypeOptions={"minLength": 1, "maxLength": 9})
        column(document, "customer_id").update(enum=[{"value": "a"}, {"value": "b"}], required=False)
        column_rule(document, "product_id", metric="nullValues", mustBe=0, name="has_product", severity="warning")
        column_rule(document, "product_id", metric="nullValues", mustBeLessThan=5, unit="percent", name="few_nulls")
        column_rule(
            document, "product_id", metric="missingValues", arguments={"missingValues": [None, "N/A"]}, mustBe=0
        )
        column_rule(document, "product_id", metric="invalidValues", arguments={"pattern": "^P"}, mustBe=0)
        column_rule(document, "product_id", metric="duplicateValues", mustBe=0, severity="warning")
        rule(document, metric="rowCount", mustBeGreaterOrEqualTo=1)
        rule(
            document, metric="duplicateValues", arguments={"properties": ["order_id", "status"]}, mustBe=0, name="pairs"
        )
        rule(
            document,
            name="total",
            type="sql",
            description="x",
            query="select\n  sum(amount)\nfrom ${table}",
            mustBeBetween=[1, 2],
        )
        rule(
            document,
            name="odd",
            type="sql",
            description="x",
            query="SELECT max(amount) FROM ${table}",
            mustNotBeBetween=[1, 2],
        )

    contract = read_with(tmp_path, "silver/orders", state_all)
    rows = {row_rule.name: row_rule for row_rule in contract.row_rules}
    assert rows["order_id_min_length"].predicate == "length(`order_id`) >= 1"
    assert rows["customer_id_known"].predicate == "`customer_id` in ('a', 'b')"
    assert "customer_id_required" not in rows
    assert rows["has_product"].severity == Severity.WARNING
    assert rows["product_id_missing_values"].predicate == "`product_id` is not null and `product_id` not in ('N/A')"
    assert rows["product_id_pattern"].dimension == "conformity"
    table = {table_rule.name: table_rule for table_rule in contract.table_rules}
    assert table["order_id_unique"] == UniqueRule(
        "order_id_unique",
        ("order_id",),
        Severity.ERROR,
        "uniqueness",
        "No two rows of a partition have the same order_id",
    )
    assert table["product_id_unique"].severity == Severity.WARNING
    pairs, few, count, total, odd = (table[name] for name in ("pairs", "few_nulls", "row_count", "total", "odd"))
    assert isinstance(pairs, UniqueRule)
    assert pairs.columns == ("order_id", "status")
    assert isinstance(few, AggregateRule)
    assert few.expression.startswith("100 * avg(case when not (`product_id` is not null)")
    assert few.bounds == Bounds(below=5)
    assert isinstance(count, AggregateRule)
    assert (count.expression, count.bounds) == ("count(*)", Bounds(at_least=1))
    assert isinstance(total, AggregateRule)
    assert (total.expression, total.bounds) == ("sum(amount)", Bounds(at_least=1, at_most=2))
    assert isinstance(odd, AggregateRule)
    assert odd.bounds == Bounds(not_between=(1, 2))


@pytest.mark.parametrize(
    ("kind", "kwargs", "figure", "bounds"),
    [
        ("expect_column_mean_to_be_between", {"column": "amount", "min_value": 0, "max_value": 9.5}, ("observed_value",), Bounds(at_least=0, at_most=9.5)),
        ("expect_column_mean_to_be_between", {"column": "amount", "min_value": 0, "strict_min": True, "max_value": 1, "strict_max": True}, ("observed_value",), Bounds(above=0, below=1)),
        ("expect_column_values_to_be_in_set", {"column": "amount", "value_set": [1]}, ("unexpected_count",), Bounds(equal=0)),
        ("expect_column_values_to_be_in_set", {"column": "amount", "value_set": [1], "mostly": 0.95}, ("unexpected_percent_nonmissing",), Bounds(at_most=5)),
        ("expect_column_distinct_values_to_equal_set", {"column": "amount", "value_set": [1]}, ("unexpected_count", "missing_count"), Bounds(equal=0)),
    ],
)  # fmt: skip
def test_an_expectation_is_a_rule_with_bounds(
    tmp_path: Path, kind: str, kwargs: Document, figure: tuple[str, ...], bounds: Bounds
) -> None:
    contract = read_with(tmp_path, "silver/orders", lambda document: expect(document, kind, **kwargs))
    assert contract.table_rules[-1] == ExpectationRule(
        "expected", kind, kwargs, ("amount",), figure, bounds, Severity.ERROR, "consistency", "Says something."
    )


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"logicalType": "string"}, "string"),
        ({"logicalType": "number", "physicalType": "decimal(18, 2)"}, "decimal(18,2)"),
        ({"logicalType": "array", "physicalType": "array<struct<a:string,b:decimal(18,2)>>"}, "array<struct<a:string,b:decimal(18,2)>>"),
        ({"logicalType": "array", "items": {"logicalType": "object", "properties": [{"name": "a", "logicalType": "string"}, {"name": "b", "logicalType": "integer", "physicalType": "int"}]}}, "array<struct<a:string,b:int>>"),
        ({"logicalType": "map", "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "date"}}}, "map<string,date>"),
        ({"logicalType": "map", "physicalType": "map<string, date>", "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "date"}}}, "map<string,date>"),
    ],
)  # fmt: skip
def test_types_are_spelt_for_the_engine(tmp_path: Path, entry: Document, expected: str) -> None:
    contract = read_with(tmp_path, "silver/orders", lambda document: add_column(document, name="new", **entry))
    assert contract.by_name["new"].type == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"logicalType": "array"}, "'new': physicalType is missing"),
        ({"logicalType": "array", "items": {"logicalType": "number"}}, "'new'.items: physicalType is missing"),
        ({"logicalType": "array", "items": {"name": "a"}}, "'new'.items: logicalType is missing"),
        ({"logicalType": "array", "items": {"logicalType": "string", "unique": True}}, "'new'.items.unique: the lakehouse reads no such key"),
        ({"logicalType": "array", "physicalType": "array<int>", "items": {"logicalType": "string"}}, "array<int> is not what its parts are, array<string>"),
        ({"logicalType": "map", "physicalType": "map<string,int>"}, '"map" is a required property'),
        ({"logicalType": "time"}, "'new': physicalType is missing"),
    ],
)  # fmt: skip
def test_types_that_cant_be_told_are_named(tmp_path: Path, entry: Document, expected: str) -> None:
    assert expected in problem_with(
        tmp_path, "silver/orders", lambda document: add_column(document, name="new", **entry)
    )


def test_custom_properties_reach_the_model(tmp_path: Path) -> None:
    def state_all(document: Document) -> None:
        for name, value in (("maxQuarantinedShare", 0.5), ("allowedLateness", "P1DT2H3M4S"), ("live", True)):
            custom(document, name, value)
        custom(
            document,
            "reads",
            {
                "silver/orders": "all",
                "silver/customers": "as_of",
                "gold/customer_daily": "month",
                "silver/fx_rates": [-7, 0],
            },
        )

    contract = read_with(tmp_path, "gold/fct_orders", state_all)
    assert contract.max_quarantined_share == 0.5
    assert contract.allowed_lateness == dt.timedelta(days=1, hours=2, minutes=3, seconds=4)
    assert contract.live
    assert contract.reads == (
        Read("silver/orders", "all"), Read("silver/customers", "as_of"), Read("gold/customer_daily", "month"), Read("silver/fx_rates", "days", -7, 0),
    )  # fmt: skip


def test_a_restricted_column_without_a_mask_is_hidden(tmp_path: Path) -> None:
    contract = read_with(
        tmp_path, "silver/customers", lambda document: column(document, "city").update(classification="restricted")
    )
    assert contract.by_name["city"].mask == Mask("hide")


def test_conflicting_versions_are_counted_in_every_table_of_changes(tmp_path: Path) -> None:
    contract = read_with(tmp_path, "silver/orders", lambda document: document["schema"][0].pop("quality"))
    assert [(counted.name, counted.severity) for counted in contract.counted_rules] == [
        ("conflicting_versions", "warning")
    ]


@pytest.mark.parametrize(
    "predicate",
    [
        "amount > 0 AND status IN ('amuont', 'it\\'s') OR `order_id` is null",
        "exists(split(order_id, ','), part -> part = status)",
        "aggregate(array(1), 0, (total, each) -> total + each) = quantity",
        "case when amount between 0 and 1e3 then true else not isnan(cast(amount as double)) end",
        "last_modified_ts >= timestamp'2020-01-01' + interval 1 day",
        "named_struct('a', order_id).a = order_id",
    ],
)
def test_functions_texts_fields_and_variables_are_no_unknown_columns(tmp_path: Path, predicate: str) -> None:
    contract = read_with(
        tmp_path, "silver/orders", lambda document: rule(document, **PREDICATE, name="x", implementation=predicate)
    )
    assert contract.row_rules[-1].predicate == predicate
