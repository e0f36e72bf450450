"""`make parity`: the whole lakehouse on the embedded engine and on Spark, every table compared row by row."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contracts.parse import load_contracts
from resources.engine.sail import SailEngine
from resources.engine.spark import SparkEngine
from tests.parity.comparison import Parity, compare_lakes
from tests.parity.loading import Loaded, load_demo


def main(given: Sequence[str] | None = None) -> int:
    """Loads both lakes and compares them. Returns the status to exit with: 0 unless they differ."""
    options = _options().parse_args(given)
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    work = Path(options.work or tempfile.mkdtemp(prefix="lakehouse-parity-")).absolute()
    contracts = load_contracts()
    loaded = []
    for engine in (SailEngine(), SparkEngine()):
        console.print(f"{options.days} days at scale {options.scale:g} on {engine.name}, in {work / engine.name}")
        try:
            loaded.append(load_demo(work / engine.name, engine, contracts, days=options.days, scale=options.scale))
        finally:
            engine.close()
    compared = list(compare_lakes(loaded[0].root, loaded[1].root, contracts))
    console.print(_listing(compared, loaded))
    for one in compared:
        for difference in one.differences:
            console.print(f"[bold red]{one.table}[/]: ", end="")
            console.print(difference, markup=False)
    differing = sum(bool(one.differences) for one in compared)
    rows = sum(one.rows for one in compared)
    sail, spark = (sum(one.seconds.values()) for one in loaded)
    console.print(
        f"Differences: {differing} of {len(compared)} tables, {rows:,} rows. "
        f"Tables took {sail:.1f} s on sail and {spark:.1f} s on spark, {spark / sail:.1f} times as long."
    )
    return 1 if differing else 0


def _listing(compared: Sequence[Parity], loaded: Sequence[Loaded]) -> Table:
    listing = Table("table", "rows", "checksum", "sail, s", "spark, s", "equal")
    for one in compared:
        seconds = [f"{lake.seconds[one.table]:.1f}" if one.table in lake.seconds else "" for lake in loaded]
        listing.add_row(one.table, f"{one.rows:,}", one.checksum, *seconds, "no" if one.differences else "yes")
    return listing


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make parity", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--scale", type=float, default=1.0, help="of the demo: 1 is about 1,000 orders a day")
    parser.add_argument("--work", help="where the lakes are made; they stay there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
