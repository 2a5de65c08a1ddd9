"""Numbers and dates as readers see them."""

from flywheel_assets.report import numbers
from flywheel_assets_tests.frames import CALENDAR


def test_numbers_are_written_for_readers() -> None:
    assert [numbers.count(x) for x in (1234, None, -5)] == ["1,234", "–", "−5"]
    assert [numbers.percent(x) for x in (0.1234, 0.0, 0.0001, 1.0)] == ["12.3%", "0.0%", "<0.1%", "100.0%"]
    assert [numbers.signed_points(x) for x in (0.012, -0.012, 0.0001, None)] == ["+1.2", "−1.2", "0.0", "–"]
    assert [numbers.days(CALENDAR.number(n)) for n in (1, 3)] == [
        "1 – 14 January 2024",
        "29 January – 11 February 2024",
    ]
    assert numbers.days(CALENDAR.number(27)) == "30 December 2024 – 12 January 2025"
    assert numbers.listed(["a", "b", "c"]) == "a, b and c"
