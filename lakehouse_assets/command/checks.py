"""What each check of each table found when it last looked, where there is an instance of Dagster that knows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lakehouse_assets.instance.home import CONFIGURATION, configured_home, prepare_home
from lakehouse_assets.lake import Lake

if TYPE_CHECKING:
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
