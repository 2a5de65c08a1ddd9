"""trimmed_sessions: which sessions are outliers, and the ledger of what trimming did.

A session goes if any feature is above its threshold, the quantile (linear interpolation) over the interval's sessions
before any trimming. The quantile of n sorted values lies at rank (n - 1) * q, counted from 0, between the value at the
rank below and the one above. A threshold is never below the lower of them, or rounding would remove every session that
shares it. Two guards: a feature whose lower value is its minimum is skipped, since trimming by it would delete exactly
the sessions that carry a rare signal; and an interval with fewer than 1 / (1 - q) sessions is not trimmed at all, since
interpolation would remove every feature's maximum."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from flywheel_assets.intervals import Interval
from flywheel_assets.landing import landed_sessions
from flywheel_assets.tables.columns import LANDED
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.verdict import Check, Verdict

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


LEDGER = "flywheel.ledger"
"""The note in the table's file that holds the ledger."""

SHARE_REMOVED = Check("share_removed", "No more sessions were removed than the quantile can explain.")
GUARDS = Check("guards", "No guard applied: no feature was skipped, and the interval was large enough (warning).")
CHECKS = (SHARE_REMOVED, GUARDS)


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {"trim quantile": str(flywheel.settings.trim_quantile.normalize())}


TABLE = Table(
    "trimmed_sessions",
    "session",
    "The landed sessions without outliers, which lie above the trimming quantile of any feature.",
    (landed_sessions.TABLE,),
    LANDED,
    checks=CHECKS,
    parameters=_parameters,
    code_version=2,  # 1 could remove every session at a tie, and lost rare signals at some sizes
)


@dataclass(frozen=True)
class Threshold:
    """A feature's trimming threshold and its minimum in the interval; both None for an interval without sessions. They
    are equal where the value at the rank below the quantile is the minimum."""

    feature: str
    threshold: float | None
    minimum: float | None

    @property
    def guarded(self) -> bool:
        """Whether the feature is skipped because its threshold is its minimum."""
        return self.threshold == self.minimum


@dataclass(frozen=True)
class Ledger:
    """What trimming did. ``removed`` counts sessions above each feature's threshold (a session may count for several),
    ``users_vanished`` users who lost all sessions."""

    sessions: int
    sessions_removed: int
    users_vanished: int
    too_small: bool
    thresholds: tuple[Threshold, ...]
    removed: Mapping[str, int]

    def lines(self) -> list[dict[str, Any]]:
        """One line per feature: feature, minimum, threshold, sessions removed, guarded."""
        return [
            {
                "feature": t.feature,
                "minimum": t.minimum,
                "threshold": t.threshold,
                "sessions_removed": self.removed[t.feature],
                "guarded": t.guarded,
            }
            for t in self.thresholds
        ]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Ledger":
        value = json.loads(text)
        value["thresholds"] = tuple(Threshold(**t) for t in value["thresholds"])
        return cls(**value)

    @property
    def share_removed(self) -> float:
        return self.sessions_removed / self.sessions if self.sessions else 0.0


def least_sessions(quantile: Decimal) -> int | None:
    """The fewest sessions that an interval is trimmed at: 1,000 for 0.999. None for 1, which trims none."""
    return math.ceil(1 / (1 - Fraction(quantile))) if quantile < 1 else None


def too_small(sessions: int, quantile: Decimal) -> bool:
    """Whether an interval with this many sessions is left as it is."""
    least = least_sessions(quantile)
    return least is None or sessions < least


def threshold_aggregates(sessions: ir.Table, features: Sequence[str], quantile: Decimal, count: int) -> ir.Table:
    """One row over ``count`` sessions: per feature ``minimum_<feature>``, and ``lower_<feature>`` and
    ``upper_<feature>``, the values at the ranks that the quantile lies between."""
    # The few greatest values alone are sorted, which takes a fifth of the time of an engine's own quantile and no copy
    # of the column. The engine's also rounds its rank and its interpolation, each in its own way.
    greatest = count - math.floor(_rank(quantile, count))
    row = sessions.aggregate(**{f"minimum_{name}": sessions[name].min().cast("float64") for name in features})
    for name in features:
        values = sessions.select(value=sessions[name].cast("float64")).order_by(ibis.desc("value")).limit(greatest)
        pair = values.order_by("value").limit(2)
        row = row.cross_join(pair.aggregate(**{f"lower_{name}": pair.value.min(), f"upper_{name}": pair.value.max()}))
    return row


def thresholds(
    figures: Mapping[str, Any], features: Sequence[str], quantile: Decimal, count: int
) -> tuple[Threshold, ...]:
    """The thresholds from a row of :func:`threshold_aggregates`."""
    rank = _rank(quantile, count)
    beyond = float(rank - math.floor(rank))
    limits = []
    for feature in features:
        minimum, lower, upper = (figures[f"{name}_{feature}"] for name in ("minimum", "lower", "upper"))
        # Interpolation of two equal values can fall below them.
        quantile_value = None if minimum is None else max(lower, lower * (1.0 - beyond) + upper * beyond)
        limits.append(Threshold(feature, minimum if lower == minimum else quantile_value, minimum))
    return tuple(limits)


