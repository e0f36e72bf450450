"""How far a run is: a bar for each Dagster run on a terminal, a line for each where no one watches."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from contracts.days import day_range
from io_managers.batches import Batch
from lakehouse_assets.command.output import count
from lakehouse_assets.lake import TableLoaded


class Watcher(Protocol):
    """Shows how far the runs are."""

    def begin(self, batch: Batch) -> Callable[[TableLoaded], None]:
        """Shows that a run begins; what it returns is called as each table is done."""
        ...


@contextmanager
def progress(console: Console) -> Iterator[Watcher]:
    """Shows progress on a console as it fits."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    # While a run is under way, Dagster sends what is printed to the run's log; the bars go to the terminal itself.
    with os.fdopen(os.dup(console.file.fileno()), "w") as terminal:
        columns = (
            SpinnerColumn(),
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("tables"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[table]}"),
        )
        with Progress(*columns, console=Console(file=terminal)) as bars:
            yield _Bars(bars)


@dataclass(frozen=True)
class _Lines:
    console: Console

    def begin(self, batch: Batch) -> Callable[[TableLoaded], None]:
        tables = count(len(batch.tables), "table")
        self.console.print(f"{day_range(batch.first, batch.last)}: loading {tables}", soft_wrap=True)
        return lambda _: None


@dataclass(frozen=True)
class _Bars:
    bars: Progress

    def begin(self, batch: Batch) -> Callable[[TableLoaded], None]:
        task = self.bars.add_task(day_range(batch.first, batch.last), total=len(batch.tables), table="")
        return lambda loaded: self.bars.update(task, advance=1, table=loaded.table)
