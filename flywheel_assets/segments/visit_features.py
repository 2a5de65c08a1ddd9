"""visit_features: what sessions are clustered by: counts as they are, and rates, which take the size of a visit out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from flywheel_assets.sessions import trimmed_sessions
from flywheel_assets.tables.columns import FEATURE, SESSION_ID, USER_ID
from flywheel_assets.tables.contract import Column, Table

TABLE = Table(
    "visit_features",
    "session",
    "What the sessions of a range of intervals are clustered by: counts as they are, and rates.",
    (trimmed_sessions.TABLE,),
    (
        SESSION_ID,
        USER_ID,
        Column("interval_start", "string", "The key of the session's interval."),
        FEATURE,
        Column("<rate>", "float64", "A feature divided by another, such as favorites per detail view; 0 for 0 / 0."),
    ),
)


@dataclass(frozen=True)
class Rate:
    """``numerator`` divided by ``denominator``, both features; 0 of nothing is 0."""

    numerator: str
    denominator: str

    @property
    def name(self) -> str:
        """``favorites_per_detail_pageview``."""
        return f"{self.numerator}_per_{self.denominator.removesuffix('s')}"


RATES = (
    Rate("detail_pageviews", "pageviews"),
    Rate("pageviews", "impressions"),
    Rate("favorites", "detail_pageviews"),
    Rate("shares", "detail_pageviews"),
    Rate("leads", "pageviews"),
    Rate("distinct_items", "detail_pageviews"),
)
"""Every rate. How deep a visit went, how it answered what it was shown, what it did with what it looked at. One per
numerator: leads per page view and leads per detail view hardly differ, and a cluster would count them twice."""


def rates_of(features: Collection[str]) -> tuple[Rate, ...]:
    """The rates whose two columns are both among the features, and that are no feature themselves."""
    return tuple(r for r in RATES if {r.numerator, r.denominator} <= {*features} and r.name not in features)


def columns_of(features: Sequence[str]) -> tuple[str, ...]:
    """The columns that sessions are clustered by: the features in their order, then the rates."""
    return (*features, *(rate.name for rate in rates_of(features)))


def visit_features(sessions: ir.Table, features: Sequence[str]) -> ir.Table:
    """One row per session: ``session_id``, ``user_id``, each feature as it is and each rate, float64, 0 where the
    denominator is 0. ``sessions``: trimmed_sessions, whose features are finite and never null."""
    counts = {name: sessions[name].cast("float64") for name in features}
    rates = {rate.name: _rate(sessions, rate) for rate in rates_of(features)}
    return sessions.select("session_id", "user_id", **counts, **rates)


def _rate(sessions: ir.Table, rate: Rate) -> ir.Value:
    above, below = sessions[rate.numerator].cast("float64"), sessions[rate.denominator].cast("float64")
    # nullif and not ifelse alone: Spark under ANSI rules raises for a division that ifelse would discard.
    return (above / below.nullif(0.0)).fill_null(ibis.literal(0.0))
