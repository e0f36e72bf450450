"""What gold tables have in common, judged over what a lake has published, as the check of each table does."""

import datetime as dt
from collections.abc import Mapping, Sequence

from asset_checks.identities import IDENTITIES, Identity, IdentityResult, evaluate_identities
from io_managers.delta_io_manager import DeltaIOManager
from io_managers.reads import read_predicate
from lakehouse_assets.lake import Lake

Verdicts = Mapping[Identity, Mapping[dt.date, IdentityResult]]


def judge(lake: Lake, days: Sequence[dt.date], identities: Sequence[Identity] = IDENTITIES) -> Verdicts:
    """Every identity's result for each day of a range."""
    tables = DeltaIOManager(lake.storage, lake.contracts, lake.engine.session)
    found: dict[Identity, dict[dt.date, IdentityResult]] = {one: {} for one in identities}
    for table in dict.fromkeys(one.right.table for one in identities):
        own = [one for one in identities if one.right.table == table]
        reads = {read.table: read for one in own for read in one.reads}
        published, stale = {}, {}
        for name, read in reads.items():
            published[name] = tables.read(name, read_predicate(lake.contracts[name], read, days[0], days[-1]))
            of_table = lake.days_of(name)
            stale[name] = {*of_table.stale, *(day for day in days if day not in of_table.loaded)}
        for result in evaluate_identities(published, days, stale, own):
            found[result.identity][result.day] = result
    return found
