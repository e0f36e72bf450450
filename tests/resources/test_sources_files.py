"""A folder of files is read completely and exactly, or the load stops with the file and what is wrong with it."""

import datetime as dt
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import FileSystem

from contracts.errors import ConfigurationError
from contracts.parse import load_contracts
from resources.sources.demo.source import DemoSource
from resources.sources.files import readers
from resources.sources.files.folder import Folder
from resources.sources.files.source import FilesSource
from resources.sources.interface import LINE, SourceChangedError, SourceError, delivered_schema
from resources.sources.registry import make_source

CONTRACTS = load_contracts()
ORDERS = CONTRACTS["bronze/snowflake_orders"]
CUSTOMERS = CONTRACTS["bronze/snowflake_customers"]
PRODUCTS = CONTRACTS["bronze/snowflake_products"]
RATES = CONTRACTS["bronze/fx_rates"]
START = dt.date(2026, 1, 1)
END = dt.date(2026, 1, 31)
HEADER = "order_id,customer_id,order_date,product_id,quantity,amount,currency,status,last_modified_ts\n"


def order(order_id: str = "1", *, amount: str = "9.99", moment: str = "2026-01-02T10:00:00Z") -> str:
    return f"{order_id},C1,2026-01-02,P1,1,{amount},EUR,PAID,{moment}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "files" / "snowflake" / "orders"
    path.mkdir(parents=True)
    return path


def source(folder: Path, **options) -> FilesSource:
    return FilesSource(START, files_root=str(folder.parents[1]), **options)


def load(folder: Path, first: dt.date = START, last: dt.date = END, contract=ORDERS, **options) -> list[dict]:
    extraction = source(folder, **options).extract(contract, first, last)
    rows = []
    for batch in extraction.batches:
        assert batch.schema.equals(delivered_schema(contract))
        rows += batch.to_pylist()
    assert Counter(row["_window"] for row in rows) == {k: v for k, v in extraction.rows_by_window.items() if v}
    return rows


def ids(rows: list[dict]) -> list[str]:
    return [row["order_id"] for row in rows]


def test_csv_json_and_parquet_plain_or_compressed_are_read_alike(folder):
    csv = HEADER + order("a", amount="1234567890123456.78")
    line = json.dumps(dict(zip(HEADER.strip().split(","), csv.split("\n")[1].split(","), strict=True)))
    line = line.replace('"1234567890123456.78"', "1234567890123456.78")
    table = pa.table(
        {name: [value] for name, value in zip(HEADER.strip().split(","), csv.split("\n")[1].split(","), strict=True)}
    )
    pq.write_table(table, folder / "f.parquet")
    (folder / "a.csv").write_text(csv)
    (folder / "b.CSV.gz").write_bytes(gzip.compress(csv.encode()))
    (folder / "c.jsonl").write_text(line)
    (folder / "d.json").write_text(line + "\n\n")
    (folder / "e.jsonl.gz").write_bytes(gzip.compress(line.encode()))
    (folder / "g.parquet.gz").write_bytes(gzip.compress((folder / "f.parquet").read_bytes()))
    rows = load(folder)
    sources = [row.pop("_source") for row in rows]
    assert sources == [f"files:snowflake/orders/{name}" for name in sorted(path.name for path in folder.iterdir())]
    assert len(rows) == 7
    assert all(row == rows[0] for row in rows)
    assert rows[0] == {
        "order_id": "a",
        "customer_id": "C1",
        "order_date": dt.date(2026, 1, 2),
        "product_id": "P1",
        "quantity": 1,
        "amount": Decimal("1234567890123456.78"),
        "currency": "EUR",
        "status": "PAID",
        "last_modified_ts": dt.datetime(2026, 1, 2, 10, tzinfo=dt.UTC),
        "_window": dt.date(2026, 1, 2),
        "_unreadable": None,
        "_raw": None,
    }


def test_csv_text_is_as_delivered_and_an_empty_field_is_null(folder):
    (folder / "a.csv").write_bytes(
        b"\xef\xbb\xbf" + HEADER.encode() + b'0042, NA ,2026-01-02,"a ""b"",\r\nc",,"",NA,null,2026-01-02T10:00:00Z\r\n'
    )
    row = load(folder)[0]
    assert (row["order_id"], row["customer_id"], row["product_id"]) == ("0042", " NA ", 'a "b",\r\nc')
    assert (row["quantity"], row["amount"], row["currency"], row["status"]) == (None, None, "NA", "null")


