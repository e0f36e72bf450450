"""What checks of tables found: in a run that has just ended, and when they last looked where Dagster knows of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lakehouse_assets.command.summary import CheckFinding
from lakehouse_assets.instance.home import CONFIGURATION, configured_home, prepare_home
from lakehouse_assets.instance.steps import failure_reason, step_of
from lakehouse_assets.lake import Lake

if TYPE_CHECKING:
    import dagster as dg

    from lakehouse_assets.instance.last_checks import LastCheck


def last_checks(lake: Lake) -> "Mapping[str, list[LastCheck]]":
    """The last result of every check, by table. Opens Dagster's instance only where there is one."""
    import dagster as dg

    from lakehouse_assets.definitions import build_definitions
    from lakehouse_assets.instance.last_checks import LastCheck, last_results

    keys = build_definitions(lake).resolve_asset_graph().asset_check_keys
    results = {}
    if (configured_home() / CONFIGURATION).exists():
        prepare_home()
        with dg.DagsterInstance.get() as instance:
            results = last_results(instance, keys)
    found: dict[str, list[LastCheck]] = {}
    for key in sorted(keys, key=lambda one: one.name):
        found.setdefault(key.asset_key.to_user_string(), []).append(results.get(key, LastCheck(key.name, "never")))
    return found


def findings_of(result: "dg.ExecuteInProcessResult", tables: Sequence[str]) -> Iterator[CheckFinding]:
    """What the checks of a run's tables found; one that could not be carried out has failed."""
    for event in result.all_events:
        if event.is_step_failure:
            name, check = step_of(event.step_key or "", tables)
            if check:
                reason = failure_reason(event.step_failure_data)
                yield CheckFinding(name, check, passed=False, warning=False, message=reason)
    for one in result.get_asset_check_evaluations():
        name = one.asset_key.to_user_string()
        yield CheckFinding(name, one.check_name, one.passed, one.severity.value == "WARN", one.description or "")
