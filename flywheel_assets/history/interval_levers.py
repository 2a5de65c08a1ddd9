"""What `flywheel levers` knows: the levers of an interval, and what the forecast that they rest on was worth."""

from dataclasses import dataclass

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.assets import moves_so_far
from flywheel_assets.history.forecast_backtest import backtest, headline
from flywheel_assets.history.levers import Lever, levers
from flywheel_assets.history.transition_forecast import History
from flywheel_assets.intervals import Interval


@dataclass(frozen=True)
class Levers:
    """``found``: those of an interval, the largest first; ``best``: the label that they change; ``headline``: how good
    the forecast was, in two lines."""

    interval: Interval
    best: str
    headline: str
    found: list[Lever]


def levers_of(flywheel: Flywheel, interval: Interval | None) -> Levers:
    """Of an interval, by default of the last that has label_transitions. Raises NotMaterializedError where none has,
    and where an interval before has not."""
    if interval is None:
        keys = flywheel.warehouse.keys("label_transitions")
        if not keys:
            raise NotMaterializedError("no interval has been run yet, so there is no transition to move: flywheel run")
        interval = flywheel.interval(keys[-1])
    order = flywheel.models["user"].order
    history = History.of(moves_so_far(flywheel, interval), order)
    return Levers(interval, order[-1], headline(backtest(history)), levers(history))
