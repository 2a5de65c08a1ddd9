"""From the centres that K-Means found to segments that people work with: ids that stay, words, order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from flywheel_assets.segments.descriptions import descriptions
from flywheel_assets.segments.matching import Matching, first_ids, matched
from flywheel_assets.segments.segments import Cluster, Segments


@dataclass(frozen=True)
class Fitted:
    """The chosen fit as k_diagnostics leaves it. ``centers``: one row per cluster, in standard deviations.
    ``conversions``: sessions with the outcome by cluster, None without an outcome. ``jaccards``: stability by cluster.
    ``fingerprint``: a digest of what it was fitted on. ``why``: why this number of clusters. ``sampling``: which figure
    rests on which sessions, in words. The rest as in Segments."""

    features: tuple[str, ...]
    constant: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    counts: tuple[str, ...]
    outcome: str | None
    centers: tuple[tuple[float, ...], ...]
    sizes: tuple[int, ...]
    conversions: tuple[int, ...] | None
    jaccards: tuple[float, ...]
    first_interval: str
    last_interval: str
    fingerprint: str
    why: str
    sampling: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Fitted":
        value: dict[str, Any] = json.loads(text)
        lists: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in value.items()}
        return cls(**{**lists, "centers": tuple(map(tuple, value["centers"]))})


def segments_of(fitted: Fitted, previous: Segments | None) -> tuple[Segments, Matching]:
    """The segments, with ids matched to those of the fit before, if there is one."""
    centers, total = np.array(fitted.centers, dtype=float), sum(fitted.sizes)
    in_units = centers * np.array(fitted.scales) + np.array(fitted.means)
    matching = (
        matched(in_units, fitted.sizes, fitted.features, fitted.scales, previous)
        if previous
        else first_ids(fitted.sizes)
    )
    converted, rates, overall = fitted.conversions, None, 0.0
    if converted is not None:
        rates = [c / n if n else 0.0 for c, n in zip(converted, fitted.sizes, strict=True)]
        overall = sum(converted) / total
    texts = descriptions(centers, fitted.means, fitted.scales, fitted.features, fitted.outcome, rates, overall)
    clusters = [
        Cluster(
            id,
            texts[i],
            fitted.centers[i],
            fitted.sizes[i],
            fitted.sizes[i] / total,
            rates[i] if rates else None,
            fitted.jaccards[i],
        )
        for i, id in enumerate(matching.ids)
    ]
    segments = Segments(
        fitted.features,
        fitted.constant,
        fitted.means,
        fitted.scales,
        fitted.counts,
        fitted.outcome,
        tuple(sorted(clusters, key=lambda cluster: cluster.id)),
        matching.ids_given,
        fitted.first_interval,
        fitted.last_interval,
        total,
    )
    return segments, matching


def fit_report(
    fitted: Fitted, segments: Segments, matching: Matching, diagnostics: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What model_report.json holds: the segments, and beside them how they were found. ``diagnostics``: the rows of
    k_diagnostics. ``vanished`` and ``moved`` are by id."""
    return {
        **segments.to_json(),
        "fingerprint": fitted.fingerprint,
        "why": fitted.why,
        "sampling": fitted.sampling,
        "appeared": list(matching.appeared),
        "vanished": list(matching.vanished),
        "moved": {str(id): distance for id, distance in matching.distances.items()},
        "diagnostics": [dict(row) for row in diagnostics],
    }
