"""Histories of users at an interval's end, on tables small enough to check by eye."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ibis
import pyarrow as pa

from flywheel_assets.engagement import engagement_scores
from flywheel_assets.engagement.engagement_history import by_interval, engagement_history
from flywheel_assets.engagement.judged_scores import judged_targets, with_outcomes
from flywheel_assets.warehouse.engine import DuckDBEngine

SESSION_LABELS, USER_LABELS = ("Low", "High"), ("Passive", "Engaged")

Users = dict[str, tuple[str, int, int]]
"""By user the label, the sessions, and how many of them are High."""


def mix(users: Users) -> Any:
    rows = [
        {"user_id": name, "sessions": n, "share_low": 1 - high / n, "share_high": high / n}
        for name, (_, n, high) in users.items()
    ]
    schema = pa.schema(
        [("user_id", pa.string()), ("sessions", pa.int32()), ("share_low", pa.float64()), ("share_high", pa.float64())]
    )
    return ibis.memtable(pa.Table.from_pylist(rows, schema))


def labels(users: Users) -> Any:
    rows = [{"user_id": name, "user_flywheel_label": label} for name, (label, _, _) in users.items()]
    schema = pa.schema([("user_id", pa.string()), ("user_flywheel_label", pa.string())])
    return ibis.memtable(pa.Table.from_pylist(rows, schema))


def histories(engine: DuckDBEngine, *newest_first: Users) -> dict[str, dict[str, Any]]:
    seen = by_interval(
        {age: labels(users) for age, users in enumerate(newest_first)},
        {age: mix(users) for age, users in enumerate(newest_first)},
        SESSION_LABELS,
    )
    rows = engine.collect(engagement_history(seen, len(newest_first) - 1, SESSION_LABELS, USER_LABELS)).to_pylist()
    return {row.pop("user_id"): row for row in rows}


NOW: Users = {"ann": ("Engaged", 4, 1), "bob": ("Passive", 1, 0)}
BEFORE: Users = {"ann": ("Passive", 1, 0), "cy": ("Old label", 3, 3)}
LONG_BEFORE: Users = {"ann": ("Passive", 3, 0), "cy": ("Engaged", 1, 0), "dan": ("Passive", 2, 1)}


def test_a_user_of_every_interval(engine: DuckDBEngine) -> None:
    ann = histories(engine, NOW, BEFORE, LONG_BEFORE)["ann"]

    assert ann == {
        "user_label": "Engaged",
        "last_label_order": 2,
        "sessions": 4,
        "previous_sessions": 1,
        "past_sessions": 4,
        "active_intervals": 3,
        "intervals_since_active": 0,
        "tenure_intervals": 2,
        "trend": 0.6,  # (4 - 1) / (4 + 1)
        "best_sessions": 1,
        "past_best_sessions": 0,
        "intervals_since_best": 0,
        "share_low": 0.75,
        "share_high": 0.25,
        "past_share_low": 7 / 8,
        "past_share_high": 1 / 8,
        # Two users were Engaged one interval before another: cy came back, with the best label; ann is Engaged now.
        "transition_active": 1.0,
        "transition_best_label": 1.0,
    }


def test_users_who_are_absent_now(engine: DuckDBEngine) -> None:
    found = histories(engine, NOW, BEFORE, LONG_BEFORE)
    cy, dan = found["cy"], found["dan"]

    assert (cy["user_label"], cy["sessions"], cy["share_low"], cy["intervals_since_active"]) == ("Absent", 0, None, 1)
    assert cy["last_label_order"] is None  # of a label that the model in use does not have
    assert cy["trend"] == -1.0
    assert (dan["intervals_since_active"], dan["tenure_intervals"], dan["trend"]) == (2, 2, 0.0)
    assert (dan["intervals_since_best"], dan["past_share_high"], dan["last_label_order"]) == (2, 0.5, 1)
    # Only dan was absent one interval before another, and stayed so.
    assert (dan["transition_active"], dan["transition_best_label"]) == (0.0, 0.0)


def test_in_the_first_interval_there_are_no_chances(engine: DuckDBEngine) -> None:
    found = histories(engine, NOW)

    assert {row["transition_active"] for row in found.values()} == {None}
    assert {row["trend"] for row in found.values()} == {1.0}


def test_a_label_that_nobody_had_before_has_the_chances_of_all_users(engine: DuckDBEngine) -> None:
    found = histories(engine, NOW, {"bob": ("Passive", 1, 0), "cy": ("Passive", 1, 0)})

    assert found["bob"]["transition_active"] == found["ann"]["transition_active"] == 0.5


def test_an_outcome_is_a_session_in_the_next_interval_and_one_of_the_best_label(engine: DuckDBEngine) -> None:
    users = ibis.memtable(pa.table({"user_id": ["ann", "bob", "cy"]}))
    rows = engine.collect(with_outcomes(users, mix(NOW), "High").order_by("user_id")).to_pylist()

    assert [(row["active"], row["best_label"]) for row in rows] == [(True, True), (True, False), (False, False)]


def test_shares_that_another_session_model_did_not_give_are_null(engine: DuckDBEngine) -> None:
    seen = by_interval({0: labels(NOW)}, {0: mix(NOW).drop("share_low")}, SESSION_LABELS)
    rows = engine.collect(engagement_history(seen, 0, SESSION_LABELS, USER_LABELS)).to_pylist()

    assert {row["past_share_low"] for row in rows} == {None}
    assert sorted(row["past_share_high"] for row in rows) == [0.0, 0.25]


def judged(engine: DuckDBEngine, folder: Path, said: str | None, next_mix: Any) -> list[tuple[str, int]]:
    """Targets that are judged, with their positives; the session model in use says that High is best."""
    models = {"session": SimpleNamespace(order=list(SESSION_LABELS))}
    flywheel: Any = SimpleNamespace(engine=engine, models=models, settings=SimpleNamespace(models_dir=folder))
    row = {"last_active": True, "last_best_label": False, "transition_active": 0.5, "transition_best_label": 0.5}
    row |= {"probability_active": 0.5, "probability_best_label": 0.1}
    row |= {"activity_model_version": "a", "best_label_model_version": "b"}
    scores = ibis.memtable(pa.Table.from_pylist([{"user_id": user, **row} for user in ("ann", "bob", "cy")]))
    found = judged_targets(flywheel, scores, next_mix, said)
    return [(one.target.name, int(one.methods["model"].target.sum())) for one in found]


def test_the_best_label_is_judged_only_by_the_one_that_was_predicted(engine: DuckDBEngine, tmp_path: Path) -> None:
    assert judged(engine, tmp_path, "High", mix(NOW)) == [("activity", 2), ("best_label", 1)]
    for said in ("Top", None):
        assert judged(engine, tmp_path, said, mix(NOW)) == [("activity", 2)]
    assert judged(engine, tmp_path, "High", mix(NOW).drop("share_high")) == [("activity", 2)]


def test_a_model_that_learnt_what_came_next_leaves_an_interval_to_the_one_that_scored_it() -> None:
    made = {"activity model": "before"}
    infos = {"activity": SimpleNamespace(version="now", learnt_to="2024-01-29")}
    flywheel: Any = SimpleNamespace(
        models={"session": SimpleNamespace(order=list(SESSION_LABELS))},
        score_models=SimpleNamespace(infos=infos),
        lineage=SimpleNamespace(made_with=lambda table, interval, name: made.get(name)),
    )
    said = [
        engagement_scores.TABLE.parameters(flywheel, SimpleNamespace(key=key))["activity model"]  # type: ignore[arg-type]
        for key in ("2024-01-15", "2024-01-29")
    ]
    assert said == ["before", "now"]
    made.clear()
    parameters = engagement_scores.TABLE.parameters(flywheel, SimpleNamespace(key="2024-01-15"))  # type: ignore[arg-type]
    assert parameters == {"best label": "High", "activity model": "now", "best_label model": "none"}
