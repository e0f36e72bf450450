"""Upkeep of a whole lake: what dead runs left and what no version needs is removed, by a weekly job and by `lakehouse upkeep`."""

import datetime as dt
from collections.abc import Iterator
from itertools import chain

import dagster as dg

from io_managers.leftovers import Leftovers, remove_leftovers, remove_probes
from lakehouse_assets.lake import Lake
from lakehouse_assets.table import LAKE

UPKEEP = "upkeep"


def clean(lake: Lake, *, keep: bool = False) -> Iterator[Leftovers]:
    """Removes leftovers table by table, or only finds them; an address without any is left out.

    Ages are by the machine's clock, since the storage's are: a lake whose clock is fixed has new files.

    Raises:
        DeltaError: a table can't be read.
        OSError: the storage can't be reached.
    """
    now = dt.datetime.now(dt.UTC)
    tables = (remove_leftovers(lake.storage, contract, now, keep=keep) for contract in lake.contracts.values())
    every = chain(*tables, remove_probes(lake.storage, now, keep=keep))
    yield from (found for found in every if found.files)


def upkeep_job() -> dg.JobDefinition:
    """The job of the weekly schedule."""

    @dg.op(name="remove_leftovers", required_resource_keys={LAKE}, out=dg.Out(dg.Nothing))
    def remove(context: dg.OpExecutionContext) -> None:
        files = size = 0
        for removed in clean(context.resources.lake):
            context.log.info("%s: %d files, %d bytes removed", removed.uri, removed.files, removed.size)
            files, size = files + removed.files, size + removed.size
        context.add_output_metadata({"files": files, "bytes": size})

    @dg.job(name=UPKEEP, description="Removes files that no readable version of a table needs.")
    def upkeep() -> None:
        remove()

    return upkeep
