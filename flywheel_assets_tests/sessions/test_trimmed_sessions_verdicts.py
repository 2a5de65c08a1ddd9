from decimal import Decimal

import pytest

from flywheel_assets.sessions.trimmed_sessions import CHECKS, Ledger, Threshold, guards, share_removed

QUANTILE = Decimal("0.999")
COMMON, RARE = Threshold("pageviews", 90.0, 1.0), Threshold("leads", 0.0, 0.0)


def ledger(sessions: int = 2001, removed: int = 2, too_small: bool = False, *limits: Threshold) -> Ledger:
    return Ledger(sessions, removed, 0, too_small, limits or (COMMON,), {"pageviews": removed})


def test_neither_check_blocks() -> None:
    assert [(c.name, c.blocking) for c in CHECKS] == [("share_removed", False), ("guards", False)]


@pytest.mark.parametrize(("removed", "passed"), [(0, True), (2, True), (3, False)])
def test_a_feature_removes_no_more_than_the_quantile_explains(removed: int, passed: bool) -> None:
    judged = share_removed(ledger(2001, removed), 2001 - removed, QUANTILE)
    assert (judged.passed, judged.severity) == (passed, "ERROR")
    assert judged.numbers["most_by_one_feature"] == 2
    assert passed or judged.summary == "pageviews removed 3, the quantile explains at most 2"


@pytest.mark.parametrize(("rows", "says"), [(1998, "+1 sessions"), (2000, "-1 sessions")])
def test_rows_that_the_ledger_does_not_account_for_fail(rows: int, says: str) -> None:
    judged = share_removed(ledger(2001, 2), rows, QUANTILE)
    assert (judged.passed, judged.summary) == (False, f"{says} that the ledger does not account for")


def test_an_empty_interval_and_quantile_1_explain_no_removal() -> None:
    assert share_removed(ledger(0, 0), 0, QUANTILE).passed
    assert share_removed(ledger(5000, 0), 5000, Decimal(1)).passed
    assert not share_removed(ledger(5000, 1), 4999, Decimal(1)).passed


def test_no_guard_held_passes() -> None:
    judged = guards(ledger(), 1000)
    assert (judged.passed, judged.summary) == (True, "every feature was trimmed by")


def test_a_guarded_feature_warns_and_is_named() -> None:
    judged = guards(ledger(2001, 2, False, COMMON, RARE), 1000)
    assert (judged.passed, judged.severity) == (False, "WARN")
    assert judged.summary == "not trimmed by leads: the threshold equals the minimum"
    assert judged.numbers == {"features_guarded": 1, "too_small": 0}


@pytest.mark.parametrize(("least", "why"), [(1000, "trimming begins at 1,000"), (None, "trimming is off (quantile 1)")])
def test_an_interval_that_was_not_trimmed_warns_and_says_why(least: int | None, why: str) -> None:
    judged = guards(ledger(999, 0, True), least)
    assert (judged.passed, judged.severity) == (False, "WARN")
    assert judged.summary == f"999 sessions: {why}, so none was trimmed"
