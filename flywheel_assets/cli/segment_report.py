"""What the command line prints of the segments: the clusters, why so many, and what else was tried."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from flywheel_assets.cli.console import table
from flywheel_assets.segments.segments import Segments

_DIAGNOSTICS = (
    "clusters",
    "inertia",
    "silhouette",
    "davies_bouldin",
    "calinski_harabasz",
    "smallest_share",
    "elbow",
    "mean_rank",
    "stability",
    "adjusted_rand",
)


def segments_report(segments: Segments, report: Mapping[str, Any], not_assigned: Mapping[str, str]) -> RenderableType:
    """``report``: what model_report.json holds. ``not_assigned``: per key of an interval whose clusters are not of this
    fit, why."""
    outcome = segments.outcome
    clusters = [(c.id, c.description, c.sessions, c.share, c.conversion_rate, c.stability) for c in segments.clusters]
    columns = ("id", "its sessions have", "sessions", "share", f"with {outcome or 'an outcome'}", "stability")
    diagnostics = [tuple(row[name] for name in _DIAGNOSTICS) for row in report["diagnostics"]]
    heads = [name.replace("_", " ") for name in _DIAGNOSTICS]
    dates = f"{segments.first_interval} to {segments.last_interval}"
    lines = [
        f"chosen: {report['why']}",
        f"sampled: {report['sampling']}",
        f"constant, so left out: {', '.join(segments.constant) or 'none'}",
    ]
    if not outcome:
        lines.append("no conversion: FLYWHEEL_OUTCOME names no feature")
    if report["vanished"] or report["appeared"]:
        appeared, vanished = (", ".join(map(str, report[name])) or "none" for name in ("appeared", "vanished"))
        lines.append(f"clusters that appeared: {appeared}; that vanished: {vanished}")
    if not_assigned:
        lines.append(
            f"intervals whose clusters are not of this fit: {', '.join(not_assigned)}: flywheel segments assign"
        )
    title = f"Segments {segments.version}, of {segments.sessions:,} sessions, {dates}"
    return Group(
        table(columns, clusters, title),
        Text(),
        table(heads, diagnostics, "Numbers of clusters tried"),
        Text(),
        *(Text(line) for line in lines),
    )
