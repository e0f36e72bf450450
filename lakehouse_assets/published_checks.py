"""Checks of published tables: freshness of each against its SLA, and the identities that gold tables have in common."""

from collections.abc import Iterable, Mapping

import dagster as dg

from asset_checks.dagster_results import as_metadata, with_runbook
from asset_checks.freshness import freshness, with_open_day
from asset_checks.identities import Identity, describe, evaluate_identities, identities_of
from asset_checks.metadata import identities_metadata
from asset_checks.whole_table import COMPLETE, KEYS
from contracts.model import Contract
from io_managers.delta_io_manager import DeltaIOManager
from io_managers.reads import read_predicate
from lakehouse_assets.asset_metadata import asset_key
from lakehouse_assets.automation.source_cursors import behind_since, cursors_of_sources
from lakehouse_assets.lake import Lake
from lakehouse_assets.partitions import run_days
from lakehouse_assets.table import IO_MANAGER, LAKE, check_specs

FRESHNESS = "freshness"
IDENTITIES = "identities"


def freshness_check(contract: Contract) -> dg.AssetChecksDefinition:
    """Whether yesterday's partition was complete in time, by the newest day that is loaded and not stale."""

    @dg.asset_check(
        asset=asset_key(contract.table), name=FRESHNESS, required_resource_keys={LAKE},
        description=f"The newest complete day is yesterday from {contract.available_by:%H:%M} UTC on.",
    )  # fmt: skip
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        lake: Lake = context.resources.lake
        days = lake.days_of(contract.table)
        now = lake.settings.clock()
        verdict = freshness(contract, now, days.loaded, days.overdue, lake.settings.start_date)
        if contract.latency is not None:
            behind = behind_since(cursors_of_sources(context.instance))
            verdict = with_open_day(verdict, contract, now, behind.get(contract.table))
        return dg.AssetCheckResult(
            passed=verdict.passed,
            description=verdict.message,
            metadata=as_metadata(
                with_runbook(
                    {
                        "newest_complete_day": str(verdict.newest),
                        "expected_day": str(verdict.expected),
                        "late_by_hours": verdict.late_by.total_seconds() / 3600,
                    },
                    FRESHNESS,
                    passed=verdict.passed,
                )
            ),
        )

    return check


def identity_checks(contracts: Mapping[str, Contract]) -> list[dg.AssetChecksDefinition]:
    """One check for each table that has sums in common with one that it reads."""
    return [_identity_check(contract, contracts) for contract in contracts.values() if _identities(contract, contracts)]


def published_check_keys(tables: Iterable[str], contracts: Mapping[str, Contract]) -> list[dg.AssetCheckKey]:
    """The checks that look at what is published, whoever published it."""
    found = []
    for contract in (contracts[table] for table in tables):
        names = [FRESHNESS]
        if _identities(contract, contracts):
            names.append(IDENTITIES)
        if contract.mode == "changes":
            names += [KEYS, COMPLETE]
        found += [dg.AssetCheckKey(asset_key(contract.table), name) for name in names]
    return found


def load_check_keys(tables: Iterable[str], contracts: Mapping[str, Contract]) -> list[dg.AssetCheckKey]:
    """The checks that belong to a load of tables: all but those of whole tables."""
    wanted = list(tables)
    of_loads = [spec.key for table in wanted for spec in check_specs(contracts[table])]
    whole = {KEYS, COMPLETE}
    return of_loads + [key for key in published_check_keys(wanted, contracts) if key.name not in whole]


def _identities(contract: Contract, contracts: Mapping[str, Contract]) -> tuple[Identity, ...]:
    return tuple(
        one
        for one in identities_of(contract.table)
        if one.right.table == contract.table and all(read.table in contracts for read in one.reads)
    )


def _identity_check(contract: Contract, contracts: Mapping[str, Contract]) -> dg.AssetChecksDefinition:
    identities = _identities(contract, contracts)

    @dg.asset_check(
        asset=asset_key(contract.table), name=IDENTITIES, required_resource_keys={LAKE, IO_MANAGER},
        description="; ".join(f"{one.name} is that of {one.left.table}" for one in identities),
    )  # fmt: skip
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        lake: Lake = context.resources.lake
        tables: DeltaIOManager = context.resources.delta
        days = run_days(context.run.tags) or sorted(lake.days_of(contract.table).loaded)
        reads = {read.table: read for one in identities for read in one.reads}
        published, stale = {}, {}
        for name, read in reads.items() if days else ():
            published[name] = tables.read(name, read_predicate(lake.contracts[name], read, days[0], days[-1]))
            of_table = lake.days_of(name)
            stale[name] = {*of_table.stale, *(day for day in days if day not in of_table.loaded)}
        results = evaluate_identities(published, days, stale, identities)
        passed = all(result.passed for result in results)
        return dg.AssetCheckResult(
            passed=passed,
            description=describe(results),
            metadata=as_metadata(with_runbook(identities_metadata(results), IDENTITIES, passed=passed)),
        )

    return check
