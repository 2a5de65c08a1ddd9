"""Segments as assets: a fit over a range of intervals (visit_features, k_diagnostics, cluster_centers), and its
clusters of each interval (session_clusters, cluster_mix)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.checks import table_checks
from flywheel_assets.orchestration.jobs import CLUSTERS_JOB, SEGMENTS_JOB
from flywheel_assets.orchestration.metadata import materialized, records
from flywheel_assets.orchestration.step import Made, Step
from flywheel_assets.orchestration.system import System
from flywheel_assets.orchestration.table_sensors import table_sensor
from flywheel_assets.segments import cluster_centers as centers
from flywheel_assets.segments import cluster_mix as mix
from flywheel_assets.segments import k_diagnostics as diagnostics
from flywheel_assets.segments import session_clusters as clusters
from flywheel_assets.segments import visit_features as visits
from flywheel_assets.segments.clustering import SILHOUETTE_SESSIONS
from flywheel_assets.segments.files import PLOTS, SegmentFiles, segments_in_use
from flywheel_assets.segments.fit import fit_report, segments_of
from flywheel_assets.segments.fitting import (
    complete_fit,
    explored,
    intervals_to_fit,
    previous_segments,
    range_note,
    visits_of,
    visits_to_cluster,
)
from flywheel_assets.segments.plots import elbow_png, silhouette_png
from flywheel_assets.settings import Settings
from flywheel_assets.tables.generation import Generation
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.warehouse.files import write_whole

SYSTEM = System("segments")


class RangeConfig(dg.Config):
    """The intervals to fit on, by key. Empty: from the first with data, to the last that is materialized."""

    first: str = ""
    last: str = ""


class CountConfig(dg.Config):
    """How many clusters; 0: FLYWHEEL_SEGMENT_COUNT, or else by the rule."""

    clusters: int = 0


def fit_lock(settings: Settings) -> dg.ResourceDefinition:
    """Held by a run that makes any table of a fit, so that of several fits one runs at a time."""

    @dg.resource(required_resource_keys={"flywheel"}, description="The lock of the segments.")
    def lock(context: dg.InitResourceContext) -> Iterator[None]:
        tell = partial(context.log.info, "waiting for another fit of the segments to end") if context.log else None
        with SegmentFiles(context.resources.flywheel.warehouse).lock(tell or (lambda: None)):
            yield

    return lock


SYSTEM.resources["segments_lock"] = fit_lock


@SYSTEM.range_table(visits.TABLE)
def visit_features(
    config: RangeConfig, flywheel: dg.ResourceParam[Flywheel], segments_lock: dg.ResourceParam[Any]
) -> dg.MaterializeResult[None]:
    intervals = intervals_to_fit(flywheel, config.first, config.last)
    rows, notes = visits_of(flywheel, intervals), range_note(flywheel, intervals)
    written = SegmentFiles(flywheel.warehouse).write(visits.TABLE, rows, notes)
    extras = {"first_interval": intervals[0].key, "last_interval": intervals[-1].key}
    return materialized(written, flywheel.columns(visits.TABLE), {"intervals": len(intervals)}, extras)


@SYSTEM.range_table(diagnostics.TABLE, kinds={"scikitlearn"})
def k_diagnostics(
    context: dg.AssetExecutionContext,
    config: CountConfig,
    flywheel: dg.ResourceParam[Flywheel],
    segments_lock: dg.ResourceParam[Any],
) -> dg.MaterializeResult[None]:
    files = SegmentFiles(flywheel.warehouse)
    found, fitted = explored(flywheel, config.clusters, context.log.info)
    chosen, sessions = found.choice.clusters, sum(fitted.sizes)
    elbow, silhouette = PLOTS
    write_whole(files.folder / elbow, elbow_png(found.diagnostics, chosen, sessions))
    sample = min(sessions, SILHOUETTE_SESSIONS)
    write_whole(files.folder / silhouette, silhouette_png(found.diagnostics, chosen, sample))
    files.write_chosen(fitted)
    rows = diagnostics.k_diagnostics(found.diagnostics, found.choice)
    extras = {
        "why": fitted.why,
        "sampling": fitted.sampling,
        "constant": ", ".join(fitted.constant) or "none",
        "plots": ", ".join(str(files.folder / name) for name in PLOTS),
        **records("diagnostics", [{k: v for k, v in row.items() if k != "stability_by_cluster"} for row in rows]),
    }
    numbers = {"clusters": chosen, "sessions": sessions, "stability": found.choice.stabilities[chosen].mean}
    return materialized(files.keep(diagnostics.TABLE, rows), diagnostics.TABLE.columns, numbers, extras)


@SYSTEM.range_table(centers.TABLE)
def cluster_centers(
    flywheel: dg.ResourceParam[Flywheel], segments_lock: dg.ResourceParam[Any]
) -> dg.MaterializeResult[None]:
    files = SegmentFiles(flywheel.warehouse)
    fitted = files.chosen()
    segments, matching = segments_of(fitted, previous_segments(flywheel))
    files.write_report(fit_report(fitted, segments, matching, files.read("k_diagnostics").to_pylist()))
    written = files.keep(centers.TABLE, centers.cluster_centers(segments))
    shown = [{"cluster": c.id, "description": c.description, "share": c.share} for c in segments.clusters]
    extras = {
        "appeared": _listed(matching.appeared),
        "vanished": _listed(matching.vanished),
        **records("clusters", shown),
    }
    numbers = {"clusters": len(shown), "appeared": len(matching.appeared), "vanished": len(matching.vanished)}
    generation = Generation("cluster_centers", {}, {"segments": segments.version}, centers.TABLE.code_version)
    return materialized(replace(written, generation=generation), centers.TABLE.columns, numbers, extras)


SYSTEM.checks.append(
    table_checks(centers.TABLE, lambda flywheel, _: centers.verdicts(segments_in_use(flywheel.warehouse)))
)


def _cluster_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read("session_clusters", interval)
    row = flywheel.figures(table, clusters.figures(table, segments_in_use(flywheel.warehouse).ids))
    trimmed = flywheel.warehouse.rows("trimmed_sessions", interval) or 0
    return [clusters.contract(row, table.schema(), flywheel.columns(clusters.TABLE), trimmed)]


@SYSTEM.table(clusters.TABLE, _cluster_verdicts)
def session_clusters(step: Step) -> Made:
    segments = complete_fit(step.flywheel.warehouse)
    rows = visits_to_cluster(step.flywheel, segments, step.interval)
    written = step.write_mapped(rows, partial(clusters.session_clusters, segments), clusters.schema)
    return Made(written, {"clusters": len(segments.ids)}, {"segments_version": segments.version})


def _mix_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    previous, version = flywheel.extent.previous(interval), segments_in_use(flywheel.warehouse).version
    same = previous and flywheel.warehouse.note("cluster_mix", previous, mix.SEGMENTS_VERSION) == version
    before = flywheel.rows(mix.TABLE, previous) if previous and same else None
    return mix.verdicts(flywheel.rows(mix.TABLE, interval), before)


@SYSTEM.table(mix.TABLE, _mix_verdicts, kinds={"looker"})
def cluster_mix(step: Step) -> Made:
    segments = segments_in_use(step.flywheel.warehouse)
    counts = step.flywheel.engine.collect(mix.counts(step.read(clusters.TABLE))).to_pylist()
    rows = mix.cluster_mix(counts, segments, step.interval)
    written = step.keep(rows, {mix.SEGMENTS_VERSION: segments.version})
    numbers = {f"share_cluster_{row['Cluster']}": row["Share"] or 0.0 for row in rows}
    return Made(written, numbers, records("mix", rows))


SYSTEM.job(
    SEGMENTS_JOB,
    [visits.TABLE, diagnostics.TABLE, centers.TABLE],
    "A fit of the segments over a range of intervals, with its checks. For flywheel segments fit.",
)
SYSTEM.job(
    CLUSTERS_JOB,
    [clusters.TABLE, mix.TABLE],
    "The clusters of one interval by the fit in use, with their checks.",
)
SYSTEM.sensors.append(
    lambda settings: table_sensor(
        settings, "clusters_sensor", CLUSTERS_JOB, [clusters.TABLE, mix.TABLE], "clusters"
    )  # asks for nothing before there is a fit
)


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids)) or "none"
