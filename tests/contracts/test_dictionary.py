"""The dictionary of tables and columns: what it says, and that the one in docs/ is what the contracts say now."""

from collections.abc import Mapping
from pathlib import Path

from contracts.dictionary import dictionary
from contracts.model import Contract

DOCUMENT = Path(__file__).parents[2] / "docs" / "dictionary.md"


def test_the_document_is_up_to_date(contracts: Mapping[str, Contract]) -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == dictionary(contracts), "run `make dictionary`"


def test_every_table_and_column_is_in_it(contracts: Mapping[str, Contract]) -> None:
    sections = dictionary(contracts).split("\n### ")
    found = {section.splitlines()[0]: section for section in sections[1:]}
    assert found.keys() == contracts.keys()
    for table, contract in contracts.items():
        rows = [line for line in found[table].splitlines() if line.startswith("| ")][2:]
        assert [row.split(" | ")[0].strip("| *") for row in rows] == [column.name for column in contract.columns]
        assert all(row.count(" | ") - row.count("\\|") >= 3 for row in rows)


def test_links_of_a_layer_lead_to_its_tables(contracts: Mapping[str, Contract]) -> None:
    text = dictionary(contracts)
    assert "[customer_360](#goldcustomer_360)" in text
    assert "### gold/customer_360" in text
