"""Table rules that Great Expectations judges, on rows in the engine. The only module that imports it, which takes seconds.

It works in memory: it writes no file, asks no service, and keeps nothing between two audits.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any

from asset_checks.figures import Figure
from asset_checks.report import TableRuleResult
from contracts.errors import PermanentError
from contracts.model import Contract, ExpectationRule

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""Figures alone: no value of a row leaves the engine."""


class ExpectationError(PermanentError):
    """A rule could not be judged, so that nobody knows whether it holds."""


def expectation_rules(contract: Contract) -> tuple[ExpectationRule, ...]:
    """The contract's rules that Great Expectations judges."""
    return tuple(rule for rule in contract.table_rules if isinstance(rule, ExpectationRule))


def start_import(contracts: Iterable[Contract]) -> None:
    """Begins to import Great Expectations beside the work of a run, if one of the run's contracts needs it."""
    if any(map(expectation_rules, contracts)):
        _importing()


@cache
def _importing() -> Thread:
    # Great Expectations imports it, and while it is half imported, SQLAlchemy's core, which Dagster asks meanwhile, already uses it.
    import_module("sqlalchemy.orm")
    # Not a daemon: a process that ends in the middle of an import on a daemon thread may crash.
    thread = Thread(target=import_module, args=("great_expectations",), name="import of great_expectations")
    thread.start()
    return thread


def judge_expectations(contract: Contract, rows: "DataFrame") -> tuple[TableRuleResult, ...]:
    """The results of the contract's expectations over rows, in the contract's order. All of them hold where there are no rows.

    Raises:
        ExpectationError: a rule could not be judged; names the table, the rule and the reason.
    """
    rules = expectation_rules(contract)
    if not rules:
        return ()
    # No column is read: not each of an engine's dates is one in Python.
    if not rows.selectExpr("1 as one").limit(1).collect():
        return tuple(_result(rule, None, held=True) for rule in rules)
    _importing().join()
    batch = _batch(rows.select(*(f"`{column.name}`" for column in contract.columns)))
    return tuple(_judged(contract, rule, batch) for rule in rules)


def _batch(rows: "DataFrame") -> Any:
    """The rows as Great Expectations takes them."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )
    from pyspark.sql.connect.session import SparkSession

    active: object = SparkSession.active()
    if active is not rows.sparkSession:
        raise ExpectationError("Great Expectations takes the thread's active session, which isn't the one of the rows")
    config = DataContextConfig(
        # By default it makes a folder for documents.
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    source = context.data_sources.add_spark("staged", persist=False)
    definition = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    return definition.get_batch({"dataframe": rows})


def _judged(contract: Contract, rule: ExpectationRule, batch: Any) -> TableRuleResult:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    failed = f"{contract.table}: rule '{rule.name}' ({rule.expectation}) can't be judged"
    try:
        expectation = ExpectationConfiguration(type=rule.expectation, kwargs=dict(rule.arguments)).to_domain_obj()
        judged = batch.validate(expectation, result_format=_RESULT_FORMAT)
    except Exception as error:
        raise ExpectationError(f"{failed}: {type(error).__name__}: {error}") from error
    if reasons := list(dict.fromkeys(_exceptions(judged.exception_info))):
        raise ExpectationError(f"{failed}: {'; '.join(reasons)}")
    missing = [field for field in rule.figure if field not in judged.result]
    if missing:
        raise ExpectationError(f"{failed}: its result has no {' and no '.join(missing)}")
    figure = _figure([judged.result[field] for field in rule.figure])
    return _result(rule, figure, held=figure is None or bool(judged.success))


def _exceptions(info: Mapping[str, Any]) -> Iterator[str]:
    """The messages of what was raised: the expectation's own, or one for each metric that it computes."""
    if info.get("raised_exception"):
        yield str(info.get("exception_message"))
    for value in info.values():
        if isinstance(value, Mapping):
            yield from _exceptions(value)


def _figure(values: list[Any]) -> Figure | None:
    """The sum of a result's fields; none where they are of no rows that count, such as the deviation of a single one."""
    if any(value is None or math.isnan(value) for value in values):
        return None
    total = sum(values)
    # Some figures are NumPy's, which nothing that shows them knows.
    return int(total) if isinstance(total, int) else float(total)


def _result(rule: ExpectationRule, figure: Figure | None, *, held: bool) -> TableRuleResult:
    return TableRuleResult(rule.name, rule.severity, rule.dimension, rule.description, figure, rule.bounds, held)
