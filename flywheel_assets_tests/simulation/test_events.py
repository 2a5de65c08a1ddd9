"""The sample's events make the sample's sessions, and show what its users intend."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from flywheel_assets.intervals import Calendar
from flywheel_assets.simulation.events import MAPPING, OUTSIDE, with_events
from flywheel_assets.simulation.intent_world import INTENT
from flywheel_assets.simulation.sample import Sample, generate
from flywheel_assets.simulation.sample_files import write_sample
from flywheel_assets.simulation.world import FEATURES, WORLD
from flywheel_assets_tests.projects import Project

Drawn = list[tuple[Sample, pa.Table]]


@pytest.fixture(scope="module")
def calendar(tmp_path_factory: pytest.TempPathFactory) -> Calendar:
    return Project(tmp_path_factory.mktemp("calendar")).settings.calendar


@pytest.fixture(scope="module")
def drawn(calendar: Calendar) -> Drawn:
    samples = generate(WORLD, calendar.between(calendar.number(1), calendar.number(4)), 1500, 7)
    return list(with_events(WORLD, INTENT, samples, 7))


def test_the_sessions_that_the_events_make_are_those_of_the_sample(tmp_path: Path) -> None:
    (tmp_path / "events.toml").write_bytes(MAPPING.read_bytes())
    project = Project(tmp_path)
    calendar = project.settings.calendar
    two = calendar.between(calendar.number(1), calendar.number(2))
    write_sample(tmp_path / "data", WORLD, two, 150, 7, INTENT)
    project.materialize(two[1].key, "event_sessions", "landed_sessions")
    *_, expected = generate(WORLD, two, 150, 7)
    columns = ["session_id", "user_id", *FEATURES, "device"]
    ours = project.table("landed_sessions", two[1].key).select(columns).sort_by("session_id").to_pylist()
    assert ours == expected.sessions.select(columns).sort_by("session_id").to_pylist()


def test_events_stay_in_their_interval_and_have_ids_of_their_own(drawn: Drawn) -> None:
    for sample, events in drawn:
        seconds = events["event_time"].cast(pa.int64()).to_numpy() // 10**6
        assert sample.interval.start_unix <= seconds.min()
        assert seconds.max() < sample.interval.end_unix
    ids = np.concatenate([events["event_id"].to_numpy() for _, events in drawn])
    assert len(np.unique(ids)) == len(ids)


def test_events_outside_of_sessions_have_none_and_all_others_one(drawn: Drawn) -> None:
    for _, events in drawn:
        rows = events.select(["event_name", "session"]).to_pandas()
        assert (rows["session"].isna() == rows["event_name"].isin(OUTSIDE)).all()


def test_users_purchase_as_often_as_their_intent_of_the_interval_before_says(drawn: Drawn) -> None:
    expected = purchased = 0.0
    for (before, _), (_, events) in pairwise(drawn):
        expected += sum(before.user_truth["conversion_probability"].to_pylist())
        purchased += events["event_name"].to_pylist().count("purchase")
    assert purchased == pytest.approx(expected, abs=4 * expected**0.5)
    first = drawn[0][1]["event_name"].to_pylist()
    assert "purchase" not in first


def test_leads_come_as_often_as_the_quality_of_sessions_says_and_first_pages_show_it(drawn: Drawn) -> None:
    expected = leads = 0.0
    items, chances = [], []
    for sample, events in drawn:
        truth = sample.session_truth.to_pandas().set_index("session_id")["lead_probability"]
        rows = events.select(["session", "event_name", "item_id"]).to_pandas()
        expected += truth.sum()
        leads += (
            rows.loc[rows["event_name"] == "lead", "session"].isin(truth.index).groupby(rows["session"]).any().sum()
        )
        first = rows[rows["event_name"] == "page_view"].groupby("session").head(3).groupby("session")
        shows_items = first["item_id"].count()[first.size() == 3]
        items.append(shows_items)
        chances.append(truth.reindex(shows_items.index))
    assert leads == pytest.approx(expected, abs=4 * expected**0.5)
    assert pd.concat(items).corr(pd.concat(chances)) > 0.2


def test_the_more_a_user_intends_the_more_prices_the_user_sees(drawn: Drawn) -> None:
    sample, events = drawn[-1]
    paths = events.select(["user_id", "path"]).to_pandas()
    visits = paths[paths["path"] == "/pricing"].groupby("user_id").size()
    users = sample.user_truth.to_pandas().set_index("user_id")
    users["visits"] = visits.reindex(users.index, fill_value=0)
    assert users["intent"].corr(users["visits"], method="spearman") > 0.4


def test_the_same_seed_gives_the_same_events(drawn: Drawn, calendar: Calendar) -> None:
    one = next(iter(with_events(WORLD, INTENT, generate(WORLD, [calendar.number(1)], 1500, 7), 7)))
    assert one[1] == drawn[0][1]
    other = next(iter(with_events(WORLD, INTENT, generate(WORLD, [calendar.number(1)], 1500, 8), 8)))
    assert other[1] != drawn[0][1]
