"""What the fields of a contract must say together, and what contracts must say of each other."""

import re
from collections import Counter
from collections.abc import Mapping

from contracts.expectations import computes
from contracts.model import (
    HISTORY_COLUMNS,
    IS_CURRENT,
    VALID_FROM,
    VALID_TO,
    VALID_TO_MONTH,
    WINDOW,
    AggregateRule,
    Column,
    Contract,
    ExpectationRule,
    RowRule,
    Severity,
    UniqueRule,
)
from contracts.problems import Problems

_RANKS = {"bronze": 0, "silver": 1, "gold": 2}
_HISTORY_TYPES = {VALID_FROM: None, VALID_TO: None, IS_CURRENT: "boolean", VALID_TO_MONTH: "string"}
_RULE_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_NUMBERS = re.compile(r"int|bigint|double|decimal\(.*")
_WORD = re.compile(r"[A-Za-z_]\w*")
_TOKEN = re.compile(r"'(?:\\.|[^'\\])*'|`[^`]+`|\.\s*[A-Za-z_]\w*|[A-Za-z_]\w*(?P<call>\s*\()?|\d\w*|->|.", re.DOTALL)
_WORDS = frozenset(
    """
    all and array as asc bigint between boolean by case cast current_date date day days decimal desc distinct
    double else end escape exists false filter from hour in int integer interval is like map microsecond minute
    month not null or over order partition rlike second separator string struct then timestamp true try_cast
    when where within year
    """.split()  # noqa: SIM905 (a line a word would be longer than what uses them)
)


def unknown_columns(sql: str, known: Mapping[str, object]) -> list[str]:
    """The names in a Spark SQL expression that are neither columns, functions, words of the language nor lambda variables."""
    parts = [(match[0], match["call"] is not None) for match in _TOKEN.finditer(sql) if not match[0].isspace()]
    names = {text.strip("`") for text, call in parts if _names_column(text, call=call)}
    variables: set[str] = set()
    for index, (text, _) in enumerate(parts):
        if text == "->" and index:
            opening = (
                max(place for place in range(index) if parts[place][0] == "(")
                if parts[index - 1][0] == ")"
                else index - 1
            )
            variables.update(variable for variable, _ in parts[opening:index])
    return sorted(names - variables - known.keys())


def _names_column(text: str, *, call: bool) -> bool:
    if text.startswith("`"):
        return True
    return not call and _WORD.fullmatch(text) is not None and text.lower() not in _WORDS


def check_contract(contract: Contract, problems: Problems) -> None:
    """Adds what the fields of one contract contradict each other in."""
    _check_names(contract, problems)
    _check_required(contract, problems)
    _check_partition(contract, problems)
    _check_rules(contract, problems)
    if contract.layer == "bronze":
        _check_bronze(contract, problems)
    elif not contract.key:
        problems.at("schema", 0, "properties").add("no column is `primaryKey: true`: what tells two rows apart?")
    if contract.mode == "changes":
        _check_changes(contract, problems)
    _check_masks(contract, problems)


def _check_masks(contract: Contract, problems: Problems) -> None:
    for column in contract.columns:
        if column.mask is not None and column.mask.kind != "hide" and column.type != "string":
            problems.column(column.name).property("mask").add(f"{column.mask.kind} masks text, not {column.type}")
        if contract.layer == "gold" and column.restricted and column.mask is None:
            problems.column(column.name).add("gold holds no restricted value without a mask")


def _check_names(contract: Contract, problems: Problems) -> None:
    """That fields which name columns name columns of the table."""
    for field, column in (
        ("sequence", contract.sequence),
        ("businessDate", contract.business_date),
        ("cursor", contract.cursor),
        ("cursorFallback", contract.cursor_fallback),
    ):
        if column is not None and column not in contract.by_name:
            problems.property(field).add(f"the table has no column '{column}'")
    if contract.delete_condition is not None:
        for name in unknown_columns(contract.delete_condition, contract.by_name):
            problems.property("deleteCondition").add(f"the table has no column '{name}'")
    if contract.conserves is not None:
        for name in unknown_columns(contract.conserves.measure or "", contract.by_name):
            problems.property("conserves").add(f"the table has no column '{name}'")
        if contract.conserves.source not in {read.table for read in contract.reads}:
            problems.property("conserves").add(f"the table does not read '{contract.conserves.source}'")


