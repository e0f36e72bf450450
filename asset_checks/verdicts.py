"""How an audit's findings are judged: the outcome of each check, and a message that says what to do. Pure, without an engine."""

from collections.abc import Mapping, Sequence

from asset_checks.figures import Figure, same
from asset_checks.report import NO_WINDOW, CheckOutcome, RuleResult, TableRuleResult, WindowCounts
from contracts.model import Bounds, Contract, Severity

SHARE_BLOCKS_FROM = 1_000
"""Incoming rows of a run from which on its share of quarantined rows blocks the publish; of fewer it says too little."""


def judge_schema(contract: Contract, differences: Sequence[str]) -> CheckOutcome:
    """Fails on any difference; publishing one would rewrite the table's schema."""
    if differences:
        message = f"{'; '.join(differences)}. Change the table's function, or its contract (version {contract.version}), so that both agree."
        return CheckOutcome("schema", False, Severity.ERROR, message)
    return CheckOutcome(
        "schema",
        True,
        Severity.ERROR,
        f"{len(contract.columns)} columns as in version {contract.version} of the contract",
    )


def judge_rows(contract: Contract, windows: Sequence[WindowCounts], rules: Sequence[RuleResult]) -> CheckOutcome:
    """Fails when more of the run's rows are quarantined than the contract's share, from `SHARE_BLOCKS_FROM` rows on."""
    incoming = sum(one.incoming for one in windows)
    quarantined = sum(one.quarantined for one in windows)
    most = sorted((rule for rule in rules if rule.broken), key=lambda rule: (-rule.broken, rule.name))
    broken = f" Broken rules: {', '.join(f'{rule.name} ({rule.broken:,})' for rule in most)}." if most else ""
    warned = any(rule.severity is Severity.WARNING for rule in most)
    if not quarantined:
        return CheckOutcome(
            "rows",
            True,
            Severity.WARNING if warned else Severity.ERROR,
            f"none of {incoming:,} rows is quarantined.{broken}",
        )
    share = f"{quarantined:,} of {incoming:,} rows ({quarantined / incoming:.2%}) {'is' if quarantined == 1 else 'are'} quarantined"
    if quarantined <= contract.max_quarantined_share * incoming:
        return CheckOutcome(
            "rows", True, Severity.WARNING if warned else Severity.ERROR, f"{share}, which the contract allows.{broken}"
        )
    allowed = f"more than the {contract.max_quarantined_share:.2%} that the contract allows"
    repair = f"Repair the source or the rules, then load the partitions again; `lakehouse quarantine {contract.table}` shows rows that were quarantined before."
    if incoming < SHARE_BLOCKS_FROM:
        return CheckOutcome(
            "rows",
            True,
            Severity.WARNING,
            f"{share}, {allowed}; of fewer than {SHARE_BLOCKS_FROM:,} rows that doesn't block.{broken} {repair}",
        )
    return CheckOutcome("rows", False, Severity.ERROR, f"{share}, {allowed}; nothing is published.{broken} {repair}")


def judge_table(contract: Contract, results: Sequence[TableRuleResult]) -> CheckOutcome:
    """Fails on a broken rule of severity error; broken warnings pass, marked."""
    broken = [result for result in results if not result.passed]
    if not broken:
        held = {0: "the contract has no table rules", 1: "the table rule holds"}
        return CheckOutcome(
            "table", True, Severity.ERROR, held.get(len(results), f"all {len(results)} table rules hold")
        )
    found = "; ".join(
        f"{result.name} is {result.value}, must be {described(result.bounds)} ({result.description})"
        for result in broken
    )
    if any(result.severity is Severity.ERROR for result in broken):
        return CheckOutcome(
            "table",
            False,
            Severity.ERROR,
            f"{found}. Nothing is published: repair the rows that {contract.table} is made from, or change the rule.",
        )
    return CheckOutcome(
        "table", True, Severity.WARNING, f"{found}. The rows are published: look whether they are right."
    )


def judge_conserved(
    contract: Contract,
    windows: Sequence[WindowCounts],
    expected: Mapping[str, Figure] | None,
    measured: Mapping[str, Figure],
    scanned: int | None,
) -> CheckOutcome:
    """Compares by window what went in with what came out; over the run where rows lack a window, since it can't tell them apart.

    Args:
        contract: says what is conserved.
        windows: the counts of rows.
        expected: the sums that the conserved measure must have.
        measured: the sums that it has.
        scanned: the rows that were found when the publishable rows were read, to be held against what their files state.
    """
    incoming: dict[str, Figure] = {one.window: one.incoming for one in windows}
    sides: list[tuple[str, Mapping[str, Figure], Mapping[str, Figure]]] = []
    if any(one.read is not None for one in windows):
        name = "read = incoming" if contract.mode == "changes" else "read + retained = published + quarantined"
        sides.append((name, {one.window: (one.read or 0) + one.retained for one in windows}, incoming))
    if contract.mode == "changes":
        made = {one.window: one.published + one.superseded + one.quarantined for one in windows}
        sides.append(("incoming = applied + superseded + quarantined", incoming, made))
    if expected is not None and contract.conserves:
        sides.append(
            (
                f"sum({contract.conserves.expression}) of {contract.conserves.source} = sum({contract.conserves.measure})",
                expected,
                measured,
            )
        )
    problems = [problem for name, left, right in sides for problem in _unequal(name, left, right)]
    stated = sum(one.published for one in windows)
    if scanned is not None and scanned != stated:
        problems.append(f"the staged files state {stated:,} rows to publish and hold {scanned:,}")
    if problems:
        repair = (
            "Rows are lost or doubled on the way: nothing is published. "
            "Look for a join or a filter in the table's function that drops or repeats rows."
        )
        return CheckOutcome("conserved", False, Severity.ERROR, f"{'; '.join(problems)}. {repair}")
    held = "; ".join(f"{name}: holds" for name, _, _ in sides)
    return CheckOutcome("conserved", True, Severity.ERROR, held or "every staged row is accounted for")


def _unequal(name: str, left: Mapping[str, Figure], right: Mapping[str, Figure]) -> list[str]:
    if NO_WINDOW in {*left, *right}:
        left, right = {"the run": sum(left.values())}, {"the run": sum(right.values())}
    return [
        f"{name} does not hold for {window}: {left.get(window, 0)} and {right.get(window, 0)}"
        for window in sorted({*left, *right})
        if not same(left.get(window, 0), right.get(window, 0))
    ]


def described(bounds: Bounds) -> str:
    """Bounds in words."""
    words = {
        "equal": "",
        "not_equal": "other than ",
        "above": "above ",
        "at_least": "at least ",
        "below": "below ",
        "at_most": "at most ",
    }
    parts = [f"{word}{_plain(limit)}" for name, word in words.items() if (limit := getattr(bounds, name)) is not None]
    if bounds.not_between:
        parts.append(f"not between {_plain(bounds.not_between[0])} and {_plain(bounds.not_between[1])}")
    return " and ".join(parts)


def _plain(limit: float) -> str:
    return f"{limit:,.0f}" if float(limit).is_integer() else f"{limit:,}"
