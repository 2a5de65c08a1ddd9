"""Which intervals are incomplete: those whose days without sessions usually hold a good part of them."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.landing.coverage import COMPLETE_FROM, Coverage, coverage, coverage_of, incomplete, verdict
from flywheel_assets_tests.frames import SECOND
from flywheel_assets_tests.projects import Project, sessions

EVERY_DAY = [100] * 14
WEEKDAYS = [100, 100, 100, 100, 100, 0, 0] * 2
QUIET_WEEKENDS = [200, 200, 200, 200, 200, 2, 1] * 2
NOTHING = [0] * 14
END_ON_DAY_3 = [100, 100, 50] + [0] * 11
BEGIN_ON_DAY_10 = [0] * 9 + [100] * 5


def on_days(*days: int) -> list[int]:
    return [100 if day in days else 0 for day in range(14)]


def state(by_day: Sequence[int], *earlier: Sequence[int]) -> str:
    found = coverage(by_day, earlier)
    return "incomplete" if found.incomplete else "warned" if found.short else "passed"


@pytest.mark.parametrize(
    ("by_day", "earlier", "expected"),
    [
        (EVERY_DAY, [EVERY_DAY] * 6, "passed"),
        (END_ON_DAY_3, [EVERY_DAY] * 6, "incomplete"),
        (END_ON_DAY_3, [EVERY_DAY], "incomplete"),
        (END_ON_DAY_3, [], "incomplete"),
        (WEEKDAYS, [WEEKDAYS] * 6, "passed"),
        (WEEKDAYS, [], "passed"),
        (WEEKDAYS[:3] + [0] * 11, [WEEKDAYS] * 6, "incomplete"),
        ([200] * 5 + [0, 0] + [200] * 5 + [0, 0], [QUIET_WEEKENDS] * 6, "passed"),
        ([0, *EVERY_DAY[1:]], [EVERY_DAY] * 6, "warned"),
        ([0, *WEEKDAYS[1:]], [WEEKDAYS] * 6, "warned"),
        (EVERY_DAY[:11] + [0] * 3, [EVERY_DAY] * 6, "incomplete"),
        (BEGIN_ON_DAY_10, [], "incomplete"),
        ([0, 0, 0, *EVERY_DAY[3:]], [], "incomplete"),
        (EVERY_DAY, [BEGIN_ON_DAY_10], "passed"),
        (NOTHING, [EVERY_DAY], "incomplete"),
        (NOTHING, [], "passed"),
        (EVERY_DAY, [EVERY_DAY, NOTHING], "passed"),
        (END_ON_DAY_3, [NOTHING, BEGIN_ON_DAY_10, EVERY_DAY], "incomplete"),
        ([1000, 1000, 500, 1, 0, 2, 0, 1] + [0] * 6, [[1000] * 14] * 4, "incomplete"),
        ([1, 0, 1] + [0] * 11, [[1] * 14] * 6, "passed"),
        (on_days(0, 2, 8, 12), [on_days(0, 3, 8, 11), on_days(2, 5, 7, 10), on_days(1, 4, 6, 9)], "passed"),
    ],
    ids=[
        "as usual",
        "data end on the third day",
        "data end, one earlier interval",
        "data end in the first interval",
        "no sessions on weekends",
        "no sessions on weekends, first interval",
        "data of weekdays end",
        "the few sessions of weekends are missing by chance",
        "outage of a day",
        "outage of one of ten days",
        "outage of three days",
        "the first interval begins in its second week",
        "the first interval begins on its fourth day",
        "after a first interval that begins in the middle",
        "no session in an interval",
        "no session ever",
        "after an interval without sessions",
        "data begin and end in the middle",
        "wrong clocks put a few sessions behind the end",
        "too few sessions to tell",
        "days are irregular",
    ],
)
def test_an_interval_is_complete_unless_days_are_empty_that_usually_have_sessions(
    by_day: list[int], earlier: list[list[int]], expected: str
) -> None:
    assert state(by_day, *earlier) == expected


DAYS = st.lists(st.integers(0, 500), min_size=14, max_size=14)


@given(DAYS, st.lists(DAYS, max_size=6))
def test_more_sessions_never_make_an_interval_less_complete_and_as_many_everywhere_change_nothing(
    by_day: list[int], earlier: list[list[int]]
) -> None:
    if not any(map(any, earlier)):
        earlier = [EVERY_DAY]
    found = coverage(by_day, earlier)
    fuller = coverage([max(n, 500) for n in by_day], earlier)

    assert 0 <= found.share <= fuller.share <= 1
    assert fuller.share == pytest.approx(1)
    assert found.lost >= 0
    tenfold = coverage([10 * n for n in by_day], [[10 * n for n in one] for one in earlier])
    assert (tenfold.days, tenfold.empty, tenfold.share) == (found.days, found.empty, pytest.approx(found.share))


@given(st.integers(1, 13), st.integers(0, 6))
def test_of_equal_days_the_share_is_that_of_the_days_with_sessions(days: int, earlier: int) -> None:
    found = coverage(EVERY_DAY[:days] + [0] * (14 - days), [EVERY_DAY] * (earlier + 1))
    assert found.share == pytest.approx(days / 14)
    assert found.incomplete == (days / 14 < COMPLETE_FROM)
    assert found.empty == tuple(range(days, 14))


def test_the_check_warns_and_names_the_days() -> None:
    cut = verdict(coverage(END_ON_DAY_3, [EVERY_DAY]), SECOND)
    assert (cut.passed, cut.severity, cut.numbers["incomplete"]) == (False, "WARN", 1)
    assert cut.summary == (
        "sessions on 3 of its 14 days; those without (2024-01-18 to 2024-01-28) usually hold 79% of its sessions: it "
        "is incomplete, so nothing is concluded from it"
    )
    outage = verdict(coverage([0, *EVERY_DAY[1:5], 0, *EVERY_DAY[6:]], [EVERY_DAY]), SECOND)
    assert outage.summary == (
        "sessions on 12 of its 14 days; those without (2024-01-15, 2024-01-20) usually hold 14% of its sessions"
    )
    assert outage.state == "warned"
    assert verdict(coverage(NOTHING, [EVERY_DAY]), SECOND).summary.startswith(
        "no sessions on any of its 14 days: it is"
    )
    assert verdict(coverage(WEEKDAYS, [WEEKDAYS]), SECOND).summary == "sessions on 10 of its 14 days"


def landed(project: Project, key_days: dict[str, range]) -> None:
    """Ten users with a session at each noon of those days of January 2024."""
    for name, days in key_days.items():
        project.land(
            f"{name}.parquet", sessions(*((f"u{u}", f"2024-{name}-{day:02d} 12", 1) for u in range(10) for day in days))
        )


def test_days_are_counted_from_the_landed_sessions_of_the_intervals(project: Project) -> None:
    landed(project, {"01": range(1, 32)})
    first, second, third = project.intervals("2024-01-01", "2024-01-15", "2024-01-29")
    assert [run.failure for run in project.run(first.key, second.key, third.key)] == [""] * 3
    with project.flywheel() as flywheel:
        assert coverage_of(flywheel, first) == Coverage(14, (), 1.0, 0.0)
        cut = coverage_of(flywheel, third)
        assert (cut.days, cut.empty, cut.incomplete) == (3, tuple(range(3, 14)), True)
        assert [*incomplete(flywheel, [first, second, third])] == [3]

        project.land(
            "02.parquet", sessions(*((f"u{u}", f"2024-02-{day:02d} 12", 1) for u in range(10) for day in range(1, 12)))
        )
        project.run(third.key)
        assert coverage_of(flywheel, third).incomplete is False, "late sessions complete it"
        project.path("landed_sessions", third.key).write_bytes(b"")
        assert coverage_of(flywheel, third).incomplete is False, "a file that cannot be read says nothing"
