"""Experiments on a project with events: assigned once, read out every interval, and refused where they contradict."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intent import experiment_assignment
from flywheel_assets.intent.assets import TABLES
from flywheel_assets.intent.experiment_cohorts import status, under_way
from flywheel_assets.intent.experiment_enrollment import Enrollment, enrollment, late, refusals
from flywheel_assets.simulation.world import FEATURES
from flywheel_assets_tests.ingest.projects import events_project, land_events
from flywheel_assets_tests.intent.experiment_projects import (
    EXPERIMENTS,
    FIRST,
    INTENT,
    KEYS,
    LATER,
    MAPPING,
    PEOPLE,
    PRICING,
    RULES,
    SECOND,
    THIRD,
    project_in,
    run,
)
from flywheel_assets_tests.projects import Project


def rows(project: Project, table: str, key: str) -> list[dict[str, Any]]:
    with project.flywheel() as flywheel:
        return flywheel.engine.collect(flywheel.warehouse.read(table, flywheel.interval(key))).to_pylist()


def enrolled(project: Project, key: str) -> Enrollment:
    """What experiment_assignment is to hold by the file of now, from scores that are there."""
    with project.flywheel() as flywheel:
        return enrollment(flywheel, flywheel.interval(key))


def keep(project: Project, *keys: str) -> None:
    """Put what is to be held into the table, as its asset does."""
    for key in keys:
        with project.flywheel() as flywheel:
            interval, table = flywheel.interval(key), experiment_assignment.TABLE
            made = enrollment(flywheel, interval)
            rows = pa.concat_tables(made.rows.values()) if made.rows else table.schema.empty_table()
            generation = flywheel.lineage.generation(table, interval)
            flywheel.warehouse.keep(table.name, interval, rows, generation, made.notes)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = project_in(tmp_path_factory.mktemp("experiments"))
    assert [one.failure for one in run(project, *KEYS)] == [""] * 3
    return project


@pytest.fixture
def copied(done: Project, tmp_path: Path) -> Project:
    return done.copied_to(tmp_path)


def test_users_are_assigned_in_one_interval_and_read_out_in_each_after_it(done: Project) -> None:
    assigned = rows(done, "experiment_assignment", FIRST)
    assert {row["user_id"] for row in assigned} == set(PEOPLE)
    assert Counter(row["arm"] for row in assigned) == {"control": 40, "email": 40, "hold_out": 20}
    assert {row["stratum_tier"] for row in assigned} == {"High", "Low"}
    assert "Absent" not in {row["stratum_label"] for row in assigned}
    assert rows(done, "experiment_assignment", SECOND) == []
    assert rows(done, "experiment_readout", FIRST) == []
    arm = {row["user_id"]: row["arm"] for row in assigned}
    bought = Counter(arm[user] for i, user in enumerate(PEOPLE) if i % 3 == 0)
    for key, look in ((SECOND, 1), (THIRD, 2)):
        found = {row["arm"]: row for row in rows(done, "experiment_readout", key) if row["measure"] == "conversion"}
        assert {name: row["counted"] for name, row in found.items()} == dict(bought)
        assert {(row["look"], row["looks"]) for row in found.values()} == {(look, 2)}
        assert found["email"]["verdict"] == ("not yet" if key == SECOND else "no difference shown")
        labels = [row for row in rows(done, "experiment_readout", key) if row["measure"] == "label move"]
        assert sum(row["counted"] for row in labels) == len(PEOPLE)


def test_all_checks_pass_and_say_what_they_saw(done: Project) -> None:
    project = done
    (again,) = run(project, SECOND, tables=EXPERIMENTS)
    (first,) = run(project, FIRST, tables=EXPERIMENTS)
    checks = {(c.table, c.check): c for c in (*first.checks, *again.checks) if c.table in EXPERIMENTS}
    assert {check for (table, check) in checks if table == EXPERIMENTS[0]} == {
        "contract", "defined", "in_time", "sample_ratio", "every_arm", "exclusive", "balance"
    }  # fmt: skip
    assert {c.check: c.state for c in first.checks if c.state != "passed"}.keys() <= {"balance", "in_time"}


def test_users_go_to_a_spreadsheet_with_nothing_that_it_would_run(done: Project) -> None:
    csv = done.settings.warehouse_dir / "csv" / f"experiment_assignment_{FIRST}.csv"
    users = pacsv.read_csv(csv, parse_options=pacsv.ParseOptions(newlines_in_values=True))["user_id"].to_pylist()
    assert sorted(users) == sorted("'=1+1" if user == "=1+1" else user for user in PEOPLE)


def test_who_is_assigned_stays_assigned_whatever_lands_later_or_leaves_the_file(copied: Project) -> None:
    before = rows(copied, "experiment_assignment", FIRST)
    land_events(copied, "late.parquet", ("late", "2024-01-21 10:00", "view"), ("u001", "2024-01-21 10:00", "view"))
    tables = ("event_sessions", "landed_sessions", *INTENT)
    assert [one.failure for one in run(copied, FIRST, tables=tables)] == [""]
    assert "late" in {row["user_id"] for row in rows(copied, "intent_scores", FIRST)}
    assert rows(copied, "experiment_assignment", FIRST) == before
    copied.settings.experiments_file.write_text("")
    assert enrolled(copied, FIRST).rows["pricing"].to_pylist() == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "email = 0.5",
            "mail = 0.5",
            "with shares control 0.4, email 0.4, hold_out 0.2, and the file now says control",
        ),
        ("hold_out = 0.2", "hold_out = 0.1", "and the file now says control 0.45, email 0.45, hold_out 0.1"),
        (THIRD, "2024-02-26", "with until 2024-02-12, and the file now says 2024-02-26"),
    ],
)
def test_a_name_that_was_used_before_with_something_else_is_refused(
    copied: Project, old: str, new: str, message: str
) -> None:
    copied.settings.experiments_file.write_text(PRICING.replace(old, new))
    made = enrolled(copied, FIRST)
    reason = made.refused["pricing"]
    assert f"{copied.settings.experiments_file}, line 2: [pricing] was used before: " in reason
    assert message in reason
    assert reason.endswith("put that back, or give the new experiment another name")
    assert made.rows["pricing"].to_pylist() == rows(copied, "experiment_assignment", FIRST)


def test_a_name_cannot_move_to_another_interval(copied: Project) -> None:
    copied.settings.experiments_file.write_text(PRICING.replace(f'assign = "{FIRST}"', f'assign = "{SECOND}"'))
    made = enrolled(copied, SECOND)
    assert f"with assign {FIRST}, and the file now says {SECOND}" in made.refused["pricing"]
    assert made.rows == {}


def test_users_in_two_exclusive_experiments_are_refused_until_they_are_left_out(copied: Project) -> None:
    copied.settings.experiments_file.write_text(PRICING + LATER)
    reason = enrolled(copied, SECOND).refused["later"]
    assert (
        f"line 9: [later] has 100 users who are in pricing too (such as {min(PEOPLE)!r}); both are exclusive, as "
        in reason
    )
    assert reason.endswith(f'runs until {THIRD}; to leave these users out: leave_out = ["pricing"]')
    only_high = PRICING.replace("[pricing]", "[high]").replace("e-mail", "banner") + 'tiers = "High"\n'
    rest = LATER.replace("e-mail", "banner") + 'leave_out = ["high"]\n'
    copied.settings.experiments_file.write_text(PRICING + only_high + rest)
    keep(copied, FIRST)
    made = enrolled(copied, SECOND)
    assert made.refused == {}
    high = {row["user_id"] for row in rows(copied, "experiment_assignment", FIRST) if row["experiment"] == "high"}
    assert set(made.rows["later"]["user_id"].to_pylist()) == set(PEOPLE) - high


def test_an_exclusive_experiment_that_is_not_assigned_yet_stands_in_nobody_s_way(copied: Project) -> None:
    other = LATER.replace("[later]", "[other]").replace("e-mail", "banner")
    early = PRICING.replace("[pricing]", "[early]").replace("e-mail", "banner")
    copied.settings.experiments_file.write_text(PRICING + other + early)
    assert enrolled(copied, FIRST).refused == {}
    copied.settings.experiments_file.write_text(PRICING + other)
    keep(copied, SECOND)
    copied.settings.experiments_file.write_text(PRICING + other + early)
    reason = enrolled(copied, FIRST).refused["early"]
    assert reason.endswith(f'out: assign in {SECOND} or later, and leave_out = ["other"]')


def test_of_two_that_begin_together_the_one_that_leaves_out_the_other_gets_the_rest(copied: Project) -> None:
    zeta, rest = (PRICING.replace("pricing", name).replace("e-mail", "banner") for name in ("zeta", "all"))
    copied.settings.experiments_file.write_text(PRICING + rest + 'leave_out = "zeta"\n' + zeta + 'tiers = "High"\n')
    made = enrolled(copied, FIRST).rows
    assert {name: set(made[name]["stratum_tier"].to_pylist()) for name in ("zeta", "all")} == {
        "zeta": {"High"},
        "all": {"Low"},
    }


def test_who_is_left_out_must_be_assigned_first(copied: Project) -> None:
    earlier = PRICING.replace("[pricing]", "[earlier]").replace("e-mail", "banner")
    later = LATER.replace("e-mail", "banner") + 'leave_out = ["earlier"]\n'
    copied.settings.experiments_file.write_text(PRICING + earlier + later)
    keep(copied, SECOND)
    with copied.flywheel() as flywheel:
        assert (
            "needs the users of earlier, who are not assigned yet; flywheel experiment show earlier says why"
            in (refusals(flywheel, flywheel.interval(SECOND))["later"])
        )
    keep(copied, FIRST)  # which has the refused one tried again
    with copied.flywheel() as flywheel:
        reason = flywheel.lineage.stale_because(experiment_assignment.TABLE, flywheel.interval(SECOND))
        assert reason.startswith("earlier assignments was ")
    made = enrolled(copied, SECOND)
    assert (made.refused, len(made.rows["later"])) == ({}, 0)


def test_a_wrong_experiment_is_named_and_stops_no_other(copied: Project) -> None:
    file, good = copied.settings.experiments_file, LATER.replace("[later]", "[good]").replace("e-mail", "banner")
    waits = good.replace("[good]", "[waits]").replace("banner", "other") + 'leave_out = "later"\n'
    file.write_text(PRICING + LATER + good + waits)
    (second, third) = run(copied, SECOND, THIRD, tables=EXPERIMENTS)
    assert (second.failure, third.failure) == ("", "")
    (check,) = [c for c in second.checks if c.check == "defined"]
    assert check.state == "failed"
    assert f"{file}, line 9: [later] has 100 users who are in pricing too" in check.summary
    assert "[waits] needs the users of later, who are not assigned yet" in check.summary
    assert {row["experiment"] for row in rows(copied, "experiment_assignment", SECOND)} == {"good"}
    assert {row["experiment"] for row in rows(copied, "experiment_readout", THIRD)} == {"pricing", "good"}
    with copied.flywheel() as flywheel:
        assert "line 9: [later] has 100 users" in status(flywheel, flywheel.intent.experiments["later"])
    file.write_text(PRICING.replace("0.2", "0.1") + good)
    with copied.flywheel() as flywheel:  # though no table says so yet
        assert [one.name for one in under_way(flywheel, flywheel.interval(THIRD))] == ["good"]


def test_users_assigned_after_the_first_look_had_ended_are_warned_of(
    copied: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warning(day: int) -> str:
        monkeypatch.setattr(Flywheel, "now", lambda _: datetime(2024, 2, day, tzinfo=UTC))
        with copied.flywheel() as flywheel:
            flywheel.warehouse.remove("experiment_assignment", flywheel.interval(FIRST))
        keep(copied, FIRST)
        monkeypatch.setattr(Flywheel, "now", lambda _: datetime(2024, 5, 1, tzinfo=UTC))
        keep(copied, FIRST)  # made again, it keeps the day of the first assignment
        with copied.flywheel() as flywheel:
            return experiment_assignment.in_time(late(flywheel, flywheel.interval(FIRST))).summary

    assert warning(11) == "users were assigned in time"
    assert warning(12) == (
        "pricing: its users were assigned on 2024-02-12, after its first look had ended (2024-01-29 - 2024-02-11): "
        "outcomes from before the assignment are counted, which no arm can have caused"
    )


def test_an_interval_that_is_open_is_neither_assigned_nor_read_out(
    copied: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Flywheel, "now", lambda _: datetime(2024, 2, 20, tzinfo=UTC))
    copied.settings.experiments_file.write_text(
        PRICING + LATER.replace(SECOND, THIRD).replace(f'until = "{THIRD}"', 'until = "2024-02-26"')
    )
    assert [one.failure for one in run(copied, THIRD, tables=EXPERIMENTS)] == [""]
    assert rows(copied, "experiment_readout", THIRD) == []
    assert rows(copied, "experiment_assignment", THIRD) == []
    monkeypatch.undo()
    with copied.flywheel() as flywheel:
        for name in EXPERIMENTS:
            table = next(table for table in TABLES if table.name == name)
            assert "interval was open, is closed" in flywheel.lineage.stale_because(table, flywheel.interval(THIRD))


def test_an_experiment_makes_only_its_own_intervals_stale(copied: Project) -> None:
    assignment, readout = (next(table for table in TABLES if table.name == name) for name in EXPERIMENTS)

    def stale() -> set[tuple[str, str]]:
        with copied.flywheel() as flywheel:
            return {
                (table.name, key)
                for table in (assignment, readout)
                for key in KEYS
                if flywheel.lineage.stale_because(table, flywheel.interval(key))
            }

    assert stale() == set()
    copied.settings.experiments_file.write_text(PRICING + LATER + 'leave_out = "pricing"\n')
    assert stale() == {(assignment.name, SECOND), (readout.name, THIRD)}


def test_a_readout_is_stale_where_labels_are_new(copied: Project) -> None:
    readout = next(table for table in TABLES if table.name == "experiment_readout")
    with copied.flywheel() as flywheel:
        interval = flywheel.interval(SECOND)
        assert flywheel.lineage.stale_because(readout, interval) == ""
        flywheel.warehouse.remove("user_labels", interval)
        assert flywheel.lineage.stale_because(readout, interval) == "user_labels changed"


def test_a_project_without_experiments_has_no_tables_of_them(tmp_path: Path) -> None:
    project = events_project(tmp_path, MAPPING)
    project.settings.intent_file.write_text(RULES)
    assert not [table for table in TABLES if table.name in EXPERIMENTS and table.used(project.settings)]


def test_without_a_model_there_are_no_labels_and_all_the_rest(tmp_path: Path) -> None:
    project = project_in(tmp_path).with_settings(FLYWHEEL_MODELS_DIR=str(tmp_path / "none"))
    features = "".join(f'[features.{name}]\nkind = "count"\n' for name in FEATURES)
    project.settings.features_file.write_text(features)
    tables = ("event_sessions", "landed_sessions", *INTENT)
    assert [one.failure for one in run(project, FIRST, SECOND, tables=tables)] == [""] * 2
    assert {row["stratum_label"] for row in rows(project, "experiment_assignment", FIRST)} == {"Absent"}
    assert {row["measure"] for row in rows(project, "experiment_readout", SECOND)} == {"conversion"}


def test_a_broken_file_of_experiments_leaves_everything_else_alone_and_is_named(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    file = project.settings.experiments_file
    file.write_text(file.read_text().replace("0.5", "0.4", 1))
    with project.flywheel() as flywheel:
        (problem,) = flywheel.problems()
        assert "experiments.toml, line " in problem
        tables = [experiment_assignment.TABLE, *experiment_assignment.TABLE.sources]
        assert experiment_assignment.TABLE not in flywheel.makeable(tables)
        assert flywheel.makeable(experiment_assignment.TABLE.sources)
