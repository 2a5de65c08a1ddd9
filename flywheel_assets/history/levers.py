"""Levers: which transition, moved a little, would change the best label the most, all else as it is.

Arithmetic on the chances that the forecast uses, not a promise: it says where a change would show, not how to bring it
about, nor that nothing else would change with it. It is offered because, on samples with known truth, that forecast was
better than no change: off by 11.9 users per label where no change was off by 13.3, in twelve samples of 26 intervals
labelled by the shipped models (`benchmarks.forecast`)."""

from dataclasses import dataclass

import numpy as np

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.forecast import FloatArray, History, arrivals, probabilities
from flywheel_assets.history.forecast_backtest import backtest, headline
from flywheel_assets.history.moves import incomplete_so_far, moves_so_far
from flywheel_assets.intervals import Interval
from flywheel_assets.landing.coverage import coverage_of
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.significance import LEAST_USERS

MOVED_BY = 0.02
AHEAD_INTERVALS = 6


@dataclass(frozen=True)
class Lever:
    """A transition, its chance now, and by how many users the best label changes AHEAD_INTERVALS later when the
    transition is MOVED_BY more likely."""

    from_label: str
    to_label: str
    chance: float
    change: float


def levers(history: History) -> list[Lever]:
    """Every transition from a label, to itself and Absent too, the one that changes most first; none before any
    transition, from a label that fewer than LEAST_USERS went on from, from an incomplete interval, and for one that is
    all but certain. The best label is the last of the history's labels.

    More of a label's users go one way, then, and fewer go each other way, in proportion; as many users arrive as did.
    """
    seen = history.recent()
    if not len(seen.moved) or not history.complete[-1]:
        return []
    chances, _ = probabilities(seen)
    came, _ = arrivals(seen)
    users = history.users[-1]
    as_it_is = _ahead(users, chances, came)
    found = []
    for i, before in enumerate(history.labels):
        if seen.moved[:, i].sum() < LEAST_USERS:
            continue
        for j, after in enumerate((*history.labels, ABSENT)):
            chance = float(chances[i, j])
            if chance + MOVED_BY <= 1:
                moved = chances.copy()
                moved[i] *= (1 - chance - MOVED_BY) / (1 - chance)
                moved[i, j] = chance + MOVED_BY
                found.append(Lever(before, after, chance, _ahead(users, moved, came) - as_it_is))
    return sorted(found, key=lambda lever: -abs(lever.change))


def _ahead(users: FloatArray, chances: FloatArray, came: FloatArray) -> float:
    """Expected users of the last label after AHEAD_INTERVALS."""
    for _ in range(AHEAD_INTERVALS):
        users = users @ chances[:, :-1] + came
    return float(np.asarray(users)[-1])


@dataclass(frozen=True)
class Levers:
    """What `flywheel levers` shows. ``found``: the levers of an interval, the largest first; ``best``: the label that
    they change; ``headline``: how good the forecast was, in two lines."""

    interval: Interval
    best: str
    headline: str
    found: list[Lever]


def levers_of(flywheel: Flywheel, interval: Interval | None) -> Levers:
    """Of an interval, by default of the last complete one that has label_transitions. Raises NotMaterializedError where
    none has, and where an interval before has not."""
    if interval is None:
        keys = flywheel.warehouse.keys("label_transitions")
        if not keys:
            raise NotMaterializedError(
                flywheel.labels_wait or "no interval has been run yet, so there is no transition to move: flywheel run"
            )
        made = [flywheel.interval(key) for key in keys]
        interval = next((i for i in reversed(made) if not coverage_of(flywheel, i).incomplete), made[-1])
    order = flywheel.models["user"].order
    history = History.of(moves_so_far(flywheel, interval), order, incomplete_so_far(flywheel, interval))
    return Levers(interval, order[-1], headline(backtest(history)), levers(history))
