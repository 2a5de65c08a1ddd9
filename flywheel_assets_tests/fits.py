"""Segments made by hand, and sessions of kinds that nobody would mix up, for tests of whatever reads a fit."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from flywheel_assets.segments.segments import Cluster, Segments
from flywheel_assets_tests.projects import sessions

KINDS = {
    "bounce": {"impressions": 4, "pageviews": 1},
    "reader": {"impressions": 30, "pageviews": 20, "detail_pageviews": 15, "distinct_items": 12},
    "buyer": {"impressions": 20, "pageviews": 10, "detail_pageviews": 5, "distinct_items": 4, "leads": 2},
}
"""Features of a session of each kind; :func:`sessions_of` adds a little to one of them."""


def segments_of(
    *centers: Sequence[float],
    ids: Sequence[int] | None = None,
    features: Sequence[str] = ("pageviews", "leads"),
    outcome: str | None = "leads",
    stability: float | None = 0.9,
    shares: Sequence[float] | None = None,
    ids_given: int | None = None,
) -> Segments:
    """A fit with these centres, in standard deviations, which are 2 in every feature, from a mean of 10."""
    numbers = list(ids or range(1, len(centers) + 1))
    parts = list(shares or [1 / len(centers)] * len(centers))
    clusters = [
        Cluster(id, f"cluster {id}", tuple(map(float, center)), round(1000 * part), part, 0.1, stability)
        for id, center, part in zip(numbers, centers, parts, strict=True)
    ]
    return Segments(
        features=tuple(features),
        constant=("shares",),
        means=(10.0,) * len(features),
        scales=(2.0,) * len(features),
        counts=tuple(features),
        outcome=outcome,
        clusters=tuple(sorted(clusters, key=lambda cluster: cluster.id)),
        ids_given=ids_given or max(numbers),
        first_interval="2024-01-15",
        last_interval="2024-02-12",
        sessions=1000,
    )


def sessions_of(day: str, **numbers: int) -> pa.Table:
    """Landed sessions of a day: so many of each kind, of as many users."""
    start = int(np.datetime64(day, "s").astype(int))
    rows = []
    for kind, number in numbers.items():
        for n in range(number):
            counts = {**KINDS[kind], "pageviews": KINDS[kind]["pageviews"] + n % 3}
            rows.append({"session_id": f"{kind}{n}.{start + n}", "user_id": f"{kind}{n}", **counts})
    return sessions(*rows)
