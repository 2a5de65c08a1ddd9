"""K-Means over sessions: a fit for every number of clusters, its diagnostics, and what resamples find again.

Not here: which number is chosen and what a fit is kept as (`cluster_count` and `segments`)."""

import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from flywheel_assets.segments.cluster_count import Diagnostics, Stability
from flywheel_assets.segments.segments import FloatArray, IntArray

START_SESSIONS = 20_000
"""The centres that a fit begins from are the best of START_ATTEMPTS fits to a sample of so many sessions."""

START_ATTEMPTS = 10

SILHOUETTE_SESSIONS = 10_000
"""The silhouette compares every pair of sessions, so it is that of a sample."""

RESAMPLES = 20
RESAMPLED_SESSIONS = 10_000
RESAMPLE_ATTEMPTS = 10

MINI_BATCH_ABOVE = 1_000_000
"""With more sessions the fit is that of MiniBatchKMeans."""

MINI_BATCH_SESSIONS = 16_384

DECIMALS = 9
"""Centres, means and scales are rounded: threads add up in any order, and a fit made again is to be the same fit."""


@dataclass(frozen=True)
class Scaled:
    """A matrix in standard deviations, less its ``constant`` columns. ``kept``: the positions of the others."""

    values: FloatArray
    kept: tuple[int, ...]
    constant: tuple[int, ...]
    means: FloatArray
    scales: FloatArray


@dataclass(frozen=True)
class Fit:
    """K-Means with some number of clusters: centres ``[cluster, feature]`` and the cluster of each session."""

    centers: FloatArray
    labels: IntArray
    inertia: float

    @property
    def sizes(self) -> IntArray:
        return np.bincount(self.labels, minlength=len(self.centers))


def scaled(values: FloatArray) -> Scaled:
    """Each column less its mean, by its standard deviation, as scikit-learn's StandardScaler has them. A column is
    constant too when its standard deviation is 0 once it is rounded."""
    from sklearn.preprocessing import StandardScaler

    differ = values.min(axis=0, initial=np.inf) < values.max(axis=0, initial=-np.inf)
    if differ.any():
        differ &= values.std(axis=0).round(DECIMALS) > 0
    kept, constant = np.flatnonzero(differ), np.flatnonzero(~differ)
    if not kept.size:
        return Scaled(np.empty((len(values), 0)), (), tuple(constant.tolist()), np.empty(0), np.empty(0))
    scaler = StandardScaler().fit(values[:, kept])
    means, scales = scaler.mean_.round(DECIMALS), scaler.scale_.round(DECIMALS)
    return Scaled((values[:, kept] - means) / scales, tuple(kept.tolist()), tuple(constant.tolist()), means, scales)


def distinct(values: FloatArray, enough: int) -> int:
    """How many different rows there are; where a part of them has more than ``enough``, only those of the part."""
    part = len(np.unique(values[:START_SESSIONS], axis=0))
    return part if part > enough or len(values) <= START_SESSIONS else len(np.unique(values, axis=0))


def fit(values: FloatArray, clusters: int, seed: int) -> Fit:
    """K-Means of scikit-learn over all sessions, from the best centres of a sample; MiniBatchKMeans above a million.
    The same arguments give the same fit."""
    from sklearn.cluster import KMeans, MiniBatchKMeans

    with _one_thread():
        start = KMeans(clusters, n_init=START_ATTEMPTS, random_state=seed).fit(_sample(values, START_SESSIONS, seed))
    model: Any = start
    if len(values) > MINI_BATCH_ABOVE:
        model = MiniBatchKMeans(
            clusters, init=start.cluster_centers_, n_init=1, batch_size=MINI_BATCH_SESSIONS, random_state=seed
        ).fit(values)
    elif len(values) > START_SESSIONS:
        model = KMeans(clusters, init=start.cluster_centers_, n_init=1, random_state=seed).fit(values)
    centers = np.asarray(model.cluster_centers_, dtype=float).round(DECIMALS)
    return Fit(centers, np.asarray(model.labels_, dtype=np.int64), float(model.inertia_))


def diagnostics(values: FloatArray, of: Fit, seed: int) -> Diagnostics:
    """The figures of a fit. The silhouette is that of a seeded sample of SILHOUETTE_SESSIONS, all else of all."""
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

    rows = _positions(len(values), SILHOUETTE_SESSIONS, seed)
    labels = of.labels[rows]
    found = len(np.unique(labels))
    with _one_thread():
        return Diagnostics(
            len(of.centers),
            of.inertia,
            float(silhouette_score(values[rows], labels)) if 1 < found < len(rows) else 0.0,
            float(davies_bouldin_score(values, of.labels)),
            float(calinski_harabasz_score(values, of.labels)),
            float(of.sizes.min() / len(values)),
        )


def stability(values: FloatArray, of: Fit, seed: int) -> Stability:
    """How well the clusters are found again in RESAMPLES bootstrap resamples of a seeded sample of RESAMPLED_SESSIONS,
    over the sessions that a resample drew (Hennig 2007, "Cluster-wise assessment of cluster stability"). A cluster that
    no resample drew a session of is found in none: 0."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    rows = _positions(len(values), RESAMPLED_SESSIONS, seed)
    sample, labels, clusters = values[rows], of.labels[rows], len(of.centers)
    rng = np.random.default_rng(seed)
    jaccards, rands = [], []
    for _ in range(RESAMPLES):
        drawn = rng.integers(0, len(sample), len(sample))
        again = KMeans(clusters, n_init=RESAMPLE_ATTEMPTS, random_state=int(rng.integers(2**31)))
        with _one_thread(), warnings.catch_warnings():  # a resample may have fewer different sessions than clusters
            warnings.simplefilter("ignore")
            theirs = again.fit_predict(sample[drawn])
        _, first = np.unique(drawn, return_index=True)
        mine, theirs = labels[drawn[first]], theirs[first]
        jaccards.append(_jaccards(mine, theirs, clusters))
        rands.append(adjusted_rand_score(mine, theirs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        means = np.nan_to_num(np.nanmean(jaccards, axis=0))
    return Stability(tuple(float(m) for m in means), float(np.mean(rands)))


def _jaccards(mine: IntArray, theirs: IntArray, clusters: int) -> FloatArray:
    """Per cluster of ``mine`` its Jaccard similarity with the most similar of ``theirs``; NaN for an empty one."""
    both = np.zeros((clusters, clusters))
    np.add.at(both, (mine, theirs), 1)
    sizes = both.sum(axis=1)
    either = sizes[:, None] + both.sum(axis=0)[None, :] - both
    similar = np.divide(both, either, out=np.zeros_like(both), where=either > 0).max(axis=1)
    return np.where(sizes > 0, similar, np.nan)


def _one_thread() -> AbstractContextManager[object]:
    """One thread for what looks at a sample. It takes so many small steps that threads do little but wait for each
    other: on a machine busy with other things, for whole time slices."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _sample(values: FloatArray, most: int, seed: int) -> FloatArray:
    return values[_positions(len(values), most, seed)]


def _positions(count: int, most: int, seed: int) -> IntArray:
    """All positions, or a seeded sample of ``most`` of them, ascending."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
