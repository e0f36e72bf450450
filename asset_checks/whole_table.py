"""What no audit of a partition can see: a key that stands twice in a whole table, and what got lost on the way from bronze.

Asked of published silver tables now and then, since each answer reads the whole table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asset_checks.repeats import repeats
from asset_checks.report import CheckOutcome
from asset_checks.shown import as_text, shortened
from contracts.errors import PermanentError
from contracts.model import OK, VALID_FROM, VALID_TO, Contract, Severity
from contracts.row_rules import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEYS = "keys"
COMPLETE = "complete"
_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Compared:
    """What a table and what it is made from hold of each other."""

    rows: int
    """The rows that either has: one a key, or one a version where history is kept."""
    missing: int
    """Those that the table lacks, or has an older version of."""
    unexpected: int
    """Those that only the table has, or has a newer version of."""
    samples: Mapping[str, Sequence[Mapping[str, str | None]]]


def identity(contract: Contract) -> tuple[str, ...]:
    """The columns that tell the table's rows apart: the key, and where history is kept the sequence too."""
    return contract.key if contract.history == "scd1" else (*contract.key, sequence(contract))


def sequence(contract: Contract) -> str:
    """The column that orders a key's versions.

    Raises:
        PermanentError: the contract names none.
    """
    if contract.sequence is None:
        raise PermanentError(f"{contract.table}: its contract must name the sequence of a key's versions")
    return contract.sequence


def judge_keys(contract: Contract, published: "DataFrame") -> CheckOutcome:
    """Fails where a key, or a version of one, stands more than once, or where a version doesn't end as its successor begins."""
    surplus, samples = repeats(contract, published, identity(contract), _SAMPLES)
    problems = [f"{surplus:,} rows repeat the key of another: {_named(samples)}"] if surplus else []
    if contract.history == "scd2":
        broken = _broken_histories(contract, published)
        if count := broken.count():
            problems.append(f"{count:,} versions don't end when the next begins: {_named(_sampled(contract, broken))}")
    if not problems:
        return CheckOutcome(KEYS, True, Severity.ERROR, "every key stands once in the whole table")
    return CheckOutcome(KEYS, False, Severity.ERROR, f"{'; '.join(problems)}. {_repair(contract)}")


def _broken_histories(contract: Contract, published: "DataFrame") -> "DataFrame":
    key = ", ".join(map(quoted, contract.key))
    # Versions of one sequence are repeats, and counted as such.
    following = f"lead({VALID_FROM}) over (partition by {key} order by {VALID_FROM})"
    columns = [*map(quoted, identity(contract)), VALID_TO, f"{following} as _next"]
    return published.selectExpr(*columns).where(f"not ({VALID_TO} <=> _next)")


def compare(contract: Contract, changes: "DataFrame", published: "DataFrame") -> Compared:
    """Compares a table with the changes that it is made from, of which each key's latest counts where no history is kept.

    Args:
        contract: the table's.
        changes: what its function made, marked by its row rules; those that broke one don't count.
        published: the table.
    """
    columns = identity(contract)
    # The engine can't filter what it parses JSON for (`No field named "?table?"...`), and can aggregate it.
    expected = _newest(contract, changes, "_expected", f"case when {OK} then {quoted(sequence(contract))} end")
    sides = expected.join(
        _newest(contract, published, "_published", quoted(sequence(contract))), list(columns), "full_outer"
    )
    judged = sides.selectExpr(
        *map(quoted, columns),
        "coalesce(_published < _expected, _published is null) as missing",
        "coalesce(_published > _expected, _expected is null) as unexpected",
    )
    row = judged.selectExpr(
        "count(*) as rows",
        "coalesce(sum(cast(missing as bigint)), 0) as missing",
        "coalesce(sum(cast(unexpected as bigint)), 0) as unexpected",
    ).collect()[0]
    found = {
        kind: _sampled(contract, judged.where(kind).select(*columns)) for kind in ("missing", "unexpected") if row[kind]
    }
    return Compared(row["rows"], row["missing"], row["unexpected"], found)


def _newest(contract: Contract, rows: "DataFrame", name: str, value: str) -> "DataFrame":
    ordered = rows.selectExpr(*map(quoted, identity(contract)), f"{value} as _at")
    return (
        ordered.groupBy(*identity(contract))
        .agg({"_at": "max"})
        .withColumnRenamed("max(_at)", name)
        .where(f"{name} is not null")
    )


def judge_complete(contract: Contract, compared: Compared, unsettled: int) -> CheckOutcome:
    """Fails where the table lacks what it is made from, or holds more.

    Args:
        contract: the table's.
        compared: with what it is made from, unsettled windows left out.
        unsettled: how many windows the table has yet to load again. While there are any, it may hold more.
    """
    source = " and ".join(read.table for read in contract.reads)
    left_out = f" {unsettled:,} windows are yet to be loaded again, and not judged." if unsettled else ""
    problems = []
    if compared.missing:
        problems.append(
            f"{compared.missing:,} of {compared.rows:,} are missing or older than in {source}: {_named(compared.samples['missing'])}"
        )
    if compared.unexpected and not unsettled:
        problems.append(
            f"{compared.unexpected:,} of {compared.rows:,} are not in {source}: {_named(compared.samples['unexpected'])}"
        )
    if problems:
        return CheckOutcome(COMPLETE, False, Severity.ERROR, f"{'; '.join(problems)}. {_repair(contract)}{left_out}")
    what = "keys" if contract.history == "scd1" else "versions"
    return CheckOutcome(
        COMPLETE,
        True,
        Severity.ERROR,
        f"all {compared.rows:,} {what} of {source} that pass the rules are here.{left_out}",
    )


def _repair(contract: Contract) -> str:
    return f"Make the table anew from all of bronze: `lakehouse run {contract.table} --rebuild`."


def _sampled(contract: Contract, rows: "DataFrame") -> list[dict[str, str | None]]:
    shown = as_text(contract, [(name, contract.by_name[name].type) for name in identity(contract)])
    return [shortened(row.asDict()) for row in rows.limit(_SAMPLES).selectExpr(*shown).collect()]


def _named(samples: Sequence[Mapping[str, str | None]]) -> str:
    return "; ".join(", ".join(f"{name} {value}" for name, value in row.items()) for row in samples)
