"""What users did: counted by day and kind, and up to an interval's end, as pandas counts it too."""

import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flywheel_assets.errors import EventsError
from flywheel_assets.intent import user_days, user_features
from flywheel_assets_tests.ingest.projects import land_events
from flywheel_assets_tests.intent.projects import KINDS, TEXT, intent_project
from flywheel_assets_tests.projects import Project

FIRST, SECOND, THIRD = "2024-01-01", "2024-01-15", "2024-01-29"
HOSTILE = 'o\'neil <b>&"x"'

EVENTS = [
    ("anna", "2024-01-02 09:00", "view", "a"),
    ("anna", "2024-01-02 09:10", "view", "cart/1"),
    ("anna", "2024-01-02 09:10", "view", "cart/1"),  # a copy
    ("anna", "2024-01-14 23:50", "view", "b"),
    ("anna", "2024-01-15 00:10", "buy", "c"),
    ("anna", "2024-01-20 08:00", "mail", None),
    ("ben", "2024-01-03 10:00", "view", "a"),
    ("ben", "2024-01-28 23:59", "view", None),
    (HOSTILE, "2024-02-01 10:00", "mail", None),
]
ALL = ("event_sessions", "user_days", "user_features")


def made(project: Project, *keys: str, tables: tuple[str, ...] = ALL) -> None:
    for key in keys:
        assert project.materialize(key, *tables).success


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = intent_project(tmp_path_factory.mktemp("features"))
    land_events(project, "2024.parquet", *EVENTS)
    made(project, FIRST, SECOND, THIRD)
    return project


def by_user(project: Project, key: str) -> dict[str, dict[str, object]]:
    return {row["user_id"]: row for row in project.rows("user_features", key)}


def test_days_count_events_by_kind_copies_aside_and_sessions_where_they_begin(once: Project) -> None:
    rows = {(r["user_id"], r["day"]): r for r in once.rows("user_days", FIRST)}
    second = rows["anna", date(2024, 1, 2)]
    assert (second["events"], second["page_views"], second["carts"], second["purchases"]) == (2, 2, 1, 0)
    assert (second["sessions"], second["seconds"], second["last_item"]) == (1, 600, "cart/1")
    crossing = {(r["user_id"], r["day"]): r for r in once.rows("user_days", SECOND)}["anna", date(2024, 1, 15)]
    assert (crossing["events"], crossing["purchases"], crossing["sessions"]) == (1, 1, 0)


def test_an_event_outside_of_sessions_counts_and_makes_none(once: Project) -> None:
    assert by_user(once, THIRD)[HOSTILE] | {"days_since_event": 10} == by_user(once, THIRD)[HOSTILE]
    assert by_user(once, THIRD)[HOSTILE]["sessions"] == 0
    assert once.rows("event_sessions", THIRD) == []


def test_features_reach_back_over_intervals_and_know_how_long_ago(once: Project) -> None:
    anna = by_user(once, SECOND)["anna"]
    assert (anna["page_views"], anna["carts"], anna["purchases"], anna["events"]) == (3, 1, 1, 5)
    assert (anna["days_since_page_views"], anna["days_since_carts"], anna["days_since_purchases"]) == (14, 26, 13)
    assert (anna["days_since_event"], anna["first_seen_days"], anna["active_days"]) == (8, 26, 4)
    assert (anna["sessions"], anna["features_used"], anna["last_item"]) == (2, 3, "c")
    assert anna["trend"] == pytest.approx((2 - 3) / 5)
    ben = by_user(once, SECOND)["ben"]
    assert (ben["days_since_purchases"], ben["days_since_event"], ben["last_item"]) == (None, 0, "a")


