"""What `flywheel explain` knows: how one user came to the flywheel label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_assets.errors import NotMaterializedError, UnknownUserError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval


@dataclass(frozen=True)
class Explanation:
    """One user in one interval: rows of session_predictions by start, of user_distributions and of user_labels.

    ``trimmed``: how many of the user's landed sessions were outliers and count for nothing."""

    user: str
    interval: Interval
    sessions: Sequence[dict[str, Any]]
    distribution: dict[str, Any]
    label: dict[str, Any]
    trimmed: int


def explain(flywheel: Flywheel, user: str, interval: Interval | None) -> Explanation:
    """The explanation for an interval, or for the latest in which the user has a label.

    Raises UnknownUserError for a user without a label there, NotMaterializedError for an interval that was not run, or
    was labelled by other models than those in use."""
    candidates = (
        [interval] if interval else [i for i in flywheel.calendar if flywheel.warehouse.exists("user_labels", i)]
    )
    if not candidates:
        raise NotMaterializedError(flywheel.labels_wait or "no interval has been run yet: flywheel run")
    for candidate in reversed(candidates):
        labels = _rows(flywheel, "user_labels", candidate, user)
        if labels:
            sessions = _rows(flywheel, "session_predictions", candidate, user)
            _refuse_other_models(
                flywheel, candidate, sessions[0]["session_model_version"], labels[0]["user_model_version"]
            )
            return Explanation(
                user,
                candidate,
                sorted(sessions, key=lambda row: row["timestamp_unix"]),
                _rows(flywheel, "user_distributions", candidate, user)[0],
                labels[0],
                len(_rows(flywheel, "landed_sessions", candidate, user)) - len(sessions),
            )
    where = f"interval {interval.key} ({interval.dates})" if interval else f"any of the {len(candidates)} intervals run"
    landed = len(_rows(flywheel, "landed_sessions", candidates[-1], user))
    if landed:
        raise UnknownUserError(
            f"user {user!r} has no label in {where}: all {landed} sessions of {candidates[-1].key} were outliers"
        )
    table = flywheel.warehouse.read("user_labels", candidates[-1])
    some = flywheel.engine.collect(table.select("user_id").order_by("user_id").limit(3))["user_id"].to_pylist()
    example = f"; users of {candidates[-1].key}: {', '.join(some)}, ..." if some else ""
    raise UnknownUserError(f"user {user!r} has no label in {where}{example}")


def _refuse_other_models(flywheel: Flywheel, interval: Interval, *versions: str) -> None:
    if versions != (flywheel.models["session"].version, flywheel.models["user"].version):
        raise NotMaterializedError(
            f"interval {interval.key} was labelled by other models ({' and '.join(versions)}) than those in "
            f"{flywheel.models.directory}: flywheel run --from {interval.key} --to {interval.key}"
        )


def _rows(flywheel: Flywheel, table: str, interval: Interval, user: str) -> list[dict[str, Any]]:
    rows = flywheel.warehouse.read(table, interval)
    return flywheel.engine.collect(rows.filter(rows.user_id == user)).to_pylist()
