"""The few numbers that say how an interval went."""

from flywheel_assets.history.headlines import headlines, with_found

GROWTH = [
    {"Interval": 1, "Label": None, "Retention": None, "Quick_Ratio": None},
    {"Interval": 2, "Label": None, "Retention": 0.5, "Quick_Ratio": 2.0},
    {"Interval": 2, "Label": "Best", "Retention": 0.1, "Quick_Ratio": 9.0},
]


def mix(interval: int, level: str, label: str, count: int, share: float) -> dict[str, object]:
    return {"Interval": interval, "Level": level, "Label": label, "Count": count, "Share": share}


def test_each_number_has_its_history_and_its_change() -> None:
    rows = [
        mix(1, "users", "Worst", 3, 0.75),
        mix(1, "users", "Best", 1, 0.25),
        mix(2, "users", "Worst", 1, 0.5),
        mix(2, "users", "Best", 1, 0.5),
        mix(1, "sessions", "High", 8, 1.0),
        mix(2, "sessions", "High", 9, 1.0),
    ]
    users, sessions, best, retention, quick = headlines([1, 2], rows, GROWTH, "Best")
    assert (users.history, users.change) == ((4, 2), -2)
    assert (sessions.value, sessions.previous) == (9, 8)
    assert (best.name, best.change) == ("Best", 0.25)
    assert (retention.history, retention.change) == ((None, 0.5), None)
    assert quick.value == 2.0


def test_an_interval_that_nobody_counted_is_not_0_and_not_skipped() -> None:
    (users, *_) = headlines([1, 2, 3], [mix(1, "users", "Best", 4, 1.0), mix(3, "users", "Best", 5, 1.0)], (), "Best")
    assert users.history == (4, None, 5)
    assert users.change is None


def test_an_incomplete_interval_is_told_only_of_itself_and_not_compared() -> None:
    rows = [mix(n, "users", "Best", count, 1.0) for n, count in ((1, 40), (2, 4), (3, 50), (4, 5))]
    totals = [{"Interval": n, "Label": None, "Retention": n / 10, "Quick_Ratio": 1.0} for n in (1, 2, 3, 4)]
    users, _, best, retention, quick = headlines([1, 2, 3, 4], rows, totals, "Best", {2, 4})
    assert users.history == (40, None, 50, 5)
    assert best.history == (1.0, None, 1.0, 1.0)
    assert (retention.history, quick.history) == ((0.1, None, None, None), (1.0, None, None, None))


def test_labels_that_only_an_earlier_model_gave_come_after_those_of_the_model() -> None:
    assert with_found(["worst", "best"], ["old", "best", "Absent", "elder"]) == ["worst", "best", "elder", "old"]
