"""A fit of the segments put together: which intervals, from what matrix, kept as what. Knows nothing of Dagster."""

import json
from collections.abc import Callable, Sequence

import ibis
import ibis.expr.types as ir
import numpy as np

from flywheel_assets.errors import SegmentsError, SettingsError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.ranges import intervals_between, trimmed_sessions
from flywheel_assets.segments import cluster_centers, session_clusters
from flywheel_assets.segments.exploration import Exploration, explore
from flywheel_assets.segments.files import SegmentFiles, segments_in_use
from flywheel_assets.segments.fit import Fitted
from flywheel_assets.segments.segments import Segments, matrix
from flywheel_assets.segments.visit_features import columns_of, visit_features
from flywheel_assets.tables.generation import digest_of_all
from flywheel_assets.warehouse.warehouse import Warehouse

DEFAULT_OUTCOME = "leads"

RANGE = "flywheel.range"
"""The note in visit_features that says which intervals it is of, and of which features."""


def intervals_to_fit(flywheel: Flywheel, first: str, last: str) -> list[Interval]:
    """The intervals of a range of keys; an empty key is the first interval with data, or the last one materialized.

    Raises SettingsError for a key that is no interval, for a range without any and for an outcome that is no feature,
    SegmentsError when nothing has been materialized, NotMaterializedError for an interval in the range that has not."""
    outcome_among(flywheel.settings.outcome, flywheel.feature_names)
    made = flywheel.warehouse.keys("trimmed_sessions")
    if not made and not (first and last):
        raise SegmentsError("no interval has been materialized, so there are no sessions to cluster: flywheel run")
    with_data = flywheel.extent.first_key or (made[0] if made else "")
    intervals = intervals_between(flywheel, first or with_data, last or made[-1])
    for interval in intervals:
        flywheel.warehouse.read("trimmed_sessions", interval)
    return intervals


def visits_of(flywheel: Flywheel, intervals: list[Interval]) -> ir.Table:
    """visit_features of these intervals."""
    features = flywheel.feature_names
    tables = [
        visit_features(trimmed_sessions(flywheel, interval), features).mutate(interval_start=ibis.literal(interval.key))
        for interval in intervals
    ]
    ordered = ("session_id", "user_id", "interval_start", *columns_of(features))
    return ibis.union(*(table.select(*ordered) for table in tables)) if len(tables) > 1 else tables[0].select(*ordered)


def range_note(flywheel: Flywheel, intervals: list[Interval]) -> dict[str, str]:
    """The notes of visit_features: its intervals, and a digest of the tables that it was made from."""
    made = (flywheel.warehouse.generation("trimmed_sessions", interval) for interval in intervals)
    value = {
        "first_interval": intervals[0].key,
        "last_interval": intervals[-1].key,
        "features": list(flywheel.feature_names),
        "fingerprint": digest_of_all(generation.digest if generation else "" for generation in made),
    }
    return {RANGE: json.dumps(value)}


def explored(flywheel: Flywheel, clusters: int, tell: Callable[[str], None]) -> tuple[Exploration, Fitted]:
    """Every number of clusters fitted to visit_features, and the chosen fit. ``clusters`` overrides the rule, and so
    does the setting; 0 and none leave it to the rule. Raises SegmentsError as :func:`explore` does."""
    settings, files = flywheel.settings, SegmentFiles(flywheel.warehouse)
    note = json.loads(files.note("visit_features", RANGE))
    # In a fixed order, so that a sample by position is the same sample when the fit is made again.
    rows = files.read("visit_features").sort_by("session_id")
    counts = tuple(note["features"])
    names = columns_of(counts)
    numbers = range(settings.segment_counts[0], settings.segment_counts[1] + 1)
    found = explore(matrix(rows, names), numbers, clusters or settings.segment_count, tell)
    outcome = outcome_among(settings.outcome, counts)
    conversions = None
    if outcome:
        converted = rows.column(outcome).to_numpy() > 0
        conversions = tuple(np.bincount(found.fit.labels[converted], minlength=len(found.fit.centers)).tolist())
    fitted = Fitted(
        features=tuple(names[i] for i in found.scaled.kept),
        constant=tuple(names[i] for i in found.scaled.constant),
        means=tuple(found.scaled.means.tolist()),
        scales=tuple(found.scaled.scales.tolist()),
        counts=counts,
        outcome=outcome,
        centers=tuple(tuple(center) for center in found.fit.centers.tolist()),
        sizes=tuple(found.fit.sizes.tolist()),
        conversions=conversions,
        jaccards=found.choice.stabilities[found.choice.clusters].jaccards,
        first_interval=note["first_interval"],
        last_interval=note["last_interval"],
        fingerprint=note["fingerprint"],
        why=found.choice.why,
        sampling=found.sampling,
    )
    return found, fitted


def outcome_among(outcome: str, features: Sequence[str]) -> str | None:
    """The feature that marks a conversion: the stated one, else DEFAULT_OUTCOME where there is one, else none. Raises
    SettingsError for a stated one that is not among the features."""
    if not outcome:
        return DEFAULT_OUTCOME if DEFAULT_OUTCOME in features else None
    if outcome not in features and outcome != "none":
        raise SettingsError(f"FLYWHEEL_OUTCOME is {outcome!r}; expected none or a feature: {', '.join(features)}")
    return outcome if outcome in features else None


def previous_segments(flywheel: Flywheel) -> Segments | None:
    """The fit in use, which a new one is matched to; None when there is none. Raises SegmentsError for one that cannot
    be read, rather than giving its ids to other clusters."""
    there = SegmentFiles(flywheel.warehouse).report() is not None
    return segments_in_use(flywheel.warehouse) if there else None


def complete_fit(warehouse: Warehouse) -> Segments:
    """The fit in use. Its cluster_centers are made again from it where a kill left those of the fit before, or none.
    Raises SegmentsError as :func:`segments_in_use` does."""
    files = SegmentFiles(warehouse)
    if not _has_its_centers(files, segments_in_use(warehouse)):
        with files.lock():  # a fit that is being written has them in a moment
            segments = segments_in_use(warehouse)
            if not _has_its_centers(files, segments):
                files.keep(cluster_centers.TABLE, cluster_centers.cluster_centers(segments))
    return segments_in_use(warehouse)


def _has_its_centers(files: SegmentFiles, segments: Segments) -> bool:
    there = files.table_path(cluster_centers.TABLE.name).is_file()
    return there and set(files.read(cluster_centers.TABLE.name)["segments_version"].to_pylist()) == {segments.version}


def visits_to_cluster(flywheel: Flywheel, segments: Segments, interval: Interval) -> ir.Table:
    """visit_features of the interval as a fit needs it. Raises SegmentsError when a feature of the fit has no column,
    NotMaterializedError."""
    sessions = flywheel.warehouse.read("trimmed_sessions", interval)
    missing = [name for name in segments.counts if name not in sessions.columns]
    if missing:
        raise SegmentsError(
            f"trimmed_sessions of interval {interval.key} has no column {', '.join(map(repr, missing))}, which the "
            f"segments of version {segments.version} were fitted on: fit again, flywheel segments fit"
        )
    return visit_features(sessions, segments.counts)


def not_assigned(flywheel: Flywheel) -> dict[str, str]:
    """Per key of a materialized interval whose clusters are not those of the fit in use, why."""
    made = set(flywheel.warehouse.keys("trimmed_sessions"))
    intervals = [interval for interval in flywheel.calendar if interval.key in made]
    reasons = {i.key: flywheel.lineage.stale_because(session_clusters.TABLE, i) for i in intervals}
    return {key: why for key, why in reasons.items() if why}
