"""What tables rely on an engine to do, probed once when a session starts.

An engine that ignores an option, or computes an expression differently, gives wrong tables without an error; so each
probe compares an answer with the one that every supported engine gives.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from contracts.errors import tells_of_a_lost_session
from resources.engine.interface import EngineAwayError, EngineError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROBES: dict[str, tuple[str, object]] = {
    "timestamps are UTC": ("cast(timestamp'2026-01-01 00:00:00' as string)", "2026-01-01 00:00:00"),
    "a cast of unreadable text is null": ("try_cast('x' as int) is null", True),
    "decimals round half up": ("cast(round(cast('2.175' as decimal(38,12)), 2) as string)", "2.18"),
    "a product of decimals is exact": (
        "cast(cast('1234567.89' as decimal(18,2)) * cast('1.0000000001' as decimal(18,10)) as string)",
        "1234567.890123456789",
    ),
    "xxhash64 is Spark's": ("xxhash64('lakehouse', cast(1 as bigint))", -683820773423035074),
    "a hash passes over null": ("xxhash64('a', cast(null as string)) = xxhash64('a')", True),
    "arrays of structs sort by their first field": (
        "to_json(sort_array(array(named_struct('a', 2), named_struct('a', 1))))",
        '[{"a":1},{"a":2}]',
    ),
    "SHA-256 is hexadecimal in lower case": (
        "sha2('a', 256)",
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
    ),
}


def require_capabilities(session: "SparkSession", engine: str) -> None:
    """Checks every probe, in one query where the engine knows all expressions.

    Raises:
        EngineError: names the engine and each capability that it lacks.
        EngineAwayError: the engine doesn't answer.
    """
    from pyspark.errors import PySparkException

    expressions = [expression for expression, _ in PROBES.values()]
    try:
        answers = _answers(session, expressions)
    except PySparkException as error:
        if tells_of_a_lost_session(error):
            raise EngineAwayError(f"engine '{engine}' went away while it was looked at: {error}") from error
        # Of one that the engine can't even compute: which it is, shows one by one.
        answers = [_answer_or_error(session, expression) for expression in expressions]
    lacking = [
        f"{name}: {expression} gave {given!r}, not {expected!r}"
        for (name, (expression, expected)), given in zip(PROBES.items(), answers, strict=True)
        if given != expected
    ]
    if lacking:
        raise EngineError(
            f"engine '{engine}' can't run the lakehouse: {'; '.join(lacking)}. Choose another by LAKEHOUSE_ENGINE, or the pinned version."
        )


def _answers(session: "SparkSession", expressions: Sequence[str]) -> list[object]:
    columns = (f"{expression} as p{number}" for number, expression in enumerate(expressions))
    return list(session.sql(f"select {', '.join(columns)}").collect()[0])


def _answer_or_error(session: "SparkSession", expression: str) -> object:
    from pyspark.errors import PySparkException

    try:
        return _answers(session, [expression])[0]
    except PySparkException as error:
        return f"the error {str(error).splitlines()[0]}"
