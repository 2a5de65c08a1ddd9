"""trimmed_sessions: which sessions are outliers, and the ledger of what trimming did.

A session goes if any feature is above its threshold, the quantile (linear interpolation) over the interval's sessions
before any trimming. Two guards: a feature whose threshold equals its minimum is not trimmed by, since that would delete
exactly the sessions that carry a rare signal; and an interval with fewer than 1 / (1 - q) sessions is not trimmed at
all, since interpolation would remove every feature's maximum."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import ibis
import ibis.expr.types as ir

LEDGER = "flywheel.ledger"
"""The note in the table's file that holds the ledger."""


@dataclass(frozen=True)
class Threshold:
    """A feature's trimming threshold and its minimum in the interval; both None for an interval without sessions."""

    feature: str
    threshold: float | None
    minimum: float | None

    @property
    def guarded(self) -> bool:
        """Whether the feature is not trimmed by, because its threshold is its minimum."""
        return self.threshold == self.minimum


@dataclass(frozen=True)
class Ledger:
    """What trimming did. ``removed`` counts sessions above each feature's threshold (a session may count for several),
    ``users_vanished`` users all of whose sessions went."""

    sessions: int
    sessions_removed: int
    users_vanished: int
    too_small: bool
    thresholds: tuple[Threshold, ...]
    removed: Mapping[str, int]

    def lines(self) -> list[dict[str, Any]]:
        """A line a feature: feature, minimum, threshold, sessions removed, guarded."""
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


def threshold_aggregates(sessions: ir.Table, features: Sequence[str], quantile: Decimal) -> ir.Table:
    """One row: ``sessions``, and per feature ``threshold_<feature>`` and ``minimum_<feature>``."""
    aggregates: dict[str, ir.Scalar] = {"sessions": sessions.count()}
    for name in features:
        aggregates[f"threshold_{name}"] = sessions[name].quantile(float(quantile)).cast("float64")
        aggregates[f"minimum_{name}"] = sessions[name].min().cast("float64")
    return sessions.aggregate(**aggregates)


def thresholds(figures: Mapping[str, Any], features: Sequence[str]) -> tuple[Threshold, ...]:
    """The thresholds out of a row of :func:`threshold_aggregates`."""
    return tuple(Threshold(f, figures[f"threshold_{f}"], figures[f"minimum_{f}"]) for f in features)


def is_outlier(sessions: ir.Table, limits: Sequence[Threshold]) -> ir.BooleanValue:
    """Whether any feature is above its threshold; a guarded feature says nothing, one at its threshold stays."""
    above = [_above(sessions, limit) for limit in limits if not limit.guarded]
    return ibis.or_(*above) if above else ibis.literal(False)


def trimmed_sessions(sessions: ir.Table, limits: Sequence[Threshold]) -> ir.Table:
    """The sessions less the outliers, columns unchanged."""
    return sessions.filter(~is_outlier(sessions, limits))


def ledger_aggregates(sessions: ir.Table, limits: Sequence[Threshold]) -> ir.Table:
    """One row over the untrimmed sessions: ``sessions_removed``, ``users_vanished`` and ``removed_<feature>``."""
    marked = sessions.mutate(_outlier=is_outlier(sessions, limits))
    users = marked.filter(marked.user_id.isin(marked.filter(marked["_outlier"]).user_id))
    vanished = users.group_by("user_id").aggregate(kept=(~users["_outlier"]).sum())
    aggregates: dict[str, ir.Scalar] = {
        "sessions_removed": marked["_outlier"].sum().coalesce(0),
        "users_vanished": vanished.filter(vanished.kept == 0).count().as_scalar(),
    }
    for limit in limits:
        removed = ibis.literal(0) if limit.guarded else _above(marked, limit).sum().coalesce(0)
        aggregates[f"removed_{limit.feature}"] = removed
    return marked.aggregate(**aggregates)


def ledger(sessions: int, limits: Sequence[Threshold], row: Mapping[str, Any] | None) -> Ledger:
    """The ledger out of a row of :func:`ledger_aggregates`; None for an interval too small to be trimmed."""
    removed = {t.feature: int(row[f"removed_{t.feature}"]) if row else 0 for t in limits}
    sessions_removed = int(row["sessions_removed"]) if row else 0
    users_vanished = int(row["users_vanished"]) if row else 0
    return Ledger(sessions, sessions_removed, users_vanished, row is None, tuple(limits), removed)


def _above(sessions: ir.Table, limit: Threshold) -> ir.BooleanValue:
    return sessions[limit.feature] > limit.threshold
