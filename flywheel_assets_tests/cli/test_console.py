"""Text for the terminal: cells, the order of checks that did not pass, and how a run and a user are told."""

from datetime import UTC, datetime

import pytest
from rich.console import Console, RenderableType

from flywheel_assets.cli.console import cell, explanation_report, failing_checks, run_report, table
from flywheel_assets.orchestration.runs import CheckLine


def text(renderable: RenderableType) -> list[str]:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(renderable)
    return [line.rstrip() for line in captured.get().splitlines()]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (1234567, "1,234,567"),
        (0.12345, "0.123"),
        (2.0, "2.000"),
        ("", ""),
        ("2024-01-15", "2024-01-15"),
    ],
)
def test_a_cell_shows_its_value(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_numbers_line_up_at_the_right_and_text_at_the_left() -> None:
    made = table(("name", "users"), [("a", 5), ("long name", 12345), ("b", None)])

    assert text(made) == ["name        users", "a               5", "long name  12,345", "b               -"]


def test_a_table_without_rows_is_its_header() -> None:
    assert text(table(("name", "users"), [])) == ["name  users"]


def test_square_brackets_are_text_and_not_markup() -> None:
    assert text(table(("name",), [("[red]a[/red]",)])) == ["name", "[red]a[/red]"]


PASSED = CheckLine("passed", "landed_sessions", "contract", "2024-01-01", "fine")


def warned(check: str, interval: str, summary: str = "so so") -> CheckLine:
    return CheckLine("warned", "landed_sessions", check, interval, summary)


def failed(check: str, interval: str, summary: str = "bad") -> CheckLine:
    return CheckLine("failed", "user_labels", check, interval, summary)


def test_failed_checks_come_before_warnings_and_the_frequent_before_the_rare() -> None:
    lines = failing_checks(
        [
            warned("volume", "2024-01-01"),
            warned("volume", "2024-01-15"),
            warned("volume", "2024-01-29"),
            failed("rare", "2024-01-01"),
            failed("often", "2024-01-01"),
            failed("often", "2024-01-15"),
        ]
    )

    assert [(state, name, times) for state, name, times, _ in lines] == [
        ("failed", "user_labels.often", 2),
        ("failed", "user_labels.rare", 1),
        ("warned", "landed_sessions.volume", 3),
    ]


def test_equally_frequent_checks_stand_by_name() -> None:
    lines = failing_checks([failed("b", "2024-01-01"), failed("a", "2024-01-01")])

    assert [name for _, name, _, _ in lines] == ["user_labels.a", "user_labels.b"]


def test_a_check_says_what_it_said_last_and_of_which_interval() -> None:
    (line,) = failing_checks([failed("shares", "2024-01-01", "3 rows"), failed("shares", "2024-01-15", "7 rows")])

    assert line[2:] == (2, "2024-01-15: 7 rows")


def test_a_check_that_both_warned_and_failed_has_a_line_for_each() -> None:
    drift = [CheckLine(state, "user_labels", "drift", "2024-01-01", "PSI") for state in ("warned", "failed")]

    assert [line[0] for line in failing_checks(drift)] == ["failed", "warned"]


def test_checks_that_passed_are_not_told() -> None:
    assert failing_checks([PASSED]) == []
    assert text(run_report(("interval",), [("2024-01-01",)], [PASSED])) == ["interval", "2024-01-01"]


def test_a_run_is_a_line_an_interval_and_then_what_did_not_pass() -> None:
    lines = text(run_report(("interval", "users"), [("2024-01-01", 1500)], [PASSED, failed("shares", "2024-01-01")]))

    assert lines[:2] == ["interval    users", "2024-01-01  1,500"]
    assert lines[3] == "Checks that did not pass, with their latest summary"
    assert lines[-1].split() == ["failed", "user_labels.shares", "1", "2024-01-01:", "bad"]


def test_a_user_is_explained_by_sessions_shares_and_probabilities_from_worst_to_best() -> None:
    session = {
        "timestamp_utc": datetime(2024, 1, 15, 9, 5, tzinfo=UTC),
        "session_quality_label": "Low Quality",
        "probability_low_quality": 0.75,
        "probability_high_quality": 0.25,
        "pageviews": 3.0,
        "leads": 0.0,
        "favorites": 1.5,
    }
    shares = {"share_low_quality": 1.0, "share_high_quality": 0.0}
    label = {"user_flywheel_label": "Passive", "probability_passive": 0.9, "probability_engaged": 0.1}

    lines = text(
        explanation_report(
            "ann in January",
            [session],
            shares,
            label,
            ("pageviews", "leads", "favorites"),
            ("Low Quality", "High Quality"),
            ("Passive", "Engaged"),
        )
    )

    assert lines[0] == "ann in January"
    assert [line.split() for line in lines if line.startswith("2024-01-15 09:05")] == [
        ["2024-01-15", "09:05", "Low", "Quality", "0.750", "0.250", "pageviews", "3,", "favorites", "1.5"]
    ]
    assert lines[-3:] == ["flywheel label  probability", "Passive               0.900", "Engaged               0.100"]
    assert lines[-4] == "Flywheel label: Passive"
    first = lines.index("session label  share of sessions")
    assert [line.split() for line in lines[first + 1 : first + 3]] == [
        ["Low", "Quality", "1.000"],
        ["High", "Quality", "0.000"],
    ]
