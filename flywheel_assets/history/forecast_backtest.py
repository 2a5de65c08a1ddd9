"""How good forecasts from transitions were on past intervals, compared with "no change"."""

import json
from dataclasses import asdict, dataclass

import numpy as np

from flywheel_assets.history.forecast import History, forecast

BACKTEST = "flywheel.backtest"
"""The note in transition_forecast that says how good forecasts were so far."""

CHANCE = 1.645
"""How many standard errors a gain must exceed to be more than chance."""

TRUST_FORECASTS = 2
"""The weight, in forecasts, of the prior belief that forecasts are as uncertain as they claim."""


@dataclass(frozen=True)
class Backtest:
    """``forecasts``: made one interval ahead, each of all labels. ``error`` and ``no_change_error``: by how many users
    a label's forecast, and its count of the interval before, were off on average; None before any. ``gain_error``: the
    standard error of what the forecast gains. ``covered``: share of outcomes within the 90 % intervals; ``widening``:
    what the variance of the next is multiplied with."""

    forecasts: int
    error: float | None
    no_change_error: float | None
    gain_error: float | None
    covered: float | None
    widening: float

    @property
    def better(self) -> bool:
        """Whether it is better than no change by more than chance."""
        if self.error is None or self.no_change_error is None or self.gain_error is None:
            return False
        return self.no_change_error - self.error > CHANCE * self.gain_error

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Backtest":
        return cls(**json.loads(text))


def backtest(history: History) -> Backtest:
    """Forecasts each complete interval, from the third with data on, from the intervals before it, where the one just
    before is complete too.

    A forecast's variance is that of a world whose chances stay as they are. Where the errors of earlier forecasts were
    larger, as with real users, the next is widened by their mean square in units of its variance, never narrowed:
    the intervals then held 91 % of what came on DeskDrop, and 69 % without."""
    errors, no_change_errors = [], []
    squares: list[float] = []
    held: list[bool] = []
    widening = 1.0
    for position in range(2, len(history.users)):
        expected = forecast(history.first(position), widening)
        if not expected or not history.complete[position]:
            continue
        before, now = history.users[position - 1], history.users[position]
        of_labels = [expected[label] for label in history.labels]
        mean, deviation = np.array(of_labels).T
        bounds = np.array([one.bounds() for one in of_labels])
        errors.append(float(np.abs(now - mean).mean()))
        no_change_errors.append(float(np.abs(now - before).mean()))
        held += ((bounds[:, 0] <= now) & (now <= bounds[:, 1])).tolist()
        squares += (((now - mean) / deviation) ** 2 * widening).tolist()
        trusted = TRUST_FORECASTS * len(of_labels)
        widening = max(1.0, (trusted + sum(squares)) / (trusted + len(squares)))
    gains = np.subtract(no_change_errors, errors)
    return Backtest(
        len(errors),
        float(np.mean(errors)) if errors else None,
        float(np.mean(no_change_errors)) if errors else None,
        float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else None,
        float(np.mean(held)) if held else None,
        widening,
    )


def headline(found: Backtest) -> str:
    """How far to trust the forecast: first how it compares with no change, then how often its intervals held."""
    if found.error is None or found.no_change_error is None or found.covered is None:
        return (
            "Not yet compared with assuming no change: that takes three intervals with data.\n"
            "Its 90% intervals are untested too."
        )
    figures = (
        f"over {found.forecasts} forecast{'' if found.forecasts == 1 else 's'} it was off by {found.error:,.1f} users "
        f"per label on average, and assuming no change by {found.no_change_error:,.1f}"
    )
    if found.better:
        first = f"Better than assuming no change: {figures}."
    elif found.error < found.no_change_error:
        first = f"Not yet proven better than assuming no change: {figures}."
    else:
        first = f"Not better than assuming no change: {figures}."
    return f"{first}\nIts 90% intervals held {found.covered:.0%} of the outcomes."
