"""Files of behaviour, CRM and Kafka as people have them become the rows that bronze promises."""

import csv
import datetime as dt
import gzip
import io
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.model import Contract
from resources.sources.files.source import FilesSource
from resources.sources.interface import Extraction, SourceError, delivered_schema, source_table

START = dt.date(2026, 1, 1)
END = dt.date(2026, 1, 31)
BEHAVIOR, EVENTS = "bronze/redshift_customer_behavior", "bronze/kafka_order_events"
ACCOUNTS, CONTACTS, OPPORTUNITIES = "bronze/crm_accounts", "bronze/crm_contacts", "bronze/crm_opportunities"
Row = dict[str, Any]


def at(day: int, hour: int = 0, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 1, day, hour, minute, tzinfo=dt.UTC)


class Files:
    """A folder for each source table, and what is read of it."""

    def __init__(self, root: Path, contracts: Mapping[str, Contract]) -> None:
        self._root = root
        self._contracts = contracts

    def write(self, table: str, name: str, content: str | bytes | pa.Table) -> None:
        folder = self._root.joinpath(*source_table(self._contracts[table]))
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pa.Table):
            pq.write_table(content, folder / name)
        else:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def extract(self, table: str, first: dt.date = START, last: dt.date = END) -> tuple[Extraction, list[Row]]:
        contract = self._contracts[table]
        extraction = FilesSource(START, files_root=str(self._root)).extract(contract, first, last)
        rows: list[Row] = []
        for batch in extraction.batches:
            assert batch.schema.equals(delivered_schema(contract))
            rows += batch.to_pylist()
        return extraction, rows

    def read(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        return [tuple(row[name] for name in columns) for row in self.extract(table)[1]]


@pytest.fixture
def files(tmp_path: Path, contracts: Mapping[str, Contract]) -> Files:
    return Files(tmp_path, contracts)


def as_csv(*rows: Row) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_lines(*rows: Row) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def event(key: str, **more: Any) -> Row:
    return {
        "event_id": key,
        "event_name": "search",
        "event_ts": "2026-01-02T10:00:00Z",
        "loaded_at": "2026-01-03T00:00:00Z",
        **more,
    }


def message(offset: int, value: Any, **more: Any) -> Row:
    return {"key": "O1", "value": value, "topic": "orders_events", "partition": 0, "offset": offset, "timestamp": "2026-01-02T10:00:00Z", **more}  # fmt: skip


def test_every_file_column_of_the_crm_becomes_a_typed_bronze_column(files: Files) -> None:
    common = {"SystemModstamp": "2026-01-02T10:00:00.000+0000", "IsDeleted": "true"}
    files.write(ACCOUNTS, "a.csv", as_csv({"Id": "001", "Name": "Acme, \"Inc\"", "Industry": "", "BillingCountry": "NA", "AnnualRevenue": "1.50", "NumberOfEmployees": "3000000000", **common}))  # fmt: skip
    files.write(CONTACTS, "a.jsonl", as_lines({"Id": "003", "AccountId": "001", "FirstName": "Ann", "LastName": "O'Neil", "Email": " A@b.example", "Phone": "0042", "Title": "", "LeadSource": "Web", **common, "IsDeleted": False}))  # fmt: skip
    opportunity = {"Id": "006", "AccountId": "001", "Name": "Deal", "StageName": "Closed Won", "Amount": Decimal("10.50"), "CurrencyIsoCode": "EUR", "CloseDate": dt.date(2026, 2, 28), "Probability": 33.33, "LeadSource": None, "SystemModstamp": at(2, 10), "IsDeleted": None}  # fmt: skip
    files.write(OPPORTUNITIES, "a.parquet", pa.Table.from_pylist([opportunity]))

    account, contact, opportunity = (files.extract(table)[1][0] for table in (ACCOUNTS, CONTACTS, OPPORTUNITIES))
    arrived = {"_window": dt.date(2026, 1, 2), "_unreadable": None, "_raw": None}
    assert account == {
        "account_id": "001", "name": 'Acme, "Inc"', "industry": None, "billing_country": "NA", "annual_revenue": Decimal("1.50"),
        "number_of_employees": 3_000_000_000, "system_modstamp": at(2, 10), "is_deleted": True, "_source": "files:salesforce/Account/a.csv", **arrived,
    }  # fmt: skip
    assert contact == {
        "contact_id": "003", "account_id": "001", "first_name": "Ann", "last_name": "O'Neil", "email": " A@b.example", "phone": "0042",
        "title": "", "lead_source": "Web", "system_modstamp": at(2, 10), "is_deleted": False, "_source": "files:salesforce/Contact/a.jsonl", **arrived,
    }  # fmt: skip
    assert opportunity == {
        "opportunity_id": "006", "account_id": "001", "name": "Deal", "stage_name": "Closed Won", "amount": Decimal("10.50"),
        "currency_iso_code": "EUR", "close_date": dt.date(2026, 2, 28), "probability": Decimal("33.33"), "lead_source": None,
        "system_modstamp": at(2, 10), "is_deleted": None, "_source": "files:salesforce/Opportunity/a.parquet", **arrived,
    }  # fmt: skip


def test_json_in_a_csv_field_keeps_its_quotes_and_line_breaks(files: Files) -> None:
    texts = ['{"product_id": "P1", "note": "a, \\"b\\""}', '{\n "a": 1.50\n}', "", "[1]", "{broken"]
    rows = [event(str(place), metadata=text) for place, text in enumerate(texts)]
    files.write(BEHAVIOR, "a.csv", as_csv(*rows))
    files.write(
        EVENTS, "a.csv.gz", gzip.compress(as_csv(*(message(place, text) for place, text in enumerate(texts))).encode())
    )
    expected = [(text or None,) for text in texts]
    assert files.read(BEHAVIOR, "metadata") == expected
    assert files.read(EVENTS, "value") == expected


def test_json_that_stands_nested_in_a_line_becomes_json_text_in_its_own_digits(files: Files) -> None:
    files.write(
        BEHAVIOR,
        "a.jsonl",
        '{"event_id":"1","event_ts":"2026-01-02","loaded_at":"2026-01-02","metadata":{"price":1.50,"n":12345678901234567890,"tags":["ä",null]}}\n'
        '{"event_id":"2","event_ts":"2026-01-02","loaded_at":"2026-01-02","metadata":"{\\"price\\": 1.50}"}\n'
        '{"event_id":"3","event_ts":"2026-01-02","loaded_at":"2026-01-02","metadata":null}\n'
        '{"event_id":"4","event_ts":"2026-01-02","loaded_at":"2026-01-02","metadata":[1.0]}\n',
    )
    files.write(EVENTS, "a.jsonl", as_lines(message(1, {"event_id": "e1", "metadata": {"a": None}}), message(2, '{"event_id":"e2"}'), message(3, None, headers=[{"key": "trace", "value": "1"}])))  # fmt: skip
    assert files.read(BEHAVIOR, "metadata") == [
        ('{"price": 1.50, "n": 12345678901234567890, "tags": ["ä", null]}',),
        ('{"price": 1.50}',),
        (None,),
        ("[1.0]",),
    ]
    assert files.read(EVENTS, "offset", "value", "headers") == [
        (1, '{"event_id": "e1", "metadata": {"a": null}}', None),
        (2, '{"event_id":"e2"}', None),
        (3, None, '[{"key": "trace", "value": "1"}]'),
    ]


def test_a_dump_of_kafka_as_bytes_becomes_text(files: Files) -> None:
    headers = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))
    columns = {
        "key": pa.array([b"O1", None, b"O3"], pa.binary()),
        "value": pa.array(['{"event_id": "é"}'.encode(), None, b"\xff"], pa.large_binary()),
        "headers": pa.array([[{"key": "trace", "value": b"a1"}], [], None], headers),
        "topic": pa.array(["orders_events"] * 3).dictionary_encode(),
        "partition": pa.array([0, 1, 2], pa.int32()),
        "offset": pa.array([2**40, 1, 2], pa.int64()),
        "timestamp": pa.array([at(2, 10)] * 3, pa.timestamp("ms", tz="UTC")),
        "timestampType": pa.array([0] * 3, pa.int32()),
    }
    files.write(EVENTS, "a.parquet", pa.table(columns))
    extraction, rows = files.extract(EVENTS)
    assert [
        tuple(row[name] for name in ("key", "value", "headers", "partition", "offset", "timestamp")) for row in rows
    ] == [
        ("O1", '{"event_id": "é"}', '[{"key": "trace", "value": "a1"}]', 0, 2**40, at(2, 10)),
        (None, None, "[]", 1, 1, at(2, 10)),
        ("O3", None, None, 2, 2, at(2, 10)),
    ]
    assert [row["_unreadable"] for row in rows] == [None, None, ["value"]]
    assert json.loads(rows[2]["_raw"])["value"] == "\\xff"
    assert extraction.unknown_columns == {"a.parquet": ("timestampType",)}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (pa.map_(pa.string(), pa.string()), {"product_id": "P1"}, '{"product_id": "P1"}'),
        (pa.struct([("product_id", pa.string()), ("n", pa.int64())]), {"product_id": "P1", "n": None}, '{"product_id": "P1", "n": null}'),
        (pa.string(), '{"product_id": "P1"}', '{"product_id": "P1"}'),
        (pa.large_string(), "[", "["),
    ],
)  # fmt: skip
def test_metadata_of_any_parquet_type_becomes_json_text(
    files: Files, kind: pa.DataType, value: Any, expected: str
) -> None:
    row = {"event_id": ["1", "2"], "event_ts": [at(2, 9)] * 2, "loaded_at": [at(2, 10)] * 2}
    files.write(BEHAVIOR, "a.parquet", pa.table({**row, "metadata": pa.array([value, None], kind)}))
    assert files.read(BEHAVIOR, "metadata") == [(expected,), (None,)]


