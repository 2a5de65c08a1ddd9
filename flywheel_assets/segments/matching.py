"""Ids that stay: the clusters of a fit matched to those of the fit before."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flywheel_assets.segments.segments import FloatArray, Segments


@dataclass(frozen=True)
class Matching:
    """``ids``: one per new cluster. ``appeared``: the new ones. ``vanished``: ids of the previous fit that no new
    cluster has. ``distances``: per kept id how far its centre moved, in standard deviations of the new fit.
    ``ids_given``: the highest id that any fit has had."""

    ids: tuple[int, ...]
    appeared: tuple[int, ...]
    vanished: tuple[int, ...]
    distances: dict[int, float]
    ids_given: int


def first_ids(sizes: Sequence[int]) -> Matching:
    """The ids of a first fit: 1 for the largest cluster, and so on."""
    order = sorted(range(len(sizes)), key=lambda i: (-sizes[i], i))
    ids = [0] * len(sizes)
    for place, i in enumerate(order, start=1):
        ids[i] = place
    return Matching(tuple(ids), tuple(sorted(ids)), (), {}, len(ids))


def matched(
    centers: FloatArray, sizes: Sequence[int], features: Sequence[str], scales: Sequence[float], previous: Segments
) -> Matching:
    """``centers`` ``[cluster, feature]`` of a new fit, in the features' own units, and ``scales`` its standard
    deviations.

    Pairs of new and previous clusters are chosen so that the sum of the distances between their centres is least
    (`linear_sum_assignment`), over the features that both fits have, in standard deviations of the new one. A new
    cluster keeps the id of its pair when it is nearer to that than to every other cluster of its own fit; else the one
    has appeared, and the other vanished. New ids are ones that no fit has had; the largest new cluster is first."""
    from scipy.optimize import linear_sum_assignment

    shared = [f for f in features if f in previous.features]
    mine = [list(features).index(f) for f in shared]
    theirs = [previous.features.index(f) for f in shared]
    unit = np.array(scales)[mine]
    new, old = centers[:, mine] / unit, previous.centers_in_units[:, theirs] / unit
    moved = _distances(new, old)
    between = _distances(new, new)
    np.fill_diagonal(between, np.inf)
    kept: dict[int, int] = {}
    if shared:
        for i, j in zip(*linear_sum_assignment(moved), strict=True):
            if moved[i, j] < between[i].min(initial=np.inf):
                kept[int(i)] = int(j)
    ids = {i: previous.ids[j] for i, j in kept.items()}
    given = previous.ids_given
    for i in sorted((i for i in range(len(centers)) if i not in kept), key=lambda i: (-sizes[i], i)):
        given += 1
        ids[i] = given
    return Matching(
        tuple(ids[i] for i in range(len(centers))),
        tuple(sorted(id for i, id in ids.items() if i not in kept)),
        tuple(id for id in previous.ids if id not in ids.values()),
        {ids[i]: float(moved[i, j]) for i, j in sorted(kept.items(), key=lambda pair: ids[pair[0]])},
        given,
    )


def _distances(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)), dtype=float)
