"""What the measurements say, as tables for the terminal and for a page of the documentation, and as a plot."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from tests.bench.measurements import DAYS, Engines, Loaded, MemoryEnd, Results, SideBySide

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_RATIO = 2.0
MOST_BYTES = 6 * 2**30
MOST_GROWTH = 1.3
TOP_TABLES = 10
SHARES = {
    "start": "start",
    "engine": "engine",
    "bronze": "bronze",
    "silver": "silver",
    "gold": "gold",
    "checks": "checks",
    "bookkeeping": "Dagster",
}
"""What the shares of a run's time are called, in the order in which they are shown."""
PARTS = ("extract", "stage", "fold", "audit", "publish")
_ENGINE_COLOURS = {"sail": "#b5793a", "spark": "#7d6b9e"}
_COLOURS = ("#bdbdbd", "#8c8c8c", "#b5793a", "#8fa3b5", "#e0b93f", "#7fae7a", "#7d6b9e")


@dataclass(frozen=True)
class Listing:
    """A table of texts under a title."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def for_terminal(self) -> Table:
        table = Table(title=self.title, title_justify="left", title_style="bold")
        for number, name in enumerate(self.columns):
            table.add_column(name, justify="right" if number else "left", no_wrap=not number)
        for row in self.rows:
            table.add_row(*row)
        return table

    def as_markdown(self) -> str:
        lines = [self.columns, ["---", *("---:" for _ in self.columns[1:])], *self.rows]
        return f"**{self.title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


@dataclass(frozen=True)
class Part:
    """What a page has of the results between two markers of its own; a part that was not measured stays as it is."""

    name: str
    picture: str
    """What the picture shows."""
    listings: Sequence[Listing]
    verdicts: Sequence[tuple[bool, str]]
    """What was to be reached, in words, and whether it was."""
    draw: Callable[["Figure"], None]

    @property
    def markers(self) -> tuple[str, str]:
        return f"<!-- written by make bench: {self.name} begin -->", f"<!-- written by make bench: {self.name} end -->"


def parts(results: Results) -> Iterator[Part]:
    """What was measured, part by part."""
    if results.side_by_side or results.more_days:
        yield Part(
            "speed",
            "Time as a multiple of DuckDB's, and seconds of one more day",
            list(_speed_listings(results)),
            list(_speed_verdicts(results)),
            lambda figure: _draw_speed(figure, results),
        )
    if results.engines or results.memory_end:
        yield Part(
            "engines",
            "Seconds on both engines, and what a row costs",
            list(_engine_listings(results)),
            list(_engine_verdicts(results)),
            lambda figure: _draw_engines(figure, results.engines),
        )


def _speed_listings(results: Results) -> Iterator[Listing]:
    if results.side_by_side:
        yield _side_by_side(results.side_by_side)
        yield _shares(results.side_by_side)
        yield _tables(results.side_by_side[-1])
    if results.more_days:
        yield _more_days(results)


def _engine_listings(results: Results) -> Iterator[Listing]:
    if results.engines:
        yield _engines(results.engines)
    if results.memory_end:
        yield _memory_end(results.memory_end)


def _engine_verdicts(results: Results) -> Iterator[tuple[bool, str]]:
    if len(results.engines) > 1:
        first, last = results.engines[0].scale, results.engines[-1].scale
        for engine in ("sail", "spark"):
            costs = [_microseconds_a_row(getattr(one, engine)) for one in results.engines]
            yield (
                costs[-1] <= costs[0],
                f"{engine}: {costs[0]:.1f} us a row at scale {first:g}, {costs[-1]:.1f} us at scale {last:g} (goal: not more)",
            )


def _speed_verdicts(results: Results) -> Iterator[tuple[bool, str]]:
    if results.equality:
        unequal = sorted(name for name, compared in results.equality.items() if not compared.equal)
        rows = sum(compared.rows[0] for compared in results.equality.values())
        yield (
            not unequal,
            f"the same {rows:,} rows in {len(results.equality)} gold tables"
            + (f", except in {', '.join(unequal)}" if unequal else ""),
        )
    if results.side_by_side:
        last = results.side_by_side[-1]
        yield (
            last.ratio < MOST_RATIO,
            f"{last.ratio:.2f} times DuckDB's time at scale {last.scale:g} (goal: < {MOST_RATIO:g})",
        )
        peak = max(one.lakehouse.peak_bytes for one in results.side_by_side)
        yield peak < MOST_BYTES, f"{_gibibytes(peak)} GiB of memory at most (goal: < {_gibibytes(MOST_BYTES)})"
    if len(results.more_days) > 1:
        young, old = results.more_days[0], results.more_days[-1]
        growth = old.median.seconds / young.median.seconds
        yield (
            growth < MOST_GROWTH,
            (
                f"one more day takes {growth:.2f} times as long after {old.history} days as after {young.history}"
                f" (goal: < {MOST_GROWTH:g})"
            ),
        )


def write_page(page: Path, results: Results) -> None:
    """Replaces what stands between the markers of each part that was measured, and its plot beside the page.

    Raises:
        ValueError: the page lacks a marker.
    """
    text = page.read_text()
    for part in parts(results):
        begin, end = part.markers
        if begin not in text or end not in text:
            raise ValueError(f"{page} has no '{begin}' with '{end}' after it: there is no place for the results")
        picture = page.parent / "images" / f"{page.stem}-{part.name}.svg"
        written = [
            f"![{part.picture}](images/{picture.name})",
            f"Measured on: {results.machine}.",
            "\n".join(f"- {'reached' if passed else '**missed**'}: {words}" for passed, words in part.verdicts),
            *(listing.as_markdown() for listing in part.listings),
        ]
        before, after = text.split(begin)[0], text.split(end)[1]
        text = f"{before}{begin}\n\n" + "\n\n".join(written) + f"\n\n{end}{after}"
        _plot(picture, part)
    page.write_text(text)


def _plot(path: Path, part: Part) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    # Text as text keeps the file small, and a fixed salt keeps its names the same from run to run.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9, "font.family": "sans-serif"})
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(9, 3.6), layout="constrained")
    part.draw(figure)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _draw_speed(figure: "Figure", results: Results) -> None:
    """The time as multiples of DuckDB's by scale, and that of one more day, both by share."""
    beside, later = figure.subplots(1, 2)
    labels = [f"scale {one.scale:g}\n{one.lakehouse.seconds:,.0f} s" for one in results.side_by_side]
    _stack(beside, labels, [(one.lakehouse, one.duckdb.seconds) for one in results.side_by_side])
    beside.axhline(1, color="black", linewidth=1)
    beside.annotate("DuckDB", (0.99, 1), xycoords=("axes fraction", "data"), ha="right", va="bottom")
    beside.axhline(MOST_RATIO, color="black", linewidth=1, linestyle=":")
    beside.annotate("goal", (0.99, MOST_RATIO), xycoords=("axes fraction", "data"), ha="right", va="bottom")
    beside.set_title("Time, as a multiple of DuckDB's")
    _stack(
        later,
        [f"after {one.history} days" for one in results.more_days],
        [(one.median, 1) for one in results.more_days],
    )
    later.set_title("Seconds of one more day")
    handles, names = beside.get_legend_handles_labels()
    figure.legend(handles[::-1], names[::-1], loc="outside right center", frameon=False)


