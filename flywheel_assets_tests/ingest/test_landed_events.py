"""Which intervals late events change: their own, and those whose sessions they extend, split or join."""

from pathlib import Path

import pytest

from flywheel_assets.errors import FlywheelError
from flywheel_assets_tests.ingest.projects import events_project, land_events, mapping_text, unix
from flywheel_assets_tests.projects import Project, checks

FIRST, SECOND, THIRD = "2024-01-01", "2024-01-15", "2024-01-29"

LANDED, CROSSING = "late.parquet landed", "a session that crosses its {} changed"

BEFORE = [
    ("anna", "2024-01-14 23:50", "view", "a"),  # with the next one session that crosses the boundary
    ("anna", "2024-01-15 00:10", "view", "b"),
    ("ben", "2024-01-14 23:30", "view", "a"),  # two sessions, 40 minutes apart
    ("ben", "2024-01-15 00:10", "buy", "a"),
    ("cleo", "2024-01-10 12:00", "view", "a"),
    ("cleo", "2024-01-20 12:00", "view", "a"),
    ("dora", "2024-02-05 12:00", "buy", "a"),
]


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = events_project(tmp_path_factory.mktemp("events"))
    land_events(project, "2024.parquet", *BEFORE)
    for key in (FIRST, SECOND, THIRD):
        assert project.materialize(key, "event_sessions").success
    return project


@pytest.fixture
def project(made_once: Project, tmp_path: Path) -> Project:
    return made_once.copied_to(tmp_path)


def news(project: Project) -> dict[str, str]:
    """By key of the intervals that have news."""
    with project.flywheel() as flywheel:
        found = {i.key: flywheel.events.news(i) for i in project.intervals(FIRST, SECOND, THIRD)}
    return {key: why for key, why in found.items() if why}


def sessions(project: Project, key: str) -> dict[str, int]:
    """Events by session."""
    return {row["session_id"]: row["events"] for row in project.rows("event_sessions", key)}


def test_a_session_belongs_to_the_interval_of_its_first_event(made_once: Project) -> None:
    crossing, second = f"anna.{unix('2024-01-14 23:50')}", f"ben.{unix('2024-01-15 00:10')}"

    assert sessions(made_once, FIRST)[crossing] == 2
    assert set(sessions(made_once, SECOND)) == {second, f"cleo.{unix('2024-01-20 12:00')}"}
    assert news(made_once) == {}


@pytest.mark.parametrize(
    ("late", "changed"),
    [
        pytest.param(("cleo", "2024-01-10 12:05", "view"), {FIRST: LANDED}, id="within one interval"),
        pytest.param(("cleo", "2024-01-15 00:20", "view"), {SECOND: LANDED}, id="near a boundary"),
        pytest.param(
            ("anna", "2024-01-15 00:20", "view"),
            {FIRST: CROSSING.format("end"), SECOND: f"{LANDED} and {CROSSING.format('start')}"},
            id="it extends a session of the interval before",
        ),
        pytest.param(
            ("ben", "2024-01-14 23:50", "view"),
            {FIRST: f"{LANDED} and {CROSSING.format('end')}", SECOND: CROSSING.format("start")},
            id="it joins a session to one of the interval before",
        ),
        pytest.param(("anna", "2024-01-14 23:40", "view"), {FIRST: LANDED}, id="it begins that session"),
    ],
)  # fmt: skip
def test_a_late_event_changes_its_interval_and_those_whose_sessions_it_changes(
    project: Project, late: tuple[str, str, str], changed: dict[str, str]
) -> None:
    land_events(project, "late.parquet", late, minute=1)

    assert news(project) == changed


def test_what_late_events_changed_is_what_a_run_of_all_files_at_once_gives(project: Project, tmp_path: Path) -> None:
    late = [("anna", "2024-01-15 00:20", "view"), ("ben", "2024-01-14 23:50", "view")]
    late += [("bot", f"2024-01-{14 + n // 72} {n % 72 // 3:02}:{n % 3 * 20:02}", "view") for n in range(36, 180)]
    land_events(project, "late.parquet", *late, minute=1)
    at_once = events_project(tmp_path / "other")
    land_events(at_once, "all.parquet", *late, *BEFORE)
    for key in reversed(news(project)):
        assert project.materialize(key, "event_sessions").success
    for key in (THIRD, FIRST, SECOND):
        at_once.materialize(key, "event_sessions")
        assert sessions(project, key) == sessions(at_once, key)
    assert sorted(n for id, n in sessions(project, SECOND).items() if id.startswith("bot")) == [36, 72]