def test_without_a_loading_time_an_event_arrives_when_it_happened(files: Files) -> None:
    files.write(
        BEHAVIOR,
        "a.csv",
        "event_id,event_name,event_ts\n1,search,2026-01-02T23:59:59.999999Z\n2,search,2026-01-03\n3,search,\n4,search,soon\n",
    )
    found = files.read(BEHAVIOR, "event_id", "event_ts", "loaded_at", "_window")
    last = dt.datetime(2026, 1, 2, 23, 59, 59, 999_999, tzinfo=dt.UTC)
    assert found == [
        ("1", last, last, dt.date(2026, 1, 2)),
        ("2", at(3), at(3), dt.date(2026, 1, 3)),
        ("3", None, None, START),
        ("4", None, None, START),
    ]


@pytest.mark.parametrize(
    ("table", "cursor", "row"),
    [
        (ACCOUNTS, "system_modstamp", {"Id": "1", "Name": "Acme"}),
        (CONTACTS, "system_modstamp", {"Id": "1", "Email": "a@b.example"}),
        (OPPORTUNITIES, "system_modstamp", {"Id": "1", "CloseDate": "2026-01-20"}),
        (EVENTS, "timestamp", {"key": "O1", "value": "{}", "topic": "t", "partition": "0", "offset": "7"}),
    ],
)
def test_without_a_cursor_column_the_lake_start_stands_in(files: Files, table: str, cursor: str, row: Row) -> None:
    files.write(table, "a.csv", as_csv(row))
    extraction, rows = files.extract(table)
    assert [(one[cursor], one["_window"], one["_unreadable"]) for one in rows] == [(at(1), START, None)]
    assert extraction.rows_without_cursor == 0
    assert files.extract(table, dt.date(2026, 1, 2))[1] == []