def test_features_are_those_that_pandas_counts(once: Project) -> None:
    events = pd.DataFrame(EVENTS, columns=["user", "time", "name", "item"]).drop_duplicates()
    events["day"] = pd.to_datetime(events["time"]).dt.floor("D")
    kinds = {
        "page_views": events["name"] == "view",
        "carts": (events["name"] == "view") & events["item"].str.startswith("cart", na=False),
        "purchases": events["name"] == "buy",
    }
    for key, last in ((FIRST, "2024-01-14"), (SECOND, "2024-01-28"), (THIRD, "2024-02-11")):
        known = events[events["day"] <= last]
        found = by_user(once, key)
        assert set(found) == set(known["user"])
        for user, rows in known.groupby("user"):
            for kind in KINDS:
                of_kind = rows[kinds[kind]]
                assert found[user][kind] == len(of_kind)
                days = (pd.Timestamp(last) - of_kind["day"].max()).days if len(of_kind) else None
                assert found[user][f"days_since_{kind}"] == days
            assert found[user]["active_days"] == rows["day"].nunique()


def test_what_happens_later_changes_no_feature(once: Project, tmp_path: Path) -> None:
    project = intent_project(tmp_path)
    shifted = [(u, t.replace("2024-02", "2024-05") if t > "2024-01-15" else t, n, i) for u, t, n, i in EVENTS]
    land_events(project, "2024.parquet", *shifted)
    made(project, FIRST)
    assert by_user(project, FIRST) == by_user(once, FIRST)


def test_a_look_back_ends_so_many_days_before_the_intervals_end(once: Project, tmp_path: Path) -> None:
    shutil.copytree(once.folder, tmp_path, dirs_exist_ok=True)
    project = Project(tmp_path, FLYWHEEL_LOOK_BACK_DAYS="15")
    made(project, SECOND, tables=("user_features",))
    anna = by_user(project, SECOND)["anna"]
    assert (anna["page_views"], anna["events"], anna["first_seen_days"]) == (1, 3, 14)


def test_a_late_event_makes_the_features_of_every_interval_stale_whose_look_back_holds_it(
    once: Project, tmp_path: Path
) -> None:
    shutil.copytree(once.folder, tmp_path, dirs_exist_ok=True)
    for look_back, expected in (("90", [FIRST, SECOND, THIRD]), ("15", [FIRST, SECOND])):
        project = Project(tmp_path / "", FLYWHEEL_LOOK_BACK_DAYS=look_back)
        made(project, SECOND, THIRD, FIRST, tables=("user_features",))
        land_events(project, f"late{look_back}.parquet", ("ben", "2024-01-14 12:00", "buy", look_back))
        made(project, FIRST, tables=("event_sessions", "user_days"))
        with project.flywheel() as flywheel:
            stale = [
                i.key
                for i in project.intervals(FIRST, SECOND, THIRD)
                if flywheel.lineage.stale_because(user_features.TABLE, i)
            ]
        assert stale == expected


def test_an_interval_before_this_that_was_not_made_is_named(tmp_path: Path) -> None:
    project = intent_project(tmp_path)
    land_events(project, "2024.parquet", *EVENTS)
    result = project.materialize(SECOND, "event_sessions", "user_days", "user_features")
    message = str(result.failure_data_for_node("user_features").error)
    assert f"user_days of interval {FIRST}" in message
    assert f"flywheel run --from {FIRST} --to {FIRST}" in message


def test_an_interval_without_events_has_tables_of_the_same_form(once: Project) -> None:
    made(once, "2024-02-12")
    assert once.rows("user_days", "2024-02-12") == []
    assert once.table("user_days", "2024-02-12").schema.names == once.table("user_days", FIRST).schema.names
    assert set(by_user(once, "2024-02-12")) == {"anna", "ben", HOSTILE}


@pytest.mark.parametrize(
    ("items", "what"),
    [(["x@y.org", "z@y.org", None], "e-mail addresses"), (["10.0.0.1", "fe80::1", "cart"], "IP addresses")],
)
def test_a_carried_column_of_personal_data_is_refused_unless_it_is_named(
    items: list[str | None], what: str, tmp_path: Path
) -> None:
    project = intent_project(tmp_path)
    rows = [(f"u{n}", f"2024-01-0{n + 2} 10:00", "view", item) for n, item in enumerate(items)]
    land_events(project, "2024.parquet", *rows)
    result = project.materialize(FIRST, "event_sessions", "user_days")
    message = str(result.failure_data_for_node("user_days").error)
    assert f"[carry] last_item holds {what}" in message
    assert 'personal = ["last_item"] under [events]' in message
    text = project.settings.events_file.read_text()
    project.settings.events_file.write_text(text.replace("[events]\n", '[events]\npersonal = ["last_item"]\n'))
    assert project.materialize(FIRST, "event_sessions", "user_days").success


