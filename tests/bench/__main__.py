"""`make bench`: measures the lakehouse, prints what it found, and writes it to a file and into the documentation's page."""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from tests.bench.measurements import Results, Say, both_engines, memory_end, one_more_day, side_by_side
from tests.bench.page import parts, write_page

REPEATED_BELOW = 10.0
"""Smaller scales are run three times, and the median counts; from this one on, once."""


def main(given: Sequence[str] | None = None) -> int:
    """Measures what is asked for. Returns the status to exit with: 0 unless rows differ."""
    options = _options().parse_args(given)
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    work = Path(options.work or tempfile.mkdtemp(prefix="lakehouse-bench-")).absolute()
    work.mkdir(parents=True, exist_ok=True)
    with console.status("") as status:

        def say(step: str) -> None:
            status.update(step)
            if not console.is_terminal:
                console.print(step)

        results = Results(_machine(), more_days_scale=options.history_scale)
        try:
            _measure(results, options, work, say)
        finally:
            # Where a run fails, what was measured before it took as long, and stands.
            (work / "results.json").write_text(json.dumps(asdict(results), indent=2, default=str))
            console.print(f"All figures: {work / 'results.json'}")
    measured = list(parts(results))
    for listing in (listing for part in measured for listing in part.listings):
        console.print(listing.for_terminal())
    for name, comparison in results.equality.items():
        for difference in comparison.examples:
            console.print(f"gold/{name} {dict(difference.key)}: {difference.reason}")
    for reached, words in (verdict for part in measured for verdict in part.verdicts):
        console.print(f"[green]reached[/] {words}" if reached else f"[bold red]missed[/] {words}")
    if options.page:
        write_page(options.page, results)
        console.print(f"Written: {options.page}")
    return 0 if all(compared.equal for compared in results.equality.values()) else 1


def _measure(results: Results, options: argparse.Namespace, work: Path, say: Say) -> None:
    for scale in sorted(options.scales):
        runs = 3 if scale < REPEATED_BELOW else 1
        measured, compared = side_by_side(work / "beside", scale, options.runs or runs, say)
        results.side_by_side.append(measured)
        results.equality = results.equality or compared
    histories = tuple(sorted(options.histories))
    if histories:
        results.more_days = one_more_day(work / "later", histories, options.history_scale, options.runs or 3, say)
    results.engines = [both_engines(work / "engines", scale, say) for scale in sorted(options.engine_scales)]
    if options.memory_scale:
        results.memory_end = memory_end(work / "memory", options.memory_scale, say)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--scales",
        type=float,
        nargs="*",
        default=[1, 10, 30],
        help="side by side with DuckDB; 1 is about 1,000 orders a day",
    )
    parser.add_argument(
        "--histories", type=int, nargs="*", default=[30, 365], help="days that are loaded before one more is"
    )
    parser.add_argument("--history-scale", type=float, default=0.1)
    parser.add_argument(
        "--engine-scales", type=float, nargs="*", default=[1, 10, 100], help="on Sail and on Spark, which needs Java"
    )
    parser.add_argument(
        "--memory-scale", type=float, default=10, help="where Sail's least memory is looked for; 0 for not"
    )
    parser.add_argument("--runs", type=int, help="of each; by default 3, and 1 at great scales")
    parser.add_argument("--work", type=Path, help="a folder for files and results; by default a temporary one")
    parser.add_argument("--page", type=Path, help="the page to write the results into, with its plot")
    return parser


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = ".".join(platform.python_version_tuple()[:2])
    packages = ", ".join(f"{name} {version(name)}" for name in ("pysail", "deltalake", "dagster", "duckdb"))
    return f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()}, Python {python}, {packages}"


if __name__ == "__main__":
    sys.exit(main())