def test_the_past_of_the_crm_arrives_in_the_first_window_and_that_of_events_does_not(files: Files) -> None:
    for table, key in ((ACCOUNTS, "account_id"), (CONTACTS, "contact_id"), (OPPORTUNITIES, "opportunity_id")):
        files.write(
            table, "a.csv", "Id,SystemModstamp\n1,2019-05-05\n2,2025-12-31T23:59:59.999999Z\n3,2026-01-02\n4,\n"
        )
        windows = [("1", START), ("2", START), ("3", dt.date(2026, 1, 2)), ("4", START)]
        assert files.read(table, key, "_window") == windows
    files.write(BEHAVIOR, "a.jsonl", as_lines(event("1", loaded_at="2025-12-31T23:59:59.999999Z"), event("2", loaded_at="2026-01-01T00:00:00Z"), event("3", loaded_at=None)))  # fmt: skip
    files.write(EVENTS, "a.jsonl", as_lines(message(1, "{}", timestamp="2025-12-31T23:59:59.999999Z"), message(2, "{}", timestamp="2026-01-01")))  # fmt: skip
    assert files.read(BEHAVIOR, "event_id", "_window") == [("2", START), ("3", START)]
    assert files.read(EVENTS, "offset", "_window") == [(2, START)]


def test_what_cannot_be_read_is_named_with_the_row_as_it_came(files: Files) -> None:
    files.write(OPPORTUNITIES, "a.csv", as_csv({"Id": "1", "Amount": "1.005", "Probability": "1000", "CloseDate": "2026-02-30", "IsDeleted": "maybe", "SystemModstamp": "2026-01-02"}))  # fmt: skip
    ((unreadable, raw),) = files.read(OPPORTUNITIES, "_unreadable", "_raw")
    assert unreadable == ["amount", "close_date", "probability", "is_deleted"]
    assert json.loads(raw) == {"Id": "1", "Amount": "1.005", "Probability": "1000", "CloseDate": "2026-02-30", "IsDeleted": "maybe", "SystemModstamp": "2026-01-02"}  # fmt: skip


def test_a_missing_key_column_stops_the_load_with_file_and_column(files: Files) -> None:
    files.write(ACCOUNTS, "a.csv", "Name\nAcme\n")
    files.write(BEHAVIOR, "b.csv", "event_id\n1\n")
    with pytest.raises(SourceError, match=r"Account/a\.csv: column Id is missing"):
        files.extract(ACCOUNTS)
    with pytest.raises(SourceError, match=r"b\.csv: column loaded_at \(or event_ts in its place\) is missing"):
        files.extract(BEHAVIOR)