def _draw_engines(figure: "Figure", measured: Sequence[Engines]) -> None:
    """The seconds of both engines by scale, and what a row costs each, both axes logarithmic."""
    whole, row = figure.subplots(1, 2)
    scales = [one.scale for one in measured]
    for engine, colour in _ENGINE_COLOURS.items():
        runs: list[Loaded] = [getattr(one, engine) for one in measured]
        ratios = [f" (x {one.ratio:.1f})" if engine == "spark" else "" for one in measured]
        seconds = [f"{run.seconds:,.0f} s{ratio}" for run, ratio in zip(runs, ratios, strict=True)]
        _line(whole, scales, [run.seconds for run in runs], seconds, colour, engine)
        costs = [_microseconds_a_row(run) for run in runs]
        _line(row, scales, costs, [f"{cost:,.0f} us" for cost in costs], colour, engine)
    for axes, title in ((whole, "Seconds (Spark's as a multiple of Sail's)"), (row, "Microseconds a row of bronze")):
        axes.set(title=title, xlabel="scale", xscale="log", yscale="log", yticks=[])
        axes.set_xticks(scales, [f"{scale:g}" for scale in scales])
        axes.minorticks_off()
        axes.margins(x=0.25, y=0.2)
        axes.spines[["top", "right", "left"]].set_visible(False)
    row.legend(frameon=False)


def _line(
    axes: "Axes", scales: Sequence[float], values: Sequence[float], words: Sequence[str], colour: str, label: str
) -> None:
    """A line with each point's value above it."""
    axes.plot(scales, values, marker="o", color=colour, label=label)
    for scale, value, text in zip(scales, values, words, strict=True):
        axes.annotate(text, (scale, value), (0, 6), textcoords="offset points", ha="center")


def _microseconds_a_row(run: Loaded) -> float:
    return run.seconds / run.rows * 1e6


