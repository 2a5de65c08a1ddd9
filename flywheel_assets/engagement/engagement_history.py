"""engagement_history: what each user did in the intervals up to one's end, as one row of inputs."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir

from flywheel_assets.engagement.score_targets import used
from flywheel_assets.engagement.transition_chances import CHANCES, transition_chances
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.labels import ABSENT, share_column
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.users import user_distributions, user_labels

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

CONTRACT = Check(
    "contract", "Columns and types match the contract; one row per user; the interval's users are all there.", True
)

LABEL = Column("user_label", "string", f"The user's label in this interval; {ABSENT} without one.")

INPUTS = (
    LABEL,
    Column(
        "last_label_order",
        "int32",
        "The place of the user's last label from worst to best, from 1; null for one that only an earlier model gave.",
    ),
    Column("sessions", "int32", "Sessions in this interval."),
    Column("previous_sessions", "int32", "Sessions in the interval before."),
    Column("past_sessions", "int32", "Sessions in all earlier intervals of the look-back."),
    Column("active_intervals", "int32", "Intervals of the look-back with a session."),
    Column("intervals_since_active", "int32", "Intervals since the last with a session; 0 for this one."),
    Column("tenure_intervals", "int32", "Intervals since the first of the look-back with a session; 0 for this one."),
    Column(
        "trend",
        "float64",
        "Sessions of this interval and of the one before, their difference by their sum: -1 to 1, 0 without any.",
    ),
    Column("best_sessions", "int32", "Sessions of the best label in this interval."),
    Column("past_best_sessions", "int32", "The same in all earlier intervals of the look-back."),
    Column("intervals_since_best", "int32", "Intervals since the last with one; null without any."),
    Column("share_<session label>", "float64", "Share of this interval's sessions with the label; null without any."),
    Column("past_share_<session label>", "float64", "The same of all sessions of the look-back, this interval's too."),
    *CHANCES,
)


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {
        "look-back": f"{flywheel.settings.look_back_days} days",
        "session labels": ", ".join(flywheel.models["session"].order),
        "user labels": ", ".join(flywheel.models["user"].order),
    }


def look_back(settings: Any) -> int:
    """How many days before an interval's end its users' histories reach."""
    return int(settings.look_back_days)


TABLE = Table(
    "engagement_history",
    "user with a session in the look-back",
    "What each user did in the intervals that the look-back reaches into, up to this one's end: what the scores of "
    "engagement are made from.",
    (user_labels.TABLE, user_distributions.TABLE),
    (USER_ID, *INPUTS),
    earlier=(user_labels.TABLE, user_distributions.TABLE),
    look_back=look_back,
    used=used,
    waits=lambda flywheel: flywheel.score_models.wait,
    checks=(CONTRACT,),
    parameters=_parameters,
    model_parameters=lambda flywheel: ("session labels", "user labels"),
)


def by_interval(
    labels: Mapping[int, ir.Table], mixes: Mapping[int, ir.Table], session_labels: Sequence[str]
) -> ir.Table:
    """user_labels and user_distributions of some intervals, by how many intervals ago they are, as one table: one row
    per user, ``age`` and source, with the columns ``label``, or ``sessions``, ``best_sessions`` and a share per label
    of ``session_labels``, worst to best. A share that a table lacks, because another model made it, is null."""
    shares = [share_column(label) for label in session_labels]
    nothing = {name: ibis.null("float64") for name in shares}
    counts = {"sessions": ibis.null("int64"), "best_sessions": ibis.null("int64")}
    parts = [
        rows.select("user_id", age=ibis.literal(age, "int32"), label=rows.user_flywheel_label, **counts, **nothing)
        for age, rows in labels.items()
    ]
    for age, rows in mixes.items():
        there = {name: rows[name] if name in rows.columns else ibis.null("float64") for name in shares}
        best = (there[shares[-1]] * rows.sessions).round().cast("int64")
        sessions = rows.sessions.cast("int64")
        parts.append(
            rows.select(
                "user_id",
                age=ibis.literal(age, "int32"),
                label=ibis.null("string"),
                sessions=sessions,
                best_sessions=best,
                **there,
            )
        )
    return reduce(lambda one, other: one.union(other), parts)


def engagement_history(seen: ir.Table, ages: int, session_labels: Sequence[str], user_order: Sequence[str]) -> ir.Table:
    """The rows of the table. ``seen``: :func:`by_interval` of the interval, of age 0, and of the ``ages`` before it
    that the look-back reaches into; ``user_order``: the labels of users, worst to best."""

    def whole(value: ir.Value) -> ir.IntegerValue:
        return value.coalesce(0).cast("int32")

    shares = [share_column(label) for label in session_labels]
    of_mix = seen.sessions.notnull()
    # Whole sessions: sums of them are the same in any order.
    weights = {name: (seen[name] * seen.sessions).round().cast("int64").sum().cast("float64") for name in shares}
    known = {name: seen.sessions.sum(where=seen[name].notnull()).cast("float64") for name in shares}
    rows = seen.group_by("user_id").aggregate(
        _label=seen.label.max(where=seen.age == 0),
        _last=seen.label.argmin(seen.age, where=seen.label.notnull()),
        sessions=whole(seen.sessions.sum(where=seen.age == 0)),
        previous_sessions=whole(seen.sessions.sum(where=seen.age == 1)),
        past_sessions=whole(seen.sessions.sum(where=seen.age > 0)),
        active_intervals=of_mix.sum().cast("int32"),
        intervals_since_active=seen.age.min().cast("int32"),
        tenure_intervals=seen.age.max().cast("int32"),
        best_sessions=whole(seen.best_sessions.sum(where=seen.age == 0)),
        past_best_sessions=whole(seen.best_sessions.sum(where=seen.age > 0)),
        intervals_since_best=seen.age.min(where=seen.best_sessions > 0).cast("int32"),
        **{name: seen[name].max(where=seen.age == 0) for name in shares},
        **{f"past_{name}": weights[name] / known[name].nullif(0) for name in shares},
    )
    now, before = rows.sessions.cast("float64"), rows.previous_sessions.cast("float64")
    order = ibis.cases(*((rows["_last"] == label, place) for place, label in enumerate(user_order, 1)), else_=None)
    made = rows.mutate(
        user_label=rows["_label"].coalesce(ABSENT),
        last_label_order=order.cast("int32"),
        trend=((now - before) / (now + before).nullif(0)).coalesce(0.0),
    )
    names = [column.name for column in INPUTS if "<" not in column.name and column not in CHANCES]
    made = made.select("user_id", *names, *shares, *(f"past_{name}" for name in shares))
    if not ages:
        return made.mutate(**{column.name: ibis.null("float64") for column in CHANCES})
    chances = transition_chances(seen, ages)
    return made.left_join(chances, made.user_label == chances["label"]).drop("label")


def figures(table: ir.Table) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``users`` (distinct), ``active`` in the interval, and ``wrong``, whose counts contradict
    each other."""
    wrong = (table.sessions > 0) != (table.intervals_since_active == 0)
    return {
        "rows": table.count(),
        "users": table.user_id.nunique(),
        "active": (table.sessions > 0).sum().coalesce(0),
        "wrong": wrong.sum().coalesce(0),
    }


def contract(row: Mapping[str, Any], schema: sch.Schema, columns: Sequence[Column], users: int) -> Verdict:
    """``users``: those of the interval's user_labels."""
    faults = wrong_columns(schema, columns)
    repeated = row["rows"] - row["users"]
    faults += [f"{repeated:,} further rows of a user"] if repeated else []
    faults += [f"{row['active']:,} users are active in the interval, user_labels has {users:,}"] * (
        row["active"] != users
    )
    faults += [f"{row['wrong']:,} users are active without a session, or not active with one"] * bool(row["wrong"])
    summary = f"{row['rows']:,} users, {row['active']:,} of them active in the interval"
    return Verdict(CONTRACT.name, not faults, "; ".join(faults) or summary)
