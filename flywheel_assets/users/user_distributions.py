"""user_distributions: the mix of session labels of each user."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis.expr.types as ir

from flywheel_assets.intervals import Interval
from flywheel_assets.sessions import session_predictions
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.labels import share_column
from flywheel_assets.tables.verdict import Check, Verdict, none_of, same_count

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


SUM_TOLERANCE = 1e-9

SHARES = Check("shares", "Each user's shares sum to 1.", blocking=True)
CONSERVATION = Check(
    "conservation", "The users' sessions sum to the labelled sessions, and no user occurs twice.", blocking=True
)
CHECKS = (SHARES, CONSERVATION)

SESSIONS = Column("sessions", "int32", "The user's sessions in the interval, after trimming.")
SHARE = Column("share_<session label>", "float64", "Share of the user's sessions with this label; they sum to 1.")


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {"session labels": ", ".join(flywheel.models["session"].labels)}


TABLE = Table(
    "user_distributions",
    "user",
    "The mix of session labels of each user: all that the user model sees.",
    (session_predictions.TABLE,),
    (USER_ID, SESSIONS, SHARE),
    checks=CHECKS,
    parameters=_parameters,
    model_parameters=lambda flywheel: ("session labels",),
)


def user_distributions(predictions: ir.Table, labels: Sequence[str]) -> ir.Table:
    """One row per user: ``user_id``, ``sessions`` int32 and ``share_<label>`` float64 for *every* label, 0 for one that
    the user has no session of; shares sum to 1. No sessions give no rows."""
    sessions = predictions.count()
    label = predictions.session_quality_label
    # Counted, not summed: sums of whole numbers are wider, and a third of the time and memory more at 1.4 M users.
    shares = {share_column(name): predictions.count(where=label == name).cast("float64") / sessions for name in labels}
    return predictions.group_by("user_id").aggregate(sessions=sessions.cast("int32"), **shares)


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
        kept = Verdict(
            CONSERVATION.name, False, f"{repeated:,} further rows of a user already counted", numbers=kept.numbers
        )
    return [none_of(SHARES.name, "users whose shares do not sum to 1", int(row["bad_shares"]), int(row["rows"])), kept]
