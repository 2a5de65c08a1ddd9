"""Tiers of users by the worth of their sessions: ranges of it, so that more worth never has a worse label.

Arrays and names only; the file that people edit is `user_tier_file`."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from flywheel_assets.training.tiers import least_cost_cut, outermost

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DECIMALS = 2
"""Worths are rounded to these, so that a cut is a number that people can read and edit."""

ADDED_SESSIONS = 1.0
"""Sessions worth nothing that are added to each user's. One session says little of a user: without any added, users
with one good session would stand above all who come often. With one, the median sessions of the tiers on DeskDrop are
1, 2, 3, 3, without it 1, 3, 2, 1, and 97 % of the users still have the usual label of their mix, all that a model
sees."""


MOST_MIXES = 1500
"""Every two are compared, in 40 MB of memory."""


def even_worths(labels: Sequence[str]) -> dict[str, float]:
    """What a session of each label is worth, labels standing worst to best: 0 to 1 in even steps.

    >>> even_worths(["Low", "Medium", "High"])
    {'Low': 0.0, 'Medium': 0.5, 'High': 1.0}
    """
    last = max(len(labels) - 1, 1)
    return {label: round(place / last, 4) for place, label in enumerate(labels)}


def worths_of(shares: FloatArray, sessions: IntArray, worths: Sequence[float], added: float) -> FloatArray:
    """The worth of each user: the mean worth of the user's sessions and ``added`` ones that are worth nothing, rounded.
    ``shares``: ``[user, label]``; ``worths``: of a session of each label.

    A share moved to a label that is worth more never lowers it, nor do further sessions of the same mix.

    >>> worths_of(np.array([[0.0, 1.0], [0.5, 0.5]]), np.array([1, 8]), [0, 1], 1).tolist()
    [0.5, 0.44]
    """
    exact = shares @ np.asarray(worths, dtype=float) * sessions / (sessions + added)
    return np.round(np.round(exact, 9), DECIMALS)  # twice, because sums of the same shares differ in their last bits


def least_worths(worths: FloatArray, order: Sequence[str]) -> dict[str, float]:
    """The label of ``order``, worst to best, that begins at each least worth: K-Means in one dimension, but exact. With
    fewer different worths than labels the outermost labels are given.

    >>> least_worths(np.array([0.0, 0.1, 0.6, 0.9, 1.0]), ["Passive", "Engaged"])
    {'Passive': 0.0, 'Engaged': 0.6}
    """
    values, users = np.unique(worths, return_counts=True)
    totals = [np.concatenate([[0], np.cumsum(users * values**power)]) for power in range(3)]

    def spread(start: int, end: int) -> float:
        count, first, second = (total[end] - total[start] for total in totals)
        return float(second - first * first / count)

    places = outermost(min(len(order), len(values)), len(order))
    tiers = least_cost_cut(len(values), len(places), spread)
    return {order[place]: float(values[tiers.index(tier)]) for tier, place in enumerate(places)}


def disorder(
    labels: Sequence[str] | npt.NDArray[np.object_],
    order: Sequence[str],
    shares: FloatArray,
    sessions: IntArray,
    session_labels: Sequence[str],
) -> list[str]:
    """Where a better label goes to worse mixes, or to less activity: a sentence wherever the users of a label have,
    next to those of the next worse label that any user has, mixes of less worth, a smaller share of the best sessions
    (both in hundredths, of the mean user) or fewer sessions (median). ``labels``: one per user; ``session_labels``: of
    ``shares``, worst to best."""
    given = np.asarray(labels, dtype=object)
    mixes = shares @ [*even_worths(session_labels).values()]
    sentences = []
    for worse, better in pairwise(label for label in order if (given == label).any()):
        low, high = given == worse, given == better
        for name, values in (
            ("the mean worth of the mix", mixes),
            (f"the share of {session_labels[-1]}", shares[:, -1]),
        ):
            less, more = (round(float(values[users].mean()), DECIMALS) for users in (high, low))
            if less < more:
                sentences.append(f"{name} is {less:.2f} for {better} users, and {more:.2f} for {worse} users")
        fewer, most = float(np.median(sessions[high])), float(np.median(sessions[low]))
        if fewer < most:
            sentences.append(f"the median of sessions is {fewer:g} for {better} users, and {most:g} for {worse} users")
    return sentences


def reversals(labels: Sequence[str] | npt.NDArray[np.object_], order: Sequence[str], shares: FloatArray) -> str:
    """A sentence on users who have a worse label than users whose mix is worse; empty where there are none. A mix is
    worse if its share of good sessions is smaller, or the same, wherever good begins. ``labels``: one per user, the
    same for the same mix, as a model gives them; ``shares``: ``[user, label]``, labels standing worst to best.

    Of more than MOST_MIXES different mixes the most frequent are looked at."""
    good = np.round(shares[:, ::-1].cumsum(axis=1)[:, :-1], 9)
    mixes, first, count = np.unique(good, axis=0, return_index=True, return_counts=True)
    usual = np.argsort(-count, kind="stable")[:MOST_MIXES]
    mixes, count = mixes[usual], count[usual]
    places = {label: place for place, label in enumerate(order)}
    place = np.array([places[label] for label in np.asarray(labels, dtype=object)[first[usual]]])
    better_mix = (mixes[:, None, :] >= mixes[None, :, :]).all(axis=2)  # and not the same: those have one label
    users = int(count[(better_mix & (place[:, None] < place[None, :])).any(axis=1)].sum())
    if not users:
        return ""
    return f"{users:,} of {int(count.sum()):,} users have a better mix than users with a better label"