def test_columns_are_found_by_name_and_missing_ones_are_null_and_unknown_ones_reported(folder):
    (folder / "a.csv").write_text("colour,last_modified_ts,order_id\nred,2026-01-02,1\n")
    extraction = source(folder).extract(ORDERS, START, END)
    rows = [row for batch in extraction.batches for row in batch.to_pylist()]
    assert rows[0]["order_id"] == "1"
    assert rows[0]["amount"] is None
    assert extraction.unknown_columns == {"a.csv": ("colour",)}
    assert extraction.files_read == ("a.csv",)


def test_rows_with_a_wrong_number_of_fields_arrive_as_lines_and_the_others_as_rows(folder):
    (folder / "a.csv").write_text(HEADER + order("1") + "2,C1\n" + order("3") + order("4").strip() + ",more\n")
    rows = load(folder)
    assert sorted(filter(None, ids(rows))) == ["1", "3"]
    malformed = [row for row in rows if row["_unreadable"]]
    assert [row["_unreadable"] for row in malformed] == [[LINE], [LINE]]
    assert [json.loads(row["_raw"])[LINE] for row in malformed] == ["2,C1", order("4").strip() + ",more"]
    assert {row["_window"] for row in malformed} == {START}


def test_json_lines_keep_digits_nested_values_and_lines_that_are_no_object(folder):
    lines = [
        '{"order_id": 1, "amount": 0.10, "status": {"a": [1.50, true, null, "é"]}, "last_modified_ts": "2026-01-02"}',
        '{"order_id": true, "amount": 1e-3, "last_modified_ts": "2026-01-02"}',
        '{"order_id": "x"',
        "[1]",
        "{}",
        '{"order_id": "\\ud800"}',
        "",
    ]
    (folder / "a.jsonl").write_text("\r\n".join(lines), encoding="utf-8-sig")
    rows = load(folder)
    assert (rows[0]["order_id"], rows[0]["amount"]) == ("1", Decimal("0.10"))
    assert rows[0]["status"] == '{"a": [1.50, true, null, "é"]}'
    assert (rows[1]["order_id"], rows[1]["amount"], rows[1]["_unreadable"]) == ("true", None, ["amount"])
    assert json.loads(rows[1]["_raw"])["amount"] == "1e-3"
    assert [json.loads(row["_raw"])[LINE] for row in rows[2:]] == lines[2:6]


def test_rows_are_delivered_in_the_window_of_their_cursor_alone(folder):
    days = [dt.date(2026, 1, number) for number in range(1, 6)]
    (folder / "a.csv").write_text(HEADER + "".join(order(str(day), moment=f"{day} 23:59:59.999999") for day in days))
    assert ids(load(folder, days[1], days[3])) == [str(day) for day in days[1:4]]
    assert {row["_window"] for row in load(folder, days[2], days[2])} == {days[2]}
    assert source(folder).count(ORDERS, days[3], END)[days[4]] == 1


def test_rows_without_cursor_arrive_in_the_first_window_and_are_counted_by_every_load(folder):
    (folder / "a.csv").write_text(HEADER + order("1", moment="") + order("2", moment="soon") + order("3") + "x\n")
    first = source(folder).extract(ORDERS, START, START)
    rows = [row for batch in first.batches for row in batch.to_pylist()]
    assert sorted(str(row["order_id"]) for row in rows) == ["1", "2", "None"]
    assert all(row["_raw"] for row in rows)
    assert (first.rows_without_cursor, first.rows_by_window) == (3, {START: 3})
    later = source(folder).extract(ORDERS, END, END)
    assert list(later.batches) == []
    assert (later.rows_without_cursor, later.rows_by_window) == (3, {END: 0})


