"""Verdicts on transition_forecast: whether it is worth reading, and whether its intervals hold what they claim."""

from collections.abc import Sequence
from math import sqrt

from flywheel_assets.history.forecast_backtest import CHANCE, Backtest, headline
from flywheel_assets.history.moves import Row
from flywheel_assets.tables.verdict import Check, Verdict

BETTER = Check("better_than_no_change", "Forecasts so far were better than no change, beyond chance (warning).")
COVERAGE = Check("coverage", "The 90 % intervals so far held what came as often as they claim (warning).")
BOUNDS = Check("bounds", "Every forecast lies within its interval, and no label has less than 0 users.", blocking=True)
CHECKS = (BETTER, COVERAGE, BOUNDS)

NOMINAL = 0.90


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
    told = f"forecasts outside of their intervals: {', '.join(wrong)}" if wrong else f"{len(rows)} forecasts"
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
