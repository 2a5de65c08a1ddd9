"""Outcomes of several intervals as arrays, with the rankings that they judge."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flywheel_assets.training.boosted_trees import LEAST_CONVERSIONS
from flywheel_assets.training.ranking_metrics import ScoreProbability

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

RULES, MODEL, MOST_EVENTS = "rules", "model", "most events so far"

JUDGED_CONVERSIONS, MAPPED_CONVERSIONS = 500, 200
"""Rankings are judged on the newest intervals that have so many conversions together, and probabilities learnt from the
newest that have so many. Fewer leave wide intervals, and steps in the isotonic regression; older intervals have another
base rate (on sample data 6.8 %, and 3.3 % ten weeks later)."""

LEAST_USERS_A_LEVEL = 100
"""So many rows or more share a probability that is learnt: of fewer it would be an accident."""

COLUMNS = ("user_id", "score", "most_events", "probability", "converted")


@dataclass(frozen=True)
class PooledOutcomes:
    """A row per user and interval, all arrays [n]: ``user`` numbers the users, ``interval`` the intervals from 0 in the
    order of time. ``probability`` is the model's, NaN without."""

    user: IntArray
    interval: IntArray
    score: FloatArray
    most_events: FloatArray
    probability: FloatArray
    converted: BoolArray

    @classmethod
    def of(cls, tables: Sequence[pa.Table]) -> "PooledOutcomes":
        """COLUMNS of intent_outcomes of each interval, the oldest first; those without rows are left out."""
        parts = [table.select(COLUMNS) for table in tables if table.num_rows]
        rows = pa.concat_tables(parts) if parts else pa.table({name: [] for name in COLUMNS})
        users = rows["user_id"].combine_chunks().dictionary_encode() if parts else None
        score, most_events, probability = (
            np.asarray(rows[name].cast(pa.float64()), np.float64) for name in COLUMNS[1:4]
        )
        return cls(
            np.asarray(users.indices if users is not None else (), np.int64),
            np.repeat(np.arange(len(parts)), [part.num_rows for part in parts]),
            score,
            most_events,
            probability,
            np.asarray(rows["converted"].cast(pa.bool_()), bool),
        )

    def only(self, rows: BoolArray) -> "PooledOutcomes":
        """The rows of a mask, users numbered anew."""
        user = np.unique(self.user[rows], return_inverse=True)[1]
        score, events, probability = self.score[rows], self.most_events[rows], self.probability[rows]
        return PooledOutcomes(user, self.interval[rows], score, events, probability, self.converted[rows])

    @property
    def users(self) -> int:
        return len(self.user)

    @property
    def conversions(self) -> int:
        return int(self.converted.sum())

    @property
    def predicted(self) -> "PooledOutcomes":
        """The rows that the model has a probability for."""
        return self.only(~np.isnan(self.probability))

    @property
    def too_few(self) -> str:
        """Why nothing can be judged by these outcomes, in a sentence; empty where it can."""
        others = self.users - self.conversions
        if self.conversions >= LEAST_CONVERSIONS <= others:
            return ""
        found = f"{self.conversions:,} of {self.users:,} users converted"
        needed = f"{LEAST_CONVERSIONS} that did and {LEAST_CONVERSIONS} that did not are needed"
        return f"Too few outcomes to judge: {found}; {needed}"

    def ranking(self, name: str) -> FloatArray:
        """What a ranking goes by, the higher the better."""
        return {RULES: self.score, MODEL: self.probability, MOST_EVENTS: self.most_events}[name]

    @property
    def rankings(self) -> list[str]:
        """Those that rank any row."""
        return [RULES, MODEL, MOST_EVENTS] if self.predicted.users else [RULES, MOST_EVENTS]

    def newest(self, conversions: int) -> "PooledOutcomes":
        """The newest intervals with so many conversions together; all where they have fewer."""
        if not self.users:
            return self
        after = np.bincount(self.interval, self.converted)[::-1].cumsum()[::-1]
        enough = np.flatnonzero(after >= conversions)
        return self.only(self.interval >= (enough[-1] if len(enough) else 0))

    @property
    def expected(self) -> FloatArray:
        """What the score of each row was worth by the outcomes of earlier intervals, see :meth:`map_of`; by its own
        interval's too where these are too few, NaN where they still are."""
        found = np.full(self.users, np.nan)
        for number in sorted(set(self.interval.tolist())):
            now = self.interval == number
            known = self.only(self.interval < number).map_of(RULES) or self.only(self.interval <= number).map_of(RULES)
            if known:
                found[now] = known(self.score[now])
        return found

    def map_of(self, ranking: str, whole: bool = False) -> ScoreProbability | None:
        """The probability of a conversion by what a ranking goes by, ``whole``: rounded to whole numbers. None where
        outcomes are too few."""
        recent = self.newest(MAPPED_CONVERSIONS)
        if recent.too_few:
            return None
        values = recent.ranking(ranking)
        return ScoreProbability.fit(np.rint(values) if whole else values, recent.converted, LEAST_USERS_A_LEVEL)


def deciles(values: FloatArray, user: IntArray) -> IntArray:
    """The tenth of each row, 0 with the highest values to 9; of equal values the lesser number of a user goes before.
    Tenths differ by one row at most."""
    order = np.lexsort((user, -values))
    found = np.empty(len(values), np.int64)
    for number, members in enumerate(np.array_split(order, 10)):
        found[members] = number
    return found
