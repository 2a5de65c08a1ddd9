"""transition_forecast: how many users each label will have in the next interval, from the transitions so far."""

from collections.abc import Sequence
from math import sqrt

from flywheel_assets.history.forecast import History, forecast
from flywheel_assets.history.forecast_backtest import CHANCE, Backtest, headline
from flywheel_assets.history.moves import Moves, Row, number_and_labels, users_now, when
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import WHEN
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.users import label_transitions

BETTER = Check("better_than_no_change", "Forecasts so far were better than no change, beyond chance (warning).")
COVERAGE = Check("coverage", "The 90 % intervals so far held the outcome as often as they claim (warning).")
BOUNDS = Check("bounds", "Every forecast lies within its interval, and no label has fewer than 0 users.", blocking=True)
CHECKS = (BETTER, COVERAGE, BOUNDS)

NOMINAL = 0.90


TABLE = Table(
    "transition_forecast",
    "user label, and Absent",
    "How many users each label will have in the next interval, from the transitions so far.",
    (label_transitions.TABLE,),
    (
        Column("Label", "string", "The label; Absent for the users of this interval who will have none."),
        Column("Label_Order", "int32", "The label's place from worst to best, from 1; 0 for Absent."),
        Column("User_Count", "int64", "Users with it now (Absent: users who left); also the forecast of no change."),
        Column(
            "Forecast_Users",
            "float64",
            "Expected users with it in the next interval; null before any transition between complete intervals, and "
            "where this interval is incomplete.",
        ),
        Column("Lower_Users", "float64", "Lower end of the forecast's 90 % interval; null where the forecast is."),
        Column("Upper_Users", "float64", "Upper end of the forecast's 90 % interval; null where the forecast is."),
        Column("Forecast_Interval", "int32", "The number of the interval that is forecast."),
        *WHEN,
    ),
    earlier=(label_transitions.TABLE,),
    checks=CHECKS,
    parameters=number_and_labels,
    model_parameters=lambda flywheel: ("user labels",),
    code_version=2,  # 1 learned from intervals that data cover in part
)


def transition_forecast(moves: Sequence[Moves], history: History, widening: float, interval: Interval) -> list[Row]:
    """Absent's row, then one per label, worst to best. ``moves``: into each interval from the first with data to
    ``interval``, oldest first, and ``history`` of them; where that gives no forecast it is null."""
    expected = forecast(history, widening)
    now = users_now(moves[-1])
    now[ABSENT] = sum(users for (_, after), users in moves[-1].items() if after == ABSENT)
    rows = []
    for order, label in enumerate([ABSENT, *history.labels]):
        found = expected.get(label)
        lower, upper = found.bounds() if found else (None, None)
        rows.append(
            {
                "Label": label,
                "Label_Order": order,
                "User_Count": now[label],
                "Forecast_Users": found.mean if found else None,
                "Lower_Users": lower,
                "Upper_Users": upper,
                "Forecast_Interval": interval.number + 1,
                **when(interval),
            }
        )
    return rows


def verdicts(rows: Sequence[Row], found: Backtest) -> list[Verdict]:
    """All checks of CHECKS. A forecast that could not be tested yet is not warned of."""
    first, second = headline(found).split("\n")
    tested = {
        "forecasts": found.forecasts,
        **({"error": found.error} if found.error is not None else {}),
        **({"no_change_error": found.no_change_error} if found.no_change_error is not None else {}),
    }
    covered = {"covered": found.covered} if found.covered is not None else {}
    # Labels of an interval are off together, so an interval counts once.
    least = NOMINAL - CHANCE * sqrt(NOMINAL * (1 - NOMINAL) / found.forecasts) if found.forecasts else 0.0
    wrong = [
        row["Label"]
        for row in rows
        if row["Forecast_Users"] is not None
        and not 0 <= row["Lower_Users"] <= row["Forecast_Users"] <= row["Upper_Users"]
    ]
    told = f"forecasts outside their intervals: {', '.join(wrong)}" if wrong else f"{len(rows)} forecasts"
    return [
        Verdict(BETTER.name, found.better or not found.forecasts, first, "WARN", tested),
        Verdict(
            COVERAGE.name,
            found.covered is None or found.covered >= least,
            second,
            "WARN",
            {**covered, "nominal": NOMINAL, "widening": found.widening},
        ),
        Verdict(BOUNDS.name, not wrong, told, numbers={"labels_wrong": len(wrong)}),
    ]
