"""What a model of intent and suggested weights learn from: features at an interval's end, outcomes of the next."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from flywheel_assets.errors import TrainingError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intent import intent_outcomes, user_features
from flywheel_assets.intent.intent_predictions import feature_matrix
from flywheel_assets.intent.rules import IntentRules, since
from flywheel_assets.training.boosted_trees import LearningRows

LEAST_INTERVALS = 3

MOST_ROWS = 1_000_000
"""More take minutes and gain little."""

INTERVAL = "interval_start"
"""The key of the interval of the outcomes."""


def outcome_rows(flywheel: Flywheel) -> pa.Table:
    """The rows of intent_outcomes of every interval that has any, in the order of time and of user_id, each with
    INTERVAL and the user's row of user_features at the end of the interval before. Of more than MOST_ROWS
    the newest intervals, LEAST_INTERVALS at least.

    Raises TrainingError without outcomes, and where features lack a column because they were made of other kinds."""
    warehouse, parts, rows = flywheel.warehouse, list[pa.Table](), 0
    names = [column.name for column in flywheel.columns(user_features.TABLE)]
    for interval in reversed(list(flywheel.calendar)):
        previous = flywheel.calendar.previous(interval)
        if not previous or not warehouse.rows(intent_outcomes.TABLE.name, interval):
            continue
        features = warehouse.read(user_features.TABLE.name, previous)
        missing = [name for name in names if name not in features.columns]
        if missing:
            raise TrainingError(
                f"{user_features.TABLE.name} of interval {previous.key} has no column {', '.join(missing)}: it was "
                f"made when events.toml named other kinds. Make it again: flywheel run --from {previous.key}"
            )
        outcomes = warehouse.read(intent_outcomes.TABLE.name, interval)
        outcomes = outcomes.select("user_id", "score", "most_events", "converted")
        joined = outcomes.inner_join(features.select(names), "user_id").order_by("user_id")
        content = flywheel.engine.collect(joined)
        parts.insert(0, content.append_column(INTERVAL, pa.repeat(interval.key, content.num_rows)))
        rows += content.num_rows
        if rows >= MOST_ROWS and len(parts) >= LEAST_INTERVALS:
            break
    if not parts:
        raise TrainingError(
            "there are no outcomes yet: they are known once the interval after the first scores has closed. Then type: "
            "flywheel run"
        )
    return pa.concat_tables(parts)


def learning_rows(rows: pa.Table, names: Sequence[str]) -> LearningRows:
    """These columns of :func:`outcome_rows` as trees take them."""
    keys = rows[INTERVAL].to_numpy()
    intervals = tuple(sorted(set(keys.tolist())))
    return LearningRows(
        tuple(names),
        feature_matrix(rows, names),
        rows["converted"].to_numpy(),
        users_of(rows),
        np.searchsorted(np.array(intervals, object), keys).astype(np.int64),
        intervals,
    )


def users_of(rows: pa.Table) -> np.ndarray:
    """The users of rows, numbered from 0."""
    return np.asarray(rows["user_id"].combine_chunks().dictionary_encode().indices, np.int64)


def directions(rules: IntentRules, kinds: Sequence[str], names: Sequence[str]) -> tuple[int, ...]:
    """Per feature 1 or -1 where the rules only ever raise or lower the score with more of it, else 0: no rule, or rules
    that contradict each other. Points that halve with the days since an event fall with these days."""
    found: dict[str, set[int]] = {name: set() for name in names}
    for rule in rules.rules:
        if rule.direction:
            found[rule.feature].add(rule.direction)
            if rule.half_life_days:
                found[since(rule.feature, kinds)].add(-rule.direction)
    return tuple(min(ways) if len(ways) == 1 else 0 for ways in found.values())


OTHER = "other"


def groups(rules: IntentRules, kinds: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Per feature the group of the first rule about it, else of the first rule about the kind that it is the days
    since, else of one that fades with it; OTHER without any."""
    found: dict[str, str] = {}
    for rule in rules.rules:
        found.setdefault(rule.feature, rule.group)
    for rule in rules.rules:
        if rule.feature in kinds or rule.half_life_days:
            found.setdefault(since(rule.feature, kinds), rule.group)
    return tuple(found.get(name, OTHER) for name in names)
