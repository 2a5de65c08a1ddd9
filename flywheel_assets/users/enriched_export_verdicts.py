"""Verdicts on enriched_export."""

from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir

from flywheel_assets.tables.verdict import Check, Verdict, none_of, same_count

CONSERVATION = Check("conservation", "One row a trimmed session.", blocking=True)
NO_MISSING_LABEL = Check("no_missing_label", "Every session has its own label and its user's.", blocking=True)
SAME_GENERATION = Check(
    "same_generation", "The export and all it rests on were made from the tables that are there now (warning)."
)
CHECKS = (CONSERVATION, NO_MISSING_LABEL, SAME_GENERATION)


def figures(table: ir.Table) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows`` and ``missing_labels``."""
    missing = table.session_quality_label.isnull() | table.user_flywheel_label.isnull()
    return {"rows": table.count(), "missing_labels": missing.sum().coalesce(0)}


def verdicts(row: Mapping[str, Any], trimmed_sessions: int, stale: Mapping[str, str]) -> list[Verdict]:
    """All checks; ``stale``: per table that is not of the generation of its sources, why."""
    rows = int(row["rows"])
    return [
        same_count(CONSERVATION.name, rows, trimmed_sessions, "sessions here and in trimmed_sessions"),
        none_of(
            NO_MISSING_LABEL.name, "sessions without their own or their user's label", int(row["missing_labels"]), rows
        ),
        Verdict(
            SAME_GENERATION.name,
            not stale,
            "; ".join(f"{table}: {why}" for table, why in stale.items()) or "all tables are of one generation",
            "WARN",
            {"stale_tables": len(stale)},
        ),
    ]
