"""The dictionary of all tables and columns, as Markdown made from the contracts. `python -m contracts.dictionary` prints it."""

import sys
from collections.abc import Iterator, Mapping

from contracts.model import Column, Contract, Read
from contracts.parse import load_contracts

_LAYERS = {
    "bronze": "Bronze: what arrived, unchanged",
    "silver": "Silver: clean, typed, one truth a key",
    "gold": "Gold: answers",
}


_HOW_TO_READ = (
    "Made from the contracts by `make dictionary`; what is wrong here is mended there. **Key** columns tell rows apart, "
    "*required* ones are never null. A restricted column is masked for everyone who does not ask for it unmasked."
)


def dictionary(contracts: Mapping[str, Contract]) -> str:
    """Every table with its grain, key, sources, rules and columns."""
    parts = [
        "# Dictionary",
        _HOW_TO_READ,
    ]
    for layer, title in _LAYERS.items():
        tables = [contract for contract in contracts.values() if contract.layer == layer]
        parts.append(f"## {title}")
        parts.append(" · ".join(f"[{contract.name}](#{_anchor(contract)})" for contract in tables))
        for contract in tables:
            parts += _table(contract)
    return "\n\n".join(parts) + "\n"


def _table(contract: Contract) -> Iterator[str]:
    yield f"### {contract.table}"
    yield contract.description
    yield "\n".join(f"- {name}: {value}" for name, value in _facts(contract))
    yield "\n".join(("| column | type | meaning | from |", "| --- | --- | --- | --- |", *map(_row, contract.columns)))


def _facts(contract: Contract) -> Iterator[tuple[str, str]]:
    yield "Grain", contract.grain
    yield (
        "Stored by",
        f"`{contract.partition_column}`" + (f", with history (`{contract.history}`)" if contract.history else ""),
    )
    yield "Complete by", f"{contract.available_by:%H:%M} UTC for the day before"
    if contract.latency:
        yield "Open day", f"at most {contract.latency.total_seconds() / 60:.0f} minutes behind its source"
    yield "Owner", ", ".join((contract.owner, *contract.support))
    if contract.reads:
        yield "Reads", ", ".join(f"`{read.table}` ({_reach(read)})" for read in contract.reads)
    rules = [*contract.row_rules, *contract.table_rules, *contract.counted_rules]
    own = [rule for rule in rules if getattr(rule, "constraint", None) is None]
    if own:
        yield "Rules", "; ".join(f"`{rule.name}`: {_plain(rule.description).rstrip('.')}" for rule in own)


def _reach(read: Read) -> str:
    if read.kind == "days":
        return "the day" if read.first == read.last == 0 else f"days {read.first} to {read.last}"
    return _REACHES[read.kind].format(read.first)


_REACHES = {
    "as_of": "as of the day's end",
    "all": "everything up to the day",
    "month": "the day's month",
    "since_month_of": "from the month of day {} on",
    "before_month_of": "before the month of day {}",
}


def _row(column: Column) -> str:
    name = f"**{column.name}**" if column.key else column.name
    meaning = column.description + (" *Required.*" if column.required and not column.key else "")
    if column.restricted:
        meaning += " *Restricted.*"
    origins = ", ".join(f"{source.table}.{source.column}" for source in column.sources)
    return f"| {name} | `{column.type}` | {_plain(meaning)} | {_plain(column.logic or origins)} |"


def _plain(text: str) -> str:
    """Text that stays within a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _anchor(contract: Contract) -> str:
    return contract.table.replace("/", "")


if __name__ == "__main__":
    sys.stdout.write(dictionary(load_contracts()))