def test_the_checks_find_what_breaks_the_contract(once: Project) -> None:
    with once.flywheel() as flywheel:
        (interval,) = once.intervals(FIRST)
        days = flywheel.warehouse.read("user_days", interval)
        columns = flywheel.columns(user_days.TABLE)
        twice = days.union(days)
        row = flywheel.figures(twice, user_days.figures(twice, interval))
        broken = user_days.verdicts(row, days.drop("carts").schema(), columns, 3)
        assert [v.passed for v in broken] == [False, False]
        assert "column carts is missing" in broken[0].summary
        outside = flywheel.figures(days, user_days.figures(days, flywheel.calendar.key(SECOND)))
        assert "rows on days outside the interval" in user_days.verdicts(outside, days.schema(), columns, 3)[0].summary
        features = flywheel.warehouse.read("user_features", interval)
        later = features.mutate(days_since_event=features.days_since_event - 100)
        row = flywheel.figures(later, user_features.figures(later))
        verdict = user_features.contract(row, later.schema(), flywheel.columns(user_features.TABLE))
        assert "later than the interval" in verdict.summary


def test_kinds_that_cannot_be_columns_are_refused_with_their_line(tmp_path: Path) -> None:
    for name, found in (("Carts", "lower-case"), ("sessions", "column that users have"), ("last_item", "column that")):
        project = intent_project(tmp_path, TEXT + f'\n{name} = "buy"')
        with pytest.raises(EventsError, match=found) as error, project.flywheel() as flywheel:
            _ = flywheel.events
        assert "line " in str(error.value)


def test_a_copy_of_an_event_outside_of_sessions_is_left_out_of_them_too(tmp_path: Path) -> None:
    project = intent_project(tmp_path)
    text = project.settings.events_file.read_text()
    project.settings.events_file.write_text(text.replace('event = "name"', 'event = "name"\nevent_id = "item"'))
    land_events(project, "1.parquet", ("a", "2024-01-02 10:00", "mail", "m1"), ("a", "2024-01-02 10:50", "view", "m1"))
    made(project, FIRST, tables=("event_sessions", "user_days"))
    assert project.rows("event_sessions", FIRST) == []
    (day,) = project.rows("user_days", FIRST)
    assert (day["events"], day["sessions"]) == (1, 0)


def test_the_trend_is_null_where_the_look_back_does_not_hold_the_previous_interval(
    once: Project, tmp_path: Path
) -> None:
    shutil.copytree(once.folder, tmp_path, dirs_exist_ok=True)
    for look_back, null in (("27", True), ("28", False)):
        project = Project(tmp_path, FLYWHEEL_LOOK_BACK_DAYS=look_back)
        made(project, SECOND, tables=("user_features",))
        assert {row["trend"] is None for row in project.rows("user_features", SECOND)} == {null}


@pytest.mark.parametrize("name", ["tier", "minutes", "day", "days_since_carts", "points_carts"])
def test_a_carried_column_with_a_name_of_ours_is_named_and_stops_intent_alone(name: str, tmp_path: Path) -> None:
    project = intent_project(tmp_path, TEXT.replace("last_item =", f"{name} ="))
    with project.flywheel() as flywheel:
        (problem,) = flywheel.problems()
        assert f"[carry] {name} is the name of a column that tables of users have" in problem
        assert flywheel.makeable([user_days.TABLE, user_features.TABLE]) == []
        assert flywheel.makeable(user_days.TABLE.sources[1:])


def test_personal_data_that_nothing_carries_is_refused(tmp_path: Path) -> None:
    project = intent_project(tmp_path)
    text = project.settings.events_file.read_text()
    project.settings.events_file.write_text(text.replace("[events]\n", '[events]\npersonal = ["mail"]\n'))
    with pytest.raises(EventsError, match="personal has 'mail', which"), project.flywheel() as flywheel:
        _ = flywheel.events
