from flywheel_assets.history.label_mix import label_mix, verdicts
from flywheel_assets_tests.frames import SECOND


def failed(
    sessions: dict[str, int], users: dict[str, int], of_sessions: int, of_users: int, off: float = 0.0
) -> set[str]:
    rows = label_mix(sessions, users, SECOND)
    rows[0]["Share"] = rows[0]["Share"] + off if off else rows[0]["Share"]
    return {verdict.check for verdict in verdicts(rows, of_sessions, of_users) if not verdict.passed}


def test_what_counts_everything_passes_and_so_does_nothing() -> None:
    assert failed({"Low": 3, "High": 1}, {"Passive": 2}, 4, 2) == set()
    assert failed({"Low": 0}, {"Passive": 0}, 0, 0) == set()


def test_rows_that_were_not_counted_fail() -> None:
    assert failed({"Low": 3}, {"Passive": 2}, 4, 2) == {"conservation"}
    assert failed({"Low": 3}, {"Passive": 2}, 3, 3) == {"conservation"}


def test_shares_that_do_not_sum_to_one_fail() -> None:
    assert failed({"Low": 3}, {"Passive": 2}, 3, 2, off=0.01) == {"shares"}