def test_events_that_are_taken_away_are_not_lost_until_somebody_gives_them_up(project: Project) -> None:
    (project.settings.events_dir / "2024.parquet").unlink()
    failed = project.materialize(FIRST, "event_sessions")

    assert news(project) == {}
    assert not failed.success
    assert "2024.parquet had events of interval 2024-01-01 and is gone" in str(failed.all_events)
    assert sessions(project, FIRST)


def test_events_of_the_next_interval_that_are_taken_away_leave_the_session_that_crosses_as_it_is(
    tmp_path: Path,
) -> None:
    project = events_project(tmp_path)
    land_events(project, "before.parquet", ("anna", "2024-01-14 23:50", "view"))
    land_events(project, "after.parquet", ("anna", "2024-01-15 00:10", "view"), ("ben", "2024-01-16 00:10", "view"))
    for key in (FIRST, SECOND):
        assert project.materialize(key, "event_sessions").success
    (project.settings.events_dir / "after.parquet").unlink()

    assert news(project) == {}
    assert not project.materialize(FIRST, "event_sessions").success
    assert list(sessions(project, FIRST).values()) == [2]


def test_a_late_event_that_makes_another_a_copy_changes_the_interval_of_that(tmp_path: Path) -> None:
    columns = {"user": "user", "time": "time", "event": "name", "event_id": "item"}
    project = events_project(tmp_path, mapping_text(columns, 'deduplicate = "event_id"'))
    land_events(
        project, "one.parquet", ("anna", "2024-01-10 12:00", "view", "1"), ("anna", "2024-01-15 12:00", "view", "7")
    )
    for key in (FIRST, SECOND):
        assert project.materialize(key, "event_sessions").success
    land_events(project, "late.parquet", ("anna", "2024-01-14 20:00", "view", "7"), minute=1)

    assert set(news(project)) == {FIRST, SECOND}
    for key in (FIRST, SECOND):
        assert project.materialize(key, "event_sessions").success
    assert [len(sessions(project, key)) for key in (FIRST, SECOND)] == [2, 0]
    assert news(project) == {}


def test_another_mapping_is_no_news_and_makes_the_sessions_stale_and_says_so(project: Project) -> None:
    text = mapping_text().replace('["buy", "ask*"]', '"buy"')
    project.settings.events_file.write_text(text + '[carry]\nfirst_item = { first = "item" }')
    assert news(project) == {}
    with project.flywheel() as flywheel:
        table = next(table for table in flywheel.spine if table.name == "event_sessions")
        why = flywheel.lineage.stale_because(table, *project.intervals(FIRST))

    assert "mapping of events" in why


def test_checks_tell_of_events_without_a_feature_and_of_bots(tmp_path: Path) -> None:
    project = events_project(tmp_path, mapping_text(options='ignore = ["scroll"]'))
    steady = [("bot", f"2024-01-0{2 + n // 96} {n % 96 // 4:02}:{n % 4 * 15:02}", "view", None) for n in range(200)]
    others = [("anna", "2024-01-02 10:00", name) for name in ("view", "scroll", "wave", "wave", "ask me")]
    land_events(project, "one.parquet", *steady, *others)
    found = checks(project.materialize(FIRST, "event_sessions"), "event_sessions")

    assert "2 events make no feature: 'wave' (2)" in found["unmapped_events"].description
    assert "1 user was active for over 24 hours" in found["likely_bots"].description
    assert found["contract"].passed
    assert project.rows("event_sessions", FIRST)[0]["likely_bot"] in (True, False)


def test_without_an_events_toml_there_is_no_such_table(tmp_path: Path) -> None:
    project = Project(tmp_path)
    with project.flywheel() as flywheel:
        assert "event_sessions" not in {table.name for table in flywheel.spine}
    assert "event_sessions" not in {key.to_user_string() for key in project.definitions.resolve_all_asset_keys()}


def test_a_mapping_of_a_feature_that_is_not_there_names_the_line(tmp_path: Path) -> None:
    project = events_project(tmp_path, mapping_text(extra='[features.wishes]\ncount = "wish"'))
    said = r"line \d+: \[features.wishes\] is no feature"
    with project.flywheel() as flywheel, pytest.raises(FlywheelError, match=said):
        _ = flywheel.events


@pytest.mark.parametrize("name", ["Interval", "Pageviews", "timestamp_mst", "_file", "session_quality_label", "Events"])
def test_a_carried_value_may_not_have_the_name_of_another_column(name: str, tmp_path: Path) -> None:
    project = events_project(tmp_path, mapping_text(extra=f'[carry]\n{name} = {{ first = "item" }}'))
    with project.flywheel() as flywheel, pytest.raises(FlywheelError, match="a column that sessions have already"):
        _ = flywheel.events
