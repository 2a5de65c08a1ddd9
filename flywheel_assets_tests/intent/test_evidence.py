"""A score in words, and what would raise it most: that event is added to users' days, and scores made again."""

from datetime import timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from flywheel_assets.intent.evidence import evidence, next_steps, noun, signed
from flywheel_assets.intent.intent_scores import features_of
from flywheel_assets.intent.rules import Group, IntentRules, Rule
from flywheel_assets.intent.scoring import Scores, score
from flywheel_assets.intent.user_features import numeric_features, user_features
from flywheel_assets_tests.frames import CALENDAR
from flywheel_assets_tests.intent.rules import few

KINDS = ("carts", "visits", "clicks", "purchases")
INTERVAL = CALENDAR.key("2024-03-11")
CARTS = Rule("carts", "all", "carts", 20.0, 2.0)

ALL_FEATURES = IntentRules(
    (
        Rule("carts", "buying", "carts", 30.0, 2.0, half_life_days=14.0),
        Rule("visits", "buying", "visits", 25.0, 3.0),
        Rule("lately_clicked", "attention", "days_since_clicks", 12.0, 9.0, falls=True),
        Rule("recency", "activity", "days_since_event", 20.0, 7.0, falls=True),
        Rule("active_days", "activity", "active_days", 10.0, 10.0),
        Rule("volume", "attention", "events", 8.0, 20.0, half_life_days=30.0),
        Rule("breadth", "attention", "features_used", 15.0, 2.0),
        Rule("newness", "attention", "first_seen_days", 5.0, 30.0, falls=True),
        Rule("too_many", "tired", "carts", -9.0, 4.0),
    ),
    (Group("buying", 35.0), Group("activity", 22.0), Group("attention", 30.0), Group("tired", 0.0, -8.0)),
    (("High", 50.0), ("Low", 1.0)),
    "purchases",
)


@pytest.fixture(scope="module")
def days() -> pd.DataFrame:
    """user_days of 60 users: each day has events of some kinds, and of none that is counted."""
    rng = np.random.default_rng(7)
    rows = pd.DataFrame({"user_id": [f"u{n}" for n in rng.integers(0, 60, 300)]})
    rows["day"] = [INTERVAL.last_day - timedelta(days=int(n)) for n in rng.integers(0, 80, 300)]
    for kind in KINDS:
        rows[kind] = rng.poisson(0.4, 300)
    rows["events"] = rows[list(KINDS)].sum(axis=1) + 1
    return rows.groupby(["user_id", "day"], as_index=False).sum().assign(sessions=1, seconds=60, likely_bot=False)


def scored(days: pd.DataFrame, rules: IntentRules) -> tuple[Scores, dict[str, np.ndarray]]:
    made = user_features(ibis.memtable(days), KINDS, (), INTERVAL, 90).order_by("user_id").to_pyarrow()
    features = dict(features_of(made, rules, KINDS))
    return score(features, rules, KINDS), features


def one_more(days: pd.DataFrame, kind: str) -> pd.DataFrame:
    """An event of the kind, by each user, on the interval's last day, outside of a session."""
    added = pd.DataFrame({"user_id": days.user_id.unique(), "day": INTERVAL.last_day, "events": 1, kind: 1})
    every = pd.concat([days, added]).fillna(dict.fromkeys((*KINDS, "sessions", "seconds"), 0))
    every["likely_bot"] = False
    counts = [*KINDS, "events", "sessions", "seconds"]
    summed = every.groupby(["user_id", "day"], as_index=False)[counts].sum()
    return summed.astype(dict.fromkeys(counts, "int64")).assign(likely_bot=False)


def test_what_would_raise_the_score_most_does_and_no_other_kind_raises_it_more(days: pd.DataFrame) -> None:
    scores, features = scored(days, ALL_FEATURES)
    gains = {}
    for kind in ("carts", "visits", "clicks"):
        gains[kind] = scored(one_more(days, kind), ALL_FEATURES)[0].score - scores.score
    expected = []
    for user in range(len(scores.score)):
        kind = max(gains, key=lambda name: gains[name][user])
        gain = int(gains[kind][user])
        expected.append(f"1 {noun(kind, 1)}: {signed(gain)}" if gain > 0 else None)
    assert next_steps(scores, features, ALL_FEATURES, KINDS).tolist() == expected
    assert len({text.split(":")[0] for text in expected if text}) == 3


def test_an_event_that_only_the_rules_of_activity_reward_is_counted_with_them(days: pd.DataFrame) -> None:
    rules = few(CARTS, Rule("recency", "all", "days_since_event", 10.0, 7.0, falls=True))
    scores, features = scored(days, rules)
    gains = scored(one_more(days, "carts"), rules)[0].score - scores.score
    assert next_steps(scores, features, rules, KINDS).tolist() == [f"1 cart: {signed(int(gain))}" for gain in gains]


@pytest.mark.parametrize(
    ("kind", "one", "several"),
    [
        ("pricing_visits", "pricing visit", "pricing visits"),
        ("entries", "entry", "entries"),
        ("searches", "search", "searches"),
        ("wishes", "wish", "wishes"),
        ("classes", "class", "classes"),
        ("boxes", "box", "boxes"),
        ("api_uses", "api use", "api uses"),
        ("statuses", "status", "statuses"),
        ("pauses", "pause", "pauses"),
        ("purchase", "purchase", "purchases"),
        ("demo_request", "demo request", "demo requests"),
        ("address", "address", "addresses"),
        ("status", "status", "statuses"),
        ("inquiry", "inquiry", "inquiries"),
        ("search", "search", "searches"),
    ],
)
def test_a_kind_reads_as_a_noun_whether_it_is_named_in_the_singular_or_the_plural(
    kind: str, one: str, several: str
) -> None:
    assert (noun(kind, 1), noun(kind, 2)) == (one, several)


@pytest.mark.parametrize(
    ("feature", "value", "found"),
    [
        ("carts", 1234, "1,234 carts, the last 1 day ago"),
        ("events", 1, "1 event"),
        ("events", 12345, "12,345 events"),
        ("active_days", 1, "active on 1 day"),
        ("sessions", 1, "1 session"),
        ("minutes", 1.2, "1 minute in sessions"),
        ("minutes", 1234.4, "1,234 minutes in sessions"),
        ("features_used", 1, "1 kind of activity"),
        ("features_used", 3, "3 kinds of activity"),
        ("days_since_event", 1, "active 1 day ago"),
        ("days_since_carts", 2, "last cart 2 days ago"),
        ("first_seen_days", 0, "first seen today"),
        ("pages_per_session", 2.25, "2.2 pages per session"),
        ("trend", 0.5, "activity trend +0.50"),
    ],
)
def test_evidence_has_its_number_in_words(feature: str, value: float, found: str) -> None:
    assert evidence(Rule("r", "all", feature, 5.0), value, 1.0, KINDS) == found


def test_every_feature_has_evidence_in_words() -> None:
    for feature in numeric_features(KINDS):
        assert evidence(Rule("r", "all", feature, 5.0), 2.0, 1.0, KINDS)