def test_without_a_cursor_column_the_business_date_stands_in_else_the_first_day(folder, tmp_path):
    (folder / "a.csv").write_text("order_id,order_date\n1,2026-01-05\n2,\n")
    rows = load(folder)
    assert [(row["order_id"], row["_window"], row["last_modified_ts"]) for row in rows] == [
        ("1", dt.date(2026, 1, 5), dt.datetime(2026, 1, 5, tzinfo=dt.UTC)),
        ("2", START, None),
    ]
    products = folder.parent / "products"
    products.mkdir()
    (products / "a.csv").write_text("product_id,unit_price\n1,2\n")
    rows = load(products, contract=PRODUCTS)
    assert [(row["_window"], row["last_modified_ts"]) for row in rows] == [
        (START, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    ]


def test_the_past_of_customers_arrives_in_the_first_window(folder):
    customers = folder.parent / "customers"
    customers.mkdir()
    (customers / "a.csv").write_text("customer_id,last_modified_ts\n1,1999-05-05\n2,2026-01-02\n")
    windows = {row["customer_id"]: row["_window"] for row in load(customers, contract=CUSTOMERS)}
    assert windows == {"1": START, "2": dt.date(2026, 1, 2)}
    assert load(customers, dt.date(2026, 1, 3), END, contract=CUSTOMERS) == []


def test_a_rate_arrives_in_each_window_that_covers_its_day(tmp_path):
    folder = tmp_path / "fx" / "rates"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("rate_date,base,quote,rate\n2026-01-05,EUR,USD,1.1\n")
    rows = load(folder, contract=RATES)
    assert [row["_window"] for row in rows] == [dt.date(2026, 1, number) for number in range(5, 13)]


def test_more_rows_than_a_batch_are_streamed(folder, monkeypatch):
    monkeypatch.setattr(readers, "ROWS_PER_BATCH", 100)
    count = 1_050
    (folder / "a.csv").write_text(HEADER + "".join(order(str(number)) for number in range(count)))
    lines = [{"order_id": str(number), "last_modified_ts": "2026-01-02"} for number in range(count)]
    (folder / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    pq.write_table(pa.Table.from_pylist(lines), folder / "c.parquet")
    batches = list(source(folder).extract(ORDERS, START, END).batches)
    assert max(batch.num_rows for batch in batches) == 100
    delivered = Counter(row for batch in batches for row in batch.column("order_id").to_pylist())
    assert delivered == dict.fromkeys(map(str, range(count)), 3)


def test_an_empty_folder_is_a_table_without_rows(folder):
    (folder / ".DS_Store").write_text("")
    (folder / "_SUCCESS").write_text("")
    assert load(folder) == []


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", HEADER], ids=["nothing", "blank lines", "mark", "header"])
def test_a_file_without_rows_delivers_none(folder, content):
    (folder / "a.csv").write_text(content, encoding="utf-8")
    (folder / "a.csv.gz").write_bytes(gzip.compress(content.encode()))
    (folder / "a.jsonl").write_text("")
    assert load(folder) == []


def test_a_missing_folder_is_an_error_with_its_path(tmp_path):
    with pytest.raises(SourceError, match=f"{tmp_path}/snowflake/orders is missing"):
        list(FilesSource(START, files_root=str(tmp_path)).extract(ORDERS, START, END).batches)


PARQUET = pa.BufferOutputStream()
pq.write_table(pa.table({"order_id": ["1"] * 1000, "order_date": ["2026-01-02"] * 1000}), PARQUET)
PARQUET_BYTES = PARQUET.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"order_date,amount\n2026-01-01,1\n", r"order_id is missing; the file has order_date, amount"),
        ("a.csv", b"order_id\n1\n", r"last_modified_ts \(or order_date in its place\) is missing"),
        ("a.csv", b"order_id,order_id,order_date\n1,2,2026-01-02\n", "names column order_id more than once"),
        ("a.csv", (HEADER + order("Zo\u00eb")).encode("latin-1"), "UTF-?8"),
        ("a.csv", (HEADER + order()).encode("utf-16"), "UTF-16"),
        ("a.csv.gz", gzip.compress((HEADER + order() * 5000).encode())[:-20], "Truncated"),
        ("a.csv.gz", HEADER.encode(), "header check"),
        ("a.jsonl", b'{"amount": 1}\n', "order_id.* is missing"),
        ("a.jsonl", '{"order_id": "1"}\n{"order_id": "Zo\u00eb"}'.encode("latin-1"), "line 2 is not UTF-8"),
        ("a.json", b'[{"order_id": 1}]', "JSON array, but one object a line"),
        ("a.jsonl.gz", b"{}", "header check"),
        ("a.parquet", b"PAR1", "arquet"),
        ("a.parquet", PARQUET_BYTES[:-30], "arquet"),
        ("a.parquet.gz", gzip.compress(PARQUET_BYTES)[:-30], "Truncated"),
        ("a.xlsx", b"", r"no \.csv, \.jsonl, \.json or \.parquet"),
    ],
)
def test_what_cannot_be_read_stops_the_load_and_names_the_file(folder, name, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(SourceError, match=message) as error:
        list(source(folder).extract(ORDERS, START, END).batches)
    assert str(error.value).startswith("snowflake/orders: ")
    assert str(folder / name) in str(error.value)


def test_a_folder_among_the_files_is_not_passed_over_silently(folder):
    (folder / "2026").mkdir()
    with pytest.raises(SourceError, match="2026 is no"):
        load(folder)


def test_a_rate_file_without_its_date_is_an_error(tmp_path):
    folder = tmp_path / "fx" / "rates"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("base,quote,rate\nEUR,USD,1.1\n")
    with pytest.raises(SourceError, match="rate_date is missing"):
        load(folder, contract=RATES)


def test_a_cursor_that_appears_late_in_json_is_an_error(folder, monkeypatch):
    monkeypatch.setattr(readers, "ROWS_PER_BATCH", 2)
    lines = ['{"order_id": 1, "order_date": "2026-01-02"}'] * 3 + ['{"order_id": 1, "last_modified_ts": "2026-01-02"}']
    (folder / "a.jsonl").write_text("\n".join(lines))
    with pytest.raises(SourceError, match="last_modified_ts first appears after"):
        load(folder)


def test_a_file_that_changes_while_it_is_read_is_a_retryable_error(folder):
    (folder / "a.csv").write_text(HEADER + order())
    batches = source(folder).extract(ORDERS, START, END).batches
    next(batches)
    (folder / "a.csv").write_text(HEADER + order() * 2)
    with pytest.raises(SourceChangedError, match="changed while it was read"):
        list(batches)


def test_a_file_that_is_removed_meanwhile_is_a_retryable_error(folder):
    (folder / "a.csv").write_text(HEADER + order())
    (folder / "b.csv").write_text(HEADER + order())
    batches = source(folder).extract(ORDERS, START, END).batches
    next(batches)
    (folder / "b.csv").unlink()
    with pytest.raises(SourceChangedError, match=r"b\.csv was removed"):
        list(batches)


def test_the_root_may_be_a_uri_and_names_may_hold_any_character(tmp_path):
    folder = tmp_path / "files" / "snowflake" / "orders"
    folder.mkdir(parents=True)
    (folder / "a b%20#é.csv").write_text(HEADER + order())
    uri_source = FilesSource(START, files_root=(tmp_path / "files").as_uri())
    batches = list(uri_source.extract(ORDERS, START, END).batches)
    assert batches[0].column("_source").to_pylist() == ["files:snowflake/orders/a b%20#é.csv"]


def test_demo_data_written_to_files_is_read_back_the_same(folder):
    demo = pa.Table.from_batches(DemoSource(START, scale=0.2).extract(ORDERS, START, END).batches)
    readable = demo.filter(pc.is_null(demo["_raw"])).select(HEADER.strip().split(","))
    half = readable.num_rows // 2
    pacsv.write_csv(readable.slice(0, half), folder / "a.csv")
    pq.write_table(readable.slice(half), folder / "b.parquet")
    read = pa.Table.from_pylist(load(folder), delivered_schema(ORDERS)).select(readable.schema.names)
    assert read.equals(readable)


def test_sources_are_made_by_their_setting(folder):
    made = make_source("files", lake_start=START, files_root=str(folder.parents[1]))
    assert (made.name, made.count(ORDERS, START, START)) == ("files", {START: 0})
    assert make_source("demo", lake_start=START, scale=0.1).name == "demo"
    with pytest.raises(ConfigurationError, match="LAKEHOUSE_FILES_ROOT"):
        make_source("files", lake_start=START)


def test_a_file_is_opened_once_for_many_days(folder, monkeypatch):
    opened = count_opens(monkeypatch)
    (folder / "a.csv").write_text(HEADER + "".join(order(moment=f"2026-01-{number:02}") for number in range(1, 31)))
    assert len({row["_window"] for row in load(folder)}) == 30
    assert opened == ["a.csv"]


@pytest.fixture
def bucket(monkeypatch) -> Iterator[str]:
    """An S3 bucket on this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    filesystem, _ = FileSystem.from_uri("s3://lakehouse-files/in?allow_bucket_creation=true")
    filesystem.create_dir("lakehouse-files")
    yield "s3://lakehouse-files/in"
    server.stop()


def test_files_in_object_storage_are_read_like_local_ones(bucket):
    filesystem, base = FileSystem.from_uri(bucket)
    with filesystem.open_output_stream(f"{base}/snowflake/orders/a.csv.gz", compression="gzip") as file:
        file.write((HEADER + order("1")).encode())
    source = FilesSource(START, files_root=bucket)
    batches = list(source.extract(ORDERS, START, END).batches)
    assert [batch.column("order_id").to_pylist() for batch in batches] == [["1"]]
    with pytest.raises(SourceError, match=f"{bucket}/snowflake/products is missing"):
        source.count(PRODUCTS, START, END)


def count_opens(monkeypatch) -> list[str]:
    """The names of files in the order in which they are opened from now on."""
    opened: list[str] = []
    open_file = Folder.open

    def counted(self, file):
        opened.append(file.name)
        return open_file(self, file)

    monkeypatch.setattr(Folder, "open", counted)
    return opened