def _stack(axes: "Axes", labels: Sequence[str], runs: Sequence[tuple[Loaded, float]]) -> None:
    """A bar for each run, its shares on top of each other, each divided by the run's unit."""
    heights = [0.0] * len(runs)
    for (share, name), colour in zip(SHARES.items(), _COLOURS, strict=True):
        parts = [run.shares[share] / unit for run, unit in runs]
        axes.bar(labels, parts, bottom=heights, color=colour, label=name, width=0.6)
        heights = [height + part for height, part in zip(heights, parts, strict=True)]
    for label, height in zip(labels, heights, strict=True):
        axes.annotate(f"{height:.2f}" if height < 10 else f"{height:.0f}", (label, height), ha="center", va="bottom")
    axes.spines[["top", "right"]].set_visible(False)


def _side_by_side(measured: Sequence[SideBySide]) -> Listing:
    columns = [
        "scale", "order versions", "events", "runs", "lakehouse, s", "DuckDB, s", "ratio", "ratio of processor time",
        "lakehouse, GiB", "DuckDB, GiB",
    ]  # fmt: skip
    rows = [
        [
            f"{one.scale:g}", f"{one.orders:,}", f"{one.events:,}", f"{one.runs}", _number(one.lakehouse.seconds),
            _number(one.duckdb.seconds), f"{one.ratio:.2f}", f"{one.lakehouse.cpu_seconds / one.duckdb.cpu_seconds:.2f}",
            _gibibytes(one.lakehouse.peak_bytes), _gibibytes(one.duckdb.peak_bytes),
        ]
        for one in measured
    ]  # fmt: skip
    return Listing(f"{DAYS} days of every table, from Parquet files: time and memory", columns, rows)


def _engines(measured: Sequence[Engines]) -> Listing:
    columns = [
        "scale", "rows of bronze", "Sail, s", "Spark, s", "ratio", "Sail, us a row", "Spark, us a row", "Sail, GiB",
    ]  # fmt: skip
    rows = [
        [
            f"{one.scale:g}", f"{one.sail.rows:,}", _number(one.sail.seconds), _number(one.spark.seconds),
            f"{one.ratio:.2f}", _number(_microseconds_a_row(one.sail)), _number(_microseconds_a_row(one.spark)),
            _gibibytes(one.sail.peak_bytes),
        ]
        for one in measured
    ]  # fmt: skip
    return Listing(f"{DAYS} days of every table, from Parquet files, on both engines", columns, rows)


def _memory_end(found: MemoryEnd) -> Listing:
    rows = [
        ["loads all tables in a process of", f"{_gibibytes(found.enough)} GiB"],
        ["no longer does in one of", f"{_gibibytes(found.too_little)} GiB"],
        ["what fails then", ", ".join(found.failed)],
        ["and says", found.said],
    ]
    return Listing(f"Where Sail's memory ends, at scale {found.scale:g}", ["", ""], rows)


def _shares(measured: Sequence[SideBySide]) -> Listing:
    rows = [[name, *(_share(one.lakehouse, share) for one in measured)] for share, name in SHARES.items()]
    audits = [sum(one.lakehouse.audits.values()) for one in measured]
    total = [
        f"{_number(one.lakehouse.seconds)} ({_number(audit)})" for one, audit in zip(measured, audits, strict=True)
    ]
    columns = ["", *(f"scale {one.scale:g}" for one in measured)]
    return Listing("Where the lakehouse's seconds go; audits in brackets", columns, [*rows, ["all", *total]])


def _share(run: Loaded, share: str) -> str:
    audit = f" ({_number(run.audits[share])})" if share in run.audits else ""
    return f"{_number(run.shares[share])}{audit}"


def _tables(measured: SideBySide) -> Listing:
    slowest = sorted(measured.lakehouse.tables.items(), key=lambda one: -one[1]["seconds"])[:TOP_TABLES]
    rows = []
    for table, parts in slowest:
        script = measured.duckdb.steps.get(table.removeprefix("gold/"))
        took = [parts["seconds"], *(parts.get(part) for part in PARTS), script]
        rows.append([table, *("" if seconds is None else _number(seconds) for seconds in took)])
    title = (
        f"The {TOP_TABLES} tables that take longest at scale {measured.scale:g}, in seconds; what stands for silver takes"
        f" DuckDB {_number(measured.duckdb.steps['silver'])}"
    )
    return Listing(title, ["table", "all", *PARTS, "DuckDB"], rows)


def _more_days(results: Results) -> Listing:
    rows = [
        [
            f"{one.history}",
            _number(one.median.seconds),
            ", ".join(_number(took) for took in one.seconds),
            _number(one.median.cpu_seconds),
            *(_share(one.median, share) for share in SHARES),
        ]
        for one in results.more_days
    ]
    title = f"One more day of every table, and what it makes stale, at scale {results.more_days_scale:g}, in seconds"
    return Listing(title, ["days of history", "median", "runs", "processor time", *SHARES.values()], rows)


def _number(seconds: float) -> str:
    return f"{seconds:,.1f}"


def _gibibytes(size: float) -> str:
    return f"{size / 2**30:.1f}"
