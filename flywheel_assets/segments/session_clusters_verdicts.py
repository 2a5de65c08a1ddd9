"""The verdict on session_clusters."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir

from flywheel_assets.landing.landed_sessions_verdicts import wrong_columns
from flywheel_assets.tables.contract import Column
from flywheel_assets.tables.verdict import Check, Verdict

CONTRACT = Check(
    "contract",
    "Columns and types are the contract's, one row a trimmed session, a cluster of the fit each, a finite distance.",
    blocking=True,
)
CHECKS = (CONTRACT,)


def figures(table: ir.Table, ids: Sequence[int]) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``sessions`` (distinct), ``unknown_clusters`` and ``bad_distances``."""
    distance = table.distance
    good = ibis.and_(distance.notnull(), ~distance.isnan(), ~distance.isinf(), distance >= 0)
    return {
        "rows": table.count(),
        "sessions": table.session_id.nunique(),
        "unknown_clusters": (table.cluster.isnull() | table.cluster.notin(list(ids))).sum().coalesce(0),
        "bad_distances": (~good.fill_null(False)).sum().coalesce(0),
    }


def contract(row: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column], trimmed: int) -> Verdict:
    """``trimmed``: the rows of trimmed_sessions, none of which may be lost or doubled."""
    rows = int(row["rows"])
    faults = wrong_columns(schema, columns)
    faults += [f"{rows:,} rows for {trimmed:,} trimmed sessions"] if rows != trimmed else []
    repeated = rows - int(row["sessions"])
    faults += [f"{repeated:,} rows of a session that has another"] if repeated else []
    bad = {"unknown_clusters": "rows of a cluster that the fit doesn't have", "bad_distances": "distances not finite"}
    faults += [f"{row[name]:,} {what}" for name, what in bad.items() if row[name]]
    numbers = {name: int(row[name]) for name in ("rows", *bad)}
    return Verdict(
        CONTRACT.name, not faults, "; ".join(faults) or f"all {rows:,} sessions have their cluster", numbers=numbers
    )
