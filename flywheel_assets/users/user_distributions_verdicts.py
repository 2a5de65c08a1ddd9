"""Verdicts on user_distributions."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis.expr.types as ir

from flywheel_assets.tables.labels import share_column
from flywheel_assets.tables.verdict import Check, Verdict, none_of, same_count

SUM_TOLERANCE = 1e-9

SHARES = Check("shares", "Each user's shares sum to 1.", blocking=True)
CONSERVATION = Check(
    "conservation", "The users' sessions sum to the labelled sessions, and no user is there twice.", blocking=True
)
CHECKS = (SHARES, CONSERVATION)


def figures(table: ir.Table, labels: Sequence[str]) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``users`` (distinct), ``sessions`` and ``bad_shares``."""
    shares = [table[share_column(label)] for label in labels]
    total = sum(shares[1:], start=shares[0])
    good = (total - 1).abs() <= SUM_TOLERANCE
    return {
        "rows": table.count(),
        "users": table.user_id.nunique(),
        "sessions": table.sessions.sum().coalesce(0),
        "bad_shares": (~good.fill_null(False)).sum().coalesce(0),
    }


def verdicts(row: Mapping[str, Any], labelled_sessions: int) -> list[Verdict]:
    """Both checks; ``labelled_sessions``: the rows of session_predictions."""
    repeated = int(row["rows"]) - int(row["users"])
    kept = same_count(
        CONSERVATION.name, int(row["sessions"]), labelled_sessions, "sessions here and in session_predictions"
    )
    if repeated:
        kept = Verdict(CONSERVATION.name, False, f"{repeated:,} rows of a user who has another", numbers=kept.numbers)
    return [none_of(SHARES.name, "users whose shares do not sum to 1", int(row["bad_shares"]), int(row["rows"])), kept]
