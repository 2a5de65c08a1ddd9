"""Capacity: what contacting the first users of a ranking may bring, by what became of users with such scores before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flywheel_assets.intent import intent_probability, intent_scores
from flywheel_assets.intent.ranking import predictions_of
from flywheel_assets.intervals import Interval
from flywheel_assets.report.numbers import plural

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


@dataclass(frozen=True)
class Capacity:
    """``expected`` conversions of ``contacted`` users in the next interval, without any contact; ``rate`` of all users
    together, by the same probabilities. Both are None while outcomes are too few."""

    contacted: int
    cut_off: float
    expected: float | None = None
    rate: float | None = None

    @property
    def lift(self) -> float | None:
        """How many times as likely to convert as the average user; None where that is unknown."""
        if not self.expected or not self.rate:
            return None
        return self.expected / self.contacted / self.rate

    @property
    def sentences(self) -> list[str]:
        found = [f"{plural(self.contacted, 'user')}, down to a score of {self.cut_off:g}."]
        if self.expected is None or self.rate is None:
            return [*found, "How many of them will convert is not known yet: too few outcomes have been seen."]
        share = self.expected / self.contacted
        often = f", {self.lift:.1f} times the {self.rate:.1%} of all users" if self.lift else ""
        return [*found, f"About {self.expected:.3g} of them will convert in the next interval: {share:.1%}{often}."]


def capacity(flywheel: "Flywheel", interval: Interval, rows: Sequence[Mapping[str, Any]]) -> Capacity | None:
    """Of the first ``rows`` of ranked_users of an interval, however many; None for no rows. Probabilities are the
    model's where it ranks them, else those of intent_probability of the interval, as far as it is there."""
    if not rows:
        return None
    cut_off = float(min(row["score"] for row in rows))
    predictions = predictions_of(flywheel, interval)
    if predictions is not None:
        rate = flywheel.figures(predictions, {"rate": predictions.probability.mean()})["rate"]
        return Capacity(len(rows), cut_off, sum(row["probability"] for row in rows), rate)
    known: dict[int, float | None] = {}
    if flywheel.warehouse.exists(intent_probability.TABLE.name, interval):
        known = {row["score"]: row["probability"] for row in flywheel.rows(intent_probability.TABLE, interval)}
    if not known or None in known.values():
        return Capacity(len(rows), cut_off)
    scores = flywheel.warehouse.read(intent_scores.TABLE.name, interval)
    whole = scores.select(whole=scores.score.cast("float64").round().cast("int32"))
    counts = flywheel.engine.collect(whole.group_by("whole").aggregate(users=whole.count())).to_pylist()
    users = sum(row["users"] for row in counts)
    all_together = sum((known[row["whole"]] or 0.0) * row["users"] for row in counts)
    expected = sum(known[round(float(row["score"]))] or 0.0 for row in rows)
    return Capacity(len(rows), cut_off, expected, all_together / users)
