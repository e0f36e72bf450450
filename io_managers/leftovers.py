"""Files that no readable version of a table needs: what dead runs staged, and what was replaced longer ago than versions are kept.

Nothing is committed: what a table holds is the same before and after.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from contracts.model import Contract
from io_managers.shared_storage import PROBE
from io_managers.snapshot import kept_days
from io_managers.storage import Storage

ABANDONED_DAYS = 7
"""How old a file that no version names has to be: older than any run that may still publish it."""
_RUN_FOLDER = re.compile(r"data/[^/]+(?=/)")
"""The folder below a table's that one run alone writes to."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What is not needed below an address."""

    uri: str
    files: int
    size: int
    """Bytes."""


def remove_leftovers(
    storage: Storage, contract: Contract, now: dt.datetime, *, keep: bool = False
) -> Iterator[Leftovers]:
    """Removes what a table and its quarantine don't need, or only finds it.

    Args:
        storage: where the table is.
        contract: the table's.
        now: the time by the clock of the storage.
        keep: finds, and removes nothing.

    Raises:
        DeltaError: a table can't be read.
        OSError: the storage can't be reached.
    """
    for uri in (storage.table_uri(contract.table), storage.quarantine_uri(contract.table)):
        old = storage.list_files(uri, recursive=True, changed_before=now - dt.timedelta(days=ABANDONED_DAYS))
        if old:
            yield _remove(
                storage, uri, {path: old[path] for path in _not_needed(uri, contract) & old.keys()}, keep=keep
            )


def remove_probes(storage: Storage, now: dt.datetime, *, keep: bool = False) -> Iterator[Leftovers]:
    """Removes the tables of one row by which engines that were killed meanwhile showed where they write, or only finds them.

    Raises:
        OSError: the storage can't be reached.
    """
    for name in storage.list_folders(storage.root):
        if name.startswith(PROBE):
            uri = f"{storage.root}/{name}"
            old = storage.list_files(uri, recursive=True, changed_before=now - dt.timedelta(days=ABANDONED_DAYS))
            if old and not keep:
                storage.delete_folder(uri)
            yield Leftovers(uri, len(old), sum(old.values()))


def _not_needed(uri: str, contract: Contract) -> set[str]:
    """Paths of files that no version names, and of those that were replaced longer ago than versions are kept."""
    try:
        table = DeltaTable(uri)
    except TableNotFoundError:
        return set()

    def found(days: int, *, full: bool) -> set[str]:
        # A dry run, since removing by this would make two commits of nothing.
        return {*table.vacuum(24 * days, enforce_retention_duration=False, dry_run=True, full=full)}

    never_named = found(ABANDONED_DAYS, full=True) - found(ABANDONED_DAYS, full=False)
    return never_named | found(kept_days(contract), full=False)


def _remove(storage: Storage, uri: str, leftovers: Mapping[str, int], *, keep: bool) -> Leftovers:
    if leftovers and not keep:
        # Whole folders where nothing else is in them: on S3, that is one request for a thousand files.
        others = {_run_folder(path) for path in storage.list_files(uri, recursive=True).keys() - leftovers.keys()}
        folders = {_run_folder(path) for path in leftovers} - others - {None}
        for folder in folders:
            storage.delete_folder(f"{uri}/{folder}")
        for path in leftovers:
            if _run_folder(path) not in folders:
                storage.delete_file(f"{uri}/{path}")
    return Leftovers(uri, len(leftovers), sum(leftovers.values()))


def _run_folder(path: str) -> str | None:
    found = _RUN_FOLDER.match(path)
    return found[0] if found else None
