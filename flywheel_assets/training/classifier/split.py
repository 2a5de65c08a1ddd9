"""Which examples a classifier is fitted on, chosen by and judged on: in the order of time, users kept apart where that
leaves enough; at random only where nothing gives an order."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flywheel_assets.errors import TrainingError
from flywheel_assets.training.classifier.examples import BoolArray, Examples

FIT, VALIDATION = 0.6, 0.2
"""Shares of the rows; the rest is the test part."""

LEAST_OF_CLASS = 20
"""Fewer rows of either class in one of the parts, and nothing is learnt or judged."""

FOLDS = 5


@dataclass(frozen=True)
class Parts:
    """The rows of each part, as masks [n]. ``how`` says in a sentence how they were told apart; ``last_known`` is the
    key of the last interval before the test part, empty where rows have no interval."""

    fit: BoolArray
    validation: BoolArray
    test: BoolArray
    how: str
    last_known: str = ""

    @property
    def known(self) -> BoolArray:
        """Everything but the test part."""
        return self.fit | self.validation


def split(examples: Examples, rows: str, seed: int) -> Parts:
    """As the examples give it. Else by whole intervals where there are three or more, else by time; without time at
    random, with the same share of the target in each part. Rows of users who are in a later part too are left out of
    the earlier ones, unless that costs one of these more than half of its positives or moves their share in it by more
    than two standard errors: users who return may be others. ``rows``: their noun in the plural. Raises TrainingError
    for a part with fewer than LEAST_OF_CLASS rows of a class."""
    if examples.splits:
        parts = next(iter(examples.splits.values()))
    else:
        parts = _in_order(examples) if examples.time is not None else _at_random(examples, seed)
    for mask, what in ((parts.fit, "fit"), (parts.validation, "choose"), (parts.test, "judge")):
        positive = int(examples.target[mask].sum())
        fewest, name = min((positive, "positive"), (int(mask.sum()) - positive, "negative"))
        if fewest < LEAST_OF_CLASS:
            raise TrainingError(
                f"too few examples: the {int(mask.sum()):,} {rows} to {what} by have {fewest} {name} ones; expected "
                f"{LEAST_OF_CLASS} at least. Add more {rows}, of more intervals where they have any"
            )
    return parts


def _in_order(examples: Examples) -> Parts:
    assert examples.time is not None
    keys = sorted(set(examples.interval)) if examples.interval is not None else []
    if examples.interval is not None and len(keys) >= 3:
        each = max(1, len(keys) // 5)
        first, last = keys[-2 * each], keys[-each]
        masks = [
            examples.interval < first,
            (examples.interval >= first) & (examples.interval < last),
            examples.interval >= last,
        ]
        how, known = f"by intervals: to choose by from {first} on, to judge by from {last} on", keys[-each - 1]
    else:
        first, last = np.quantile(examples.time, [FIT, FIT + VALIDATION], method="lower")
        masks = [examples.time <= first, (examples.time > first) & (examples.time <= last), examples.time > last]
        how, known = "by time: the first 60 %, the next 20 % and the last 20 %", keys[-1] if keys else ""
    if not examples.has_users:
        return Parts(masks[0], masks[1], masks[2], how, known)
    later = [_of_users(examples, masks[1] | masks[2]), _of_users(examples, masks[2])]
    apart = [masks[0] & ~later[0], masks[1] & ~later[1]]
    against = [_against(examples.target[some], examples.target[of]) for some, of in zip(apart, masks, strict=False)]
    reason = next(filter(None, against), "")
    if not reason:
        return Parts(apart[0], apart[1], masks[2], f"{how}; no user is in two of them", known)
    both = (_of_users(examples, masks[0] | masks[1]) & masks[2]).sum() / max(1, masks[2].sum())
    return Parts(
        masks[0],
        masks[1],
        masks[2],
        f"{how}; {100 * both:.0f} % of the last are of users who are in an earlier part, because {reason}",
        known,
    )


def _against(kept: BoolArray, of: BoolArray) -> str:
    """Why the rows of users who do not return cannot stand for a part, from the target of those ``kept`` and of all
    rows ``of`` it; empty where they can. To leave out users who return is to select by the future."""
    if not len(kept) or 2 * kept.sum() < of.sum():
        return "without them less than half of the positive rows of a part would be left"
    rate, full = kept.mean(), of.mean()
    if abs(rate - full) > 2 * np.sqrt(full * (1 - full) / len(kept)):
        return f"without them {rate:.1%} of a part would be positive, not {full:.1%}"
    return ""


def _of_users(examples: Examples, rows: BoolArray) -> BoolArray:
    return np.isin(examples.user, np.unique(examples.user[rows]))


def _at_random(examples: Examples, seed: int) -> Parts:
    place, known = _places(examples.target, examples.user, seed), FIT + VALIDATION
    return Parts(
        place < FIT,
        (place >= FIT) & (place < known),
        place >= known,
        "at random, because nothing gives the rows an order in time: 60 %, 20 % and 20 %",
    )


def folds(target: BoolArray, user: npt.NDArray[np.int64], seed: int, count: int = FOLDS) -> npt.NDArray[np.int64]:
    """Of each row [n] its fold, from 0: whole users, stratified by the target, at random."""
    return (_places(target, user, seed) * count).astype(np.int64)


def _places(target: BoolArray, user: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.float64]:
    """Of each row [n] its user's place in a random order, from 0 to below 1. Users with a positive row, and those
    without, are spread evenly."""
    users, number = np.unique(user, return_inverse=True)
    positive = np.zeros(len(users), bool)
    positive[number[target]] = True
    place, draw = np.empty(len(users)), np.random.default_rng(seed)
    for kind in (True, False):
        at = np.flatnonzero(positive == kind)
        place[at] = draw.permutation(len(at)) / max(1, len(at))
    return np.asarray(place[number])
