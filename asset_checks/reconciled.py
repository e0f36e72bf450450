"""The comparison of what a source says it has of a window with what the lake holds of it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReconciledWindow:
    """A window's rows by the source's own count, and what became of them in the lake."""

    window: str
    source: int
    published: int
    quarantined: int
    retained: int

    @property
    def difference(self) -> int:
        """Rows that the lake holds too many (positive) or too few (negative)."""
        return self.published + self.quarantined - self.retained - self.source


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """All windows compared, and whether they agree."""

    passed: bool
    windows: tuple[ReconciledWindow, ...]
    message: str


_NAMED = 5


def reconcile(
    table: str,
    source: Mapping[str, int],
    *,
    published: Mapping[str, int],
    quarantined: Mapping[str, int],
    retained: Mapping[str, int],
) -> Reconciliation:
    """Compares rows by window: the source's own + retained = published + quarantined.

    A window that only some know counts as 0 for the others. Retained rows are those that the lake keeps although the source no
    longer delivers them.
    """
    windows = tuple(
        ReconciledWindow(
            window, source.get(window, 0), published.get(window, 0), quarantined.get(window, 0), retained.get(window, 0)
        )
        for window in sorted({*source, *published, *quarantined, *retained})
    )
    wrong = [window for window in windows if window.difference]
    total = sum(window.source for window in windows)
    if not wrong:
        return Reconciliation(True, windows, f"all {total:,} rows that the source counts are published or quarantined")
    named = "; ".join(
        f"{one.window}: the source counts {one.source:,}, the lake holds {one.source + one.difference:,}"
        for one in wrong[:_NAMED]
    )
    more = f" and {len(wrong) - _NAMED} more windows" if len(wrong) > _NAMED else ""
    message = f"{table} differs from its source in {named}{more}. Load these windows again; if they still differ, the extraction misses or repeats rows."
    return Reconciliation(False, windows, message)
