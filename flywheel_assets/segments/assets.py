"""Assets of the group `segments`: a fit over a range of intervals (visit_features, k_diagnostics, cluster_centers), and
what it says of each interval (session_clusters, cluster_mix)."""

from collections.abc import Sequence
from dataclasses import replace

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.metadata import materialized, records
from flywheel_assets.segments import cluster_mix as mix
from flywheel_assets.segments.cluster_centers import Fitted, report, segments_of
from flywheel_assets.segments.cluster_centers import cluster_centers as centers_table
from flywheel_assets.segments.clustering import SILHOUETTE_SESSIONS
from flywheel_assets.segments.contracts import FITS
from flywheel_assets.segments.files import PLOTS
from flywheel_assets.segments.fitting import (
    FITTED,
    explored,
    intervals_to_fit,
    previous_segments,
    range_note,
    visits_of,
    visits_to_cluster,
)
from flywheel_assets.segments.k_diagnostics import k_diagnostics as diagnostics_table
from flywheel_assets.segments.plots import elbow_png, silhouette_png
from flywheel_assets.tables.generation import Generation


class RangeConfig(dg.Config):
    """The intervals to fit on, by key. Empty: from the first with data, to the last that is materialized."""

    first: str = ""
    last: str = ""


class CountConfig(dg.Config):
    """How many clusters; 0: FLYWHEEL_SEGMENT_COUNT, or else by the rule."""

    clusters: int = 0


def visit_features(config: RangeConfig, flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
    intervals = intervals_to_fit(flywheel, config.first, config.last)
    written = flywheel.segment_files.write(
        "visit_features", visits_of(flywheel, intervals), range_note(flywheel, intervals)
    )
    extras = {"first_interval": intervals[0].key, "last_interval": intervals[-1].key}
    return materialized(written, FITS["visit_features"].columns, {"intervals": len(intervals)}, extras)


def k_diagnostics(
    context: dg.AssetExecutionContext, config: CountConfig, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    found, fitted = explored(flywheel, config.clusters, context.log.info)
    files, chosen, sessions = flywheel.segment_files, found.choice.clusters, sum(fitted.sizes)
    table = diagnostics_table(found.diagnostics, found.choice)
    elbow, silhouette = PLOTS
    files.write_bytes(elbow, elbow_png(found.diagnostics, chosen, sessions))
    sample = min(sessions, SILHOUETTE_SESSIONS)
    files.write_bytes(silhouette, silhouette_png(found.diagnostics, chosen, sample))
    written = files.keep("k_diagnostics", table, {FITTED: fitted.to_json()})
    extras = {
        "why": fitted.why,
        "sampling": fitted.sampling,
        "constant": ", ".join(fitted.constant) or "none",
        "plots": ", ".join(str(files.folder / name) for name in PLOTS),
        **records("diagnostics", table.drop_columns(["stability_by_cluster"]).to_pylist()),
    }
    numbers = {"clusters": chosen, "sessions": sessions, "stability": found.choice.stabilities[chosen].mean}
    return materialized(written, FITS["k_diagnostics"].columns, numbers, extras)


def cluster_centers(flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
    files = flywheel.segment_files
    fitted = Fitted.from_json(files.note("k_diagnostics", FITTED))
    segments, matching = segments_of(fitted, previous_segments(flywheel))
    written = files.keep("cluster_centers", centers_table(segments))
    files.write_report(report(fitted, segments, matching, files.read("k_diagnostics").to_pylist()))
    flywheel.segments = segments  # what follows in this run, its checks, is of this fit and not of the one before
    clusters = [{"cluster": c.id, "description": c.description, "share": c.share} for c in segments.clusters]
    extras = {
        "appeared": _said(matching.appeared),
        "vanished": _said(matching.vanished),
        **records("clusters", clusters),
    }
    numbers = {"clusters": len(clusters), "appeared": len(matching.appeared), "vanished": len(matching.vanished)}
    generation = Generation("cluster_centers", {}, {"segments": segments.version})
    return materialized(replace(written, generation=generation), FITS["cluster_centers"].columns, numbers, extras)


def session_clusters(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    interval, segments = flywheel.calendar.key(context.partition_key), flywheel.segments
    written = flywheel.warehouse.write_mapped(
        "session_clusters",
        interval,
        visits_to_cluster(flywheel, interval),
        segments.clustered,
        segments.schema,
        flywheel.generation("session_clusters", interval),
    )
    extras = {"segments_version": segments.version}
    return materialized(written, flywheel.columns("session_clusters"), {"clusters": len(segments.ids)}, extras)


def cluster_mix(context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]) -> dg.MaterializeResult[None]:
    interval, segments = flywheel.calendar.key(context.partition_key), flywheel.segments
    counts = flywheel.engine.collect(mix.counts(flywheel.warehouse.read("session_clusters", interval))).to_pylist()
    table = mix.cluster_mix(counts, segments, interval)
    generation = flywheel.generation("cluster_mix", interval)
    notes = {mix.SEGMENTS_VERSION: segments.version}
    written = flywheel.warehouse.keep("cluster_mix", interval, table, generation, notes)
    numbers = {f"share_cluster_{row['Cluster']}": row["Share"] or 0.0 for row in table.to_pylist()}
    return materialized(written, flywheel.columns("cluster_mix"), numbers, records("mix", table.to_pylist()))


def _said(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids)) or "none"