def _check_required(contract: Contract, problems: Problems) -> None:
    needed = {contract.partition_column: "the storage partition"}
    if contract.business_date:
        needed[contract.business_date] = "what the storage partition derives from"
    if contract.sequence:
        needed[contract.sequence] = "the sequence"
    if contract.cursor:
        needed[contract.cursor] = "the cursor"
    if contract.layer != "bronze":
        needed.update(dict.fromkeys(contract.key, "part of the key"))
    for name, role in needed.items():
        if name in contract.by_name and not contract.by_name[name].required:
            problems.column(name).add(f"it is {role}, hence `required: true`")
    if contract.layer == "bronze":
        for column in contract.columns:
            if column.required and column.name not in needed:
                problems.column(column.name).at("required").add(
                    "bronze keeps what arrives: only the cursor and the storage partition are required"
                )


def _check_partition(contract: Contract, problems: Problems) -> None:
    column = contract.by_name[contract.partition_column]
    if column.type not in ("date", "string"):
        problems.column(column.name).add(f"a storage partition is a date or a text, not {column.type}")
    elif column.type == "string" and contract.history != "scd2":
        date = contract.by_name.get(contract.business_date or "")
        if date is None or date.type != "date":
            problems.at("customProperties").add(
                "a table stored by month needs businessDate, a date column that the month is of"
            )
    elif column.type == "date" and contract.business_date is not None:
        problems.property("businessDate").add("only tables stored by month have it")


def _check_rules(contract: Contract, problems: Problems) -> None:
    names = Counter(rule.name for rule in (*contract.row_rules, *contract.table_rules, *contract.counted_rules))
    built_in = {f"{column.name}_type" for column in contract.columns}
    for name, count in names.items():
        if count > 1:
            problems.at("schema", 0).add(f"{count} rules are named '{name}'")
        if name in built_in:
            problems.at("schema", 0).add(
                f"the rule name '{name}' is kept for values that can't be read into their type"
            )
        if not _RULE_NAME.fullmatch(name):
            problems.at("schema", 0).add(f"the rule name '{name}' is not lower-case letters, digits and _")
    _check_rule_columns(contract, problems)


def _check_rule_columns(contract: Contract, problems: Problems) -> None:
    """That rules name columns, row rules such as arriving rows have."""
    arriving = {name: column for name, column in contract.by_name.items() if name not in HISTORY_COLUMNS}
    for rule in contract.row_rules:
        if contract.layer == "bronze" and rule.severity == Severity.ERROR and not _holds_in_bronze(rule):
            problems.at("schema", 0).add(f"rule '{rule.name}': bronze keeps what arrives, its rules only warn")
        for name in unknown_columns(rule.predicate, arriving):
            known = (
                "a row has it only after change application" if name in contract.by_name else "the table has no such"
            )
            problems.at("schema", 0).add(f"rule '{rule.name}': column '{name}': {known}")
    for table_rule in contract.table_rules:
        if contract.layer == "bronze" and table_rule.severity == Severity.ERROR:
            problems.at("schema", 0).add(f"rule '{table_rule.name}': bronze keeps what arrives, its rules only warn")
        match table_rule:
            case AggregateRule():
                unknown = unknown_columns(table_rule.expression, contract.by_name)
            case UniqueRule() | ExpectationRule():
                unknown = [name for name in table_rule.columns if name not in contract.by_name]
        for name in unknown:
            problems.at("schema", 0).add(f"rule '{table_rule.name}': the table has no column '{name}'")
        if isinstance(table_rule, ExpectationRule) and computes(table_rule):
            _check_numbers(table_rule, contract, problems)


def _holds_in_bronze(rule: RowRule) -> bool:
    return rule.constraint is not None and rule.constraint.kind in ("required", "not_nan")


def _check_numbers(rule: ExpectationRule, contract: Contract, problems: Problems) -> None:
    for name in rule.columns:
        if name in contract.by_name and not _NUMBERS.fullmatch(contract.by_name[name].type):
            kind = contract.by_name[name].type
            problems.at("schema", 0).add(
                f"rule '{rule.name}': {rule.expectation} is of numbers, and '{name}' is {kind}"
            )


