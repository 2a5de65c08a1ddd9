"""Labels of sessions from their clusters, by `segment_labels.toml`, proposed the first time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flywheel_assets.segments.segments import Segments
from flywheel_assets.tables.generation import digest
from flywheel_assets.training.tier_files import segment_labels_in, segment_text, text_of
from flywheel_assets.training.tiers import ClusterOutcome, propose
from flywheel_assets.warehouse.files import write_whole

DEPTH = ("pageviews", "detail_pageviews", "favorites")
"""The features that tell how deep a session went. Where a model has none of them, all but the outcome do."""


@dataclass(frozen=True)
class SegmentLabels:
    """``version``: of the segments. ``labels``: one per cluster, by id. ``outcomes``: what the clusters are like in the
    sessions at hand."""

    version: str
    labels: Mapping[int, str]
    outcomes: Sequence[ClusterOutcome]

    @property
    def name(self) -> str:
        """``segments``, the fit's version, and a digest of what its clusters stand for."""
        return f"segments {self.version} as {digest(json.dumps(sorted(self.labels.items())))}"

    def tiers(self) -> list[dict[str, object]]:
        """One line per cluster, as a table in the UI has it."""
        return [
            {
                "cluster": one.cluster,
                "label": self.labels[one.cluster],
                "sessions": one.sessions,
                "conversions": one.conversions,
                "conversion_rate": one.rate,
                "depth": one.depth,
                "description": one.description,
            }
            for one in self.outcomes
        ]


def segment_labels(
    sessions: pd.DataFrame, features: Sequence[str], segments: Segments, order: Sequence[str], path: Path
) -> SegmentLabels:
    """The label of each cluster as ``path`` says, which is written with a proposal when it is not there. ``sessions``:
    ``interval_start``, the features, ``cluster`` and ``converted``, null without an outcome; ``order``: worst to best.

    Raises LabelError for a file that does not fit the segments or the order."""
    depth = telling(features, segments.outcome)
    outcomes = cluster_outcomes(sessions, depth, segments)
    if not path.is_file():
        keys = sessions["interval_start"]
        intervals = f"{len(sessions):,} sessions of {keys.nunique():,} intervals, {keys.min()} to {keys.max()}"
        text = segment_text(propose(outcomes, order), order, segments.outcome, depth, intervals, segments.version)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    labels = segment_labels_in(text_of(path.read_bytes(), str(path)), str(path), segments.version, segments.ids, order)
    return SegmentLabels(segments.version, labels, outcomes)


def telling(features: Sequence[str], outcome: str | None) -> list[str]:
    """The features that depth is the mean of."""
    return [name for name in DEPTH if name in features] or [name for name in features if name != outcome]


def cluster_outcomes(sessions: pd.DataFrame, depth: Sequence[str], segments: Segments) -> list[ClusterOutcome]:
    """What each cluster of the fit is like in these sessions, in the order of the fit. ``depth``: the features that
    tell how deep a session went."""
    values = sessions[[*depth]]
    deviations = values.std(ddof=0).replace(0, 1)  # a constant feature is 0 standard deviations from its mean
    deep = ((values - values.mean()) / deviations).mean(axis=1)
    by_cluster = pd.DataFrame(
        {
            "cluster": sessions["cluster"],
            "converted": sessions["converted"].eq(True),
            "depth": deep,
        }
    ).groupby("cluster")
    found = by_cluster.agg(sessions=("depth", "size"), conversions=("converted", "sum"), depth=("depth", "mean"))
    found = found.reindex(segments.ids, fill_value=0)
    columns = [found[name].tolist() for name in ("sessions", "conversions", "depth")]
    return [
        ClusterOutcome(one.id, one.description, *figures)
        for one, figures in zip(segments.clusters, zip(*columns, strict=True), strict=True)
    ]
