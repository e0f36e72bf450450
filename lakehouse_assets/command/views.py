"""Tables as a query may see them: pinned to a version, restricted columns masked, quarantine as far as it counts."""

import datetime as dt
from typing import TYPE_CHECKING

from deltalake.exceptions import DeltaError

from contracts.model import RAW, Contract
from io_managers.quarantine import read_quarantine
from io_managers.reads import open_version
from io_managers.snapshot import Snapshot, find_snapshot
from lakehouse_assets.command.quarantine import shown
from lakehouse_assets.command.query import AsOf, Reference
from lakehouse_assets.command.requests import RequestError, unknown_table
from lakehouse_assets.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

QUARANTINE = "__quarantine"
"""What the name of a table of set aside rows ends with."""


def view(lake: Lake, reference: Reference, *, unmasked: bool) -> "DataFrame":
    """What a query reads where it names a table.

    Raises:
        RequestError: there is no such table, it was never loaded, or not as of then.
    """
    name = reference.table.removesuffix(QUARANTINE)
    if name not in lake.contracts:
        known = [f"{table}{kind}".replace("/", ".") for kind in ("", QUARANTINE) for table in lake.contracts]
        raise unknown_table(reference.name, known)
    contract = lake.contracts[name]
    if name == reference.table:
        return _table(lake, contract, snapshot_of(lake, reference), unmasked=unmasked)
    if reference.as_of is not None:
        raise RequestError(
            f"{reference.name} can't be read as of then: what was set aside belongs to the table as it is"
        )
    return _quarantine(lake, contract, unmasked=unmasked)


def snapshot_of(lake: Lake, reference: Reference) -> Snapshot:
    """The version of a table that a reference means.

    Raises:
        RequestError: the table was never loaded, or there is no such version, or none yet at that time.
    """
    newest = find_snapshot(lake.storage, reference.table)
    if newest is None:
        raise RequestError(f"{reference.name} was never loaded: `lakehouse run` loads it")
    if reference.as_of is None:
        return newest
    version = _version(newest, reference.name, reference.as_of)
    try:
        snapshot = find_snapshot(lake.storage, reference.table, version)
    except DeltaError:
        snapshot = None
    if snapshot is None:
        raise RequestError(
            f"{reference.name} can't be opened as of version {version}: its log doesn't reach back that far any more"
        )
    return snapshot


def _version(newest: Snapshot, name: str, as_of: AsOf) -> int:
    if not isinstance(as_of, dt.datetime):
        if as_of > newest.version:
            raise RequestError(f"{name} has no version {as_of} yet: its newest is {newest.version}")
        return as_of
    # Also of a version that was committed by a clock which ran behind: times may go back from one version to the next.
    commits: dict[int, dt.datetime] = {
        commit["version"]: dt.datetime.fromtimestamp(commit["timestamp"] / 1000, dt.UTC)
        for commit in newest.delta.history()
    }
    before = [version for version, committed in commits.items() if committed <= as_of]
    if not before:
        raise RequestError(
            f"{name} has no version of {as_of:%Y-%m-%d %H:%M:%S} UTC: the oldest that its log names was "
            f"committed at {commits[min(commits)]:%Y-%m-%d %H:%M:%S}"
        )
    return max(before)


def _table(lake: Lake, contract: Contract, snapshot: Snapshot, *, unmasked: bool) -> "DataFrame":
    frame = open_version(lake.session, lake.storage.engine_path(snapshot.uri), snapshot.version)
    # In gold only masked values are stored.
    if unmasked or not contract.restricted or contract.layer == "gold":
        return frame
    from lakehouse_assets.load import masked

    # A column of an old version that the contract doesn't know (any more) can hold what is restricted.
    return masked(frame.select(*(name for name in frame.columns if name in contract.by_name)), contract, lake.mask_salt)


def _quarantine(lake: Lake, contract: Contract, *, unmasked: bool) -> "DataFrame":
    import pyarrow as pa

    rows = read_quarantine(lake.storage, contract)
    raw = [None if text is None else shown(text, contract, unmasked=unmasked) for text in rows[RAW].to_pylist()]
    rows = rows.set_column(rows.schema.get_field_index(RAW), RAW, pa.array(raw, pa.string()))
    if rows.num_rows:
        return lake.session.createDataFrame(rows)
    # The session can't make an empty DataFrame of an Arrow table.
    one = pa.Table.from_pylist([{}], schema=pa.schema(field.with_nullable(True) for field in rows.schema))
    return lake.session.createDataFrame(one).where("false")