def is_outlier(sessions: ir.Table, limits: Sequence[Threshold]) -> ir.BooleanValue:
    """Whether any feature is above its threshold; a guarded feature is ignored, and a value at its threshold stays."""
    above = [(_above(sessions, limit), True) for limit in limits if not limit.guarded]
    # Not ibis.or_: a chain of 400 alternatives is as deep as it is long, and too deep for Python.
    return ibis.cases(*above, else_=False) if above else ibis.literal(False)


def trimmed_sessions(sessions: ir.Table, limits: Sequence[Threshold]) -> ir.Table:
    """The sessions without outliers, columns unchanged."""
    within = [sessions[limit.feature] <= limit.threshold for limit in limits if not limit.guarded]
    return sessions.filter(within) if within else sessions


def ledger_aggregates(sessions: ir.Table, limits: Sequence[Threshold]) -> ir.Table:
    """One row over the untrimmed sessions: ``sessions_removed``, ``users_vanished`` and ``removed_<feature>``."""
    # Only what is needed, and all of it from the few outliers: an engine keeps what is used more than once.
    outliers = sessions.filter(is_outlier(sessions, limits)).select("user_id", *(limit.feature for limit in limits))
    removed = outliers.group_by("user_id").aggregate(removed=outliers.count())
    theirs = sessions.select("user_id").semi_join(removed, "user_id")
    landed = theirs.group_by("user_id").aggregate(landed=theirs.count())
    users = removed.join(landed, "user_id")
    aggregates: dict[str, ir.Scalar] = {
        "sessions_removed": outliers.count(),
        "users_vanished": users.filter(users.removed == users.landed).count().as_scalar(),
    }
    for limit in limits:
        above = ibis.literal(0) if limit.guarded else _above(outliers, limit).sum().coalesce(0)
        aggregates[f"removed_{limit.feature}"] = above
    return outliers.aggregate(**aggregates)


def ledger(sessions: int, limits: Sequence[Threshold], row: Mapping[str, Any] | None) -> Ledger:
    """The ledger from a row of :func:`ledger_aggregates`; None for an interval too small to be trimmed."""
    removed = {t.feature: int(row[f"removed_{t.feature}"]) if row else 0 for t in limits}
    sessions_removed = int(row["sessions_removed"]) if row else 0
    users_vanished = int(row["users_vanished"]) if row else 0
    return Ledger(sessions, sessions_removed, users_vanished, row is None, tuple(limits), removed)


def _above(sessions: ir.Table, limit: Threshold) -> ir.BooleanValue:
    return sessions[limit.feature] > limit.threshold


def _rank(quantile: Decimal, count: int) -> Fraction:
    """The quantile's rank among ``count`` sorted values, from 0. Exact: in floats 0.999 of 3,000 is not 2,997."""
    return Fraction(quantile) * max(count - 1, 0)


def share_removed(ledger: Ledger, rows: int, quantile: Decimal) -> Verdict:
    """Fails when ``rows`` is not what the ledger leaves, or when a feature removed more than the quantile allows: of n
    values at most ceil((1 - q) * (n - 1)) lie above their linearly interpolated q-quantile."""
    most = math.ceil((1 - Fraction(quantile)) * max(ledger.sessions - 1, 0))
    over = {name: n for name, n in ledger.removed.items() if n > most}
    lost = ledger.sessions - ledger.sessions_removed - rows
    faults = [f"{name} removed {n:,}, the quantile explains at most {most:,}" for name, n in over.items()]
    faults += [f"{lost:+,} sessions that the ledger does not account for"] if lost else []
    return Verdict(
        SHARE_REMOVED.name,
        not faults,
        "; ".join(faults)
        or f"{ledger.sessions_removed:,} of {ledger.sessions:,} sessions removed ({ledger.share_removed:.2%}), by no "
        f"feature more than {most:,}",
        numbers={
            "sessions_removed": ledger.sessions_removed,
            "share_removed": ledger.share_removed,
            "most_by_one_feature": most,
        },
    )


def guards(ledger: Ledger, least: int | None) -> Verdict:
    """Warns when a guard applied, naming it."""
    held = [t.feature for t in ledger.thresholds if t.guarded]
    if ledger.too_small:
        wanted = "trimming is off (quantile 1)" if least is None else f"trimming begins at {least:,}"
        summary = f"{ledger.sessions:,} sessions: {wanted}, so none was trimmed"
    elif held:
        summary = f"not trimmed by {', '.join(held)}: the threshold equals the minimum"
    else:
        summary = "every feature was used for trimming"
    passed = not held and not ledger.too_small
    return Verdict(
        GUARDS.name, passed, summary, "WARN", {"features_guarded": len(held), "too_small": int(ledger.too_small)}
    )
