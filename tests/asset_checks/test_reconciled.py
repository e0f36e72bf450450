"""What a source counts, against what the lake holds."""

from asset_checks.reconciled import reconcile


def test_agreement_counts_quarantined_and_retained_rows() -> None:
    found = reconcile(
        "bronze/x", {"a": 10, "b": 0}, published={"a": 9, "b": 2}, quarantined={"a": 1}, retained={"b": 2}
    )
    assert found.passed
    assert "all 10 rows" in found.message


def test_every_window_must_agree_by_itself() -> None:
    found = reconcile("bronze/x", {"a": 10, "b": 10}, published={"a": 9, "b": 11}, quarantined={}, retained={})
    assert not found.passed
    assert [window.difference for window in found.windows] == [-1, 1]
    assert "bronze/x differs from its source in a: the source counts 10, the lake holds 9" in found.message


def test_windows_that_one_side_does_not_know_are_empty_there() -> None:
    assert not reconcile("bronze/x", {}, published={"a": 1}, quarantined={}, retained={}).passed
    assert not reconcile("bronze/x", {"a": 1}, published={}, quarantined={}, retained={}).passed
    assert reconcile("bronze/x", {"a": 0}, published={}, quarantined={}, retained={}).passed


def test_many_windows_are_summed_up_in_the_message() -> None:
    windows = {f"d{number}": 1 for number in range(9)}
    message = reconcile("bronze/x", windows, published={}, quarantined={}, retained={}).message
    assert "and 4 more windows" in message
