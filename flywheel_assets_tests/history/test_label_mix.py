from flywheel_assets.history.label_mix import label_mix, verdicts
from flywheel_assets_tests.frames import SECOND


def test_a_row_a_label_of_each_level_in_the_order_of_labels() -> None:
    rows = label_mix({"Low": 3, "High": 1}, {"Passive": 0, "Engaged": 2}, SECOND)

    assert [(r["Level"], r["Label"], r["Label_Order"], r["Count"], r["Share"]) for r in rows] == [
        ("sessions", "Low", 1, 3, 0.75),
        ("sessions", "High", 2, 1, 0.25),
        ("users", "Passive", 1, 0, 0.0),
        ("users", "Engaged", 2, 2, 1.0),
    ]
    assert {(str(r["First_Day"]), r["Interval"], r["Interval_Dates"]) for r in rows} == {
        ("2024-01-15", 2, "2024-01-15 - 2024-01-28")
    }


def test_shares_of_nothing_are_null() -> None:
    assert [r["Share"] for r in label_mix({"Low": 0}, {"Passive": 0}, SECOND)] == [None, None]


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