def _check_bronze(contract: Contract, problems: Problems) -> None:
    for name, kind in ((WINDOW, "date"), ("_ingested_at", "timestamp"), ("_source", "string")):
        if name not in contract.by_name or contract.by_name[name].type != kind:
            problems.at("schema", 0, "properties").add(f"bronze has a column '{name}' of type {kind}")
    if contract.partition_column != WINDOW:
        problems.column(contract.partition_column).at("partitioned").add(f"bronze is stored by {WINDOW}")
    if contract.mode != "partitions":
        problems.property("writeMode").add("bronze replaces what arrived: writeMode partitions")
    if contract.reads:
        problems.property("reads").add("bronze reads a source, no table")


def _check_changes(contract: Contract, problems: Problems) -> None:
    if contract.layer != "silver":
        problems.property("writeMode").add("changes are applied in silver only")
    if contract.history == "scd2":
        sequence = contract.by_name.get(contract.sequence or "")
        types = {name: kind or (sequence.type if sequence else None) for name, kind in _HISTORY_TYPES.items()}
        for name, kind in types.items():
            column = contract.by_name.get(name)
            if column is None or (kind is not None and column.type != kind):
                problems.at("schema", 0, "properties").add(f"scd2 needs a column '{name}' of type {kind}")
            elif column.required == (name == VALID_TO):
                problems.column(name).add(
                    "valid_to is null while current, the other columns of history never: `required`"
                )
        if contract.partition_column != VALID_TO_MONTH:
            problems.column(contract.partition_column).at("partitioned").add(f"scd2 is stored by {VALID_TO_MONTH}")
        if contract.drift_days:
            problems.property("partitionDrift").add("only scd1 has it")
    else:
        for name in HISTORY_COLUMNS & contract.by_name.keys():
            problems.column(name).add("only scd2 has it")


def check_lineage(contract: Contract, contracts: Mapping[str, Contract], problems: Problems) -> None:
    """Adds what a contract says wrongly of other tables."""
    place = problems.property("reads")
    for read in contract.reads:
        other = contracts.get(read.table)
        if other is None:
            place.add(f"there is no table '{read.table}'")
        elif _RANKS[other.layer] > _RANKS[contract.layer]:
            place.add(f"'{read.table}' is of a layer above")
        elif read.kind == "as_of" and other.history != "scd2":
            place.add(f"'{read.table}' keeps no history to read as_of a day")
        elif read.kind not in ("as_of", "all") and other.history == "scd2":
            place.add(f"'{read.table}' is scd2: its rows are of no day, read it as_of")
        elif contract.table in _upstream(read.table, contracts):
            place.add(f"'{read.table}' is made from this table")
    if contract.layer != "bronze":
        _check_sources(contract, contracts, problems)
    if contract.conserves and contract.conserves.expression and contract.conserves.source in contracts:
        source = contracts[contract.conserves.source]
        for name in unknown_columns(contract.conserves.expression, source.by_name):
            problems.property("conserves").add(f"'{source.table}' has no column '{name}'")


def _upstream(table: str, contracts: Mapping[str, Contract]) -> frozenset[str]:
    """A table and all that it is made from."""
    seen: set[str] = set()
    ahead = [table]
    while ahead:
        name = ahead.pop()
        if name not in seen and name in contracts:
            seen.add(name)
            ahead.extend(read.table for read in contracts[name].reads)
    return frozenset(seen)


def _check_sources(contract: Contract, contracts: Mapping[str, Contract], problems: Problems) -> None:
    reads = {read.table for read in contract.reads}
    for column in contract.columns:
        place = problems.column(column.name)
        for index, source in enumerate(column.sources):
            here = place.at("transformSourceObjects", index)
            if source.table not in reads:
                here.add(f"the table does not read '{source.table}'")
            elif source.table in contracts:
                origin = contracts[source.table].by_name.get(source.column)
                if origin is None:
                    here.add(f"'{source.table}' has no column '{source.column}'")
                elif origin.restricted and not _made_safe(contract, column):
                    here.add(
                        f"'{source.table}.{source.column}' is restricted: classify this column as restricted, give it a "
                        "mask (gold), or say by `classification` what it is instead and by transformLogic why"
                    )


def _made_safe(contract: Contract, column: Column) -> bool:
    """Whether a column that is made from a restricted one is restricted too, masked when it is written, or declared to be neither."""
    masked = contract.layer == "gold" and column.mask is not None
    return column.restricted or masked or (column.classification is not None and column.logic is not None)
