"""What re-runs say that they changed, in the UI and in the warehouse."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.compilation import scorer_metadata
from flywheel_assets.registry.files import digest
from flywheel_assets.sessions.changes import SCHEMA, history
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import MODELS, TABLES, Project, materializations, metadata, sessions

ROOT = Path(__file__).parents[2]

COUNTS = ("added", "removed", "relabelled", "unchanged")


def notes(project: Project, key: str) -> list[dict[str, Any]]:
    with project.flywheel() as flywheel:
        return history(flywheel, *project.intervals(key))


def counts(note: dict[str, Any]) -> tuple[int, ...]:
    return tuple(note[kind] for kind in COUNTS)


def labels(project: Project, key: str) -> dict[str, str]:
    return {row["user_id"]: row["user_flywheel_label"] for row in project.rows("user_labels", key)}


def rerun(project: Project, key: str) -> dict[str, dict[str, Any]]:
    """The metadata of every table of the interval, made again."""
    result = project.materialize(key, *TABLES)
    assert result.success
    return {table: metadata(one) for table, one in materializations(result).items()}


def land_late(project: Project) -> None:
    """Another session of a user who has one in the interval, of a kind that changes the user's label, and a new
    user."""
    good = {"impressions": 60, "pageviews": 30, "detail_pageviews": 25, "favorites": 5, "shares": 1, "leads": 1}
    more = {"distinct_categories": 6, "distinct_items": 20}
    rows = [{"session_id": f"cy.{1709200000 + hour * 3600}", "user_id": "cy", **good, **more} for hour in range(12)]
    project.land("late.parquet", sessions(*rows, ("eve", LAST + " 05", 6)), minute=5)


def test_the_first_materialization_says_nothing_of_changes(history: Project) -> None:
    assert [notes(history, key) for key in (FIRST, GAP, AFTER_GAP, LAST)] == [[]] * 4
    assert not (history.settings.warehouse_dir / "changes").exists()


def test_a_late_file_adds_sessions_and_relabels_users(copy: Project) -> None:
    before = labels(copy, LAST)
    land_late(copy)
    said = rerun(copy, LAST)
    after = labels(copy, LAST)

    predictions, users = said["session_predictions"], said["user_labels"]
    assert before["cy"] != after["cy"]
    assert (predictions["sessions_added"], predictions["sessions_removed"]) == (13, 0)
    assert predictions["sessions_relabelled"] == 0
    assert "relabelled" not in predictions
    assert (users["users_added"], users["users_removed"], users["users_relabelled"]) == (1, 0, 1)
    assert [record.data for record in users["relabelled"].records] == [
        {"from_label": before["cy"], "to_label": after["cy"], "count": 1}
    ]
    assert predictions["seconds_comparing"] > 0
    assert users["seconds_comparing"] > 0


def test_the_warehouse_keeps_what_a_rerun_changed_and_why(copy: Project) -> None:
    before = labels(copy, LAST)
    land_late(copy)
    rerun(copy, LAST)
    users, predictions = notes(copy, LAST)

    assert (users["table_name"], predictions["table_name"]) == ("user_labels", "session_predictions")
    assert (counts(users), counts(predictions)) == ((1, 0, 1, 2), (13, 0, 0, 3))
    assert users["pairs"] == [{"from_label": before["cy"], "to_label": labels(copy, LAST)["cy"], "count": 1}]
    assert (users["because"], predictions["because"]) == ("user_distributions changed", "trimmed_sessions changed")
    assert users["changed_at"] > predictions["changed_at"]
    assert copy.table("changes", LAST).schema.equals(SCHEMA)
    assert [notes(copy, key) for key in (FIRST, GAP, AFTER_GAP)] == [[]] * 3


def test_a_file_taken_away_removes_sessions_and_users(copy: Project) -> None:
    rows = [("ann", "2024-01-15 00", 3), ("ann", "2024-01-20 08", 40)]
    copy.land("january.parquet", sessions(*rows), minute=5)
    rerun(copy, FIRST)

    assert [counts(note) for note in notes(copy, FIRST)] == [(0, 1, 0, 1), (0, 1, 0, 2)]


def test_the_newest_rerun_stands_first_and_the_others_stay(copy: Project) -> None:
    land_late(copy)
    rerun(copy, LAST)
    copy.land("late.parquet", sessions(("eve", LAST + " 05", 6)), minute=9)
    rerun(copy, LAST)

    assert [(note["table_name"], note["added"], note["removed"]) for note in notes(copy, LAST)] == [
        ("user_labels", 0, 0),
        ("session_predictions", 0, 12),
        ("user_labels", 1, 0),
        ("session_predictions", 13, 0),
    ]
    later, earlier = notes(copy, LAST)[0], notes(copy, LAST)[2]
    assert later["digest_before"] == earlier["digest_after"]


def test_the_same_generation_again_changes_nothing_and_reads_nothing(
    copy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flywheel_assets.sessions.changes.moves", lambda *_: pytest.fail("the tables were compared"))
    said = rerun(copy, LAST)

    for table, rows in (("session_predictions", "sessions"), ("user_labels", "users")):
        assert [said[table][f"{rows}_{kind}"] for kind in COUNTS[:3]] == [0, 0, 0]
    assert notes(copy, LAST) == []


def test_another_generation_of_the_same_rows_is_a_rerun_without_changes(copy: Project) -> None:
    rerun(copy.with_settings(FLYWHEEL_TRIM_QUANTILE="0.99"), LAST)

    assert [counts(note) for note in notes(copy, LAST)] == [(0, 0, 0, 3), (0, 0, 0, 3)]


@pytest.fixture
def reversed_models(tmp_path: Path) -> Path:
    """The shipped models, but that the outputs of the session model stand for the labels in reverse order."""
    import onnx

    folder = Path(shutil.copytree(MODELS, tmp_path / "models"))
    manifest = folder / "manifest.json"
    value = json.loads(manifest.read_text())
    session = value["models"]["session"]
    session |= {"version": "reversed", "labels": session["labels"][::-1]}
    manifest.write_text(json.dumps(value))
    bundle = ModelBundle.open(folder)
    network = onnx.load(folder / SESSION_MODEL.files.compiled)
    onnx.helper.set_model_props(network, scorer_metadata(bundle["session"]))
    onnx.save(network, folder / SESSION_MODEL.files.compiled)
    session["compiled"] = digest((folder / SESSION_MODEL.files.compiled).read_bytes())
    manifest.write_text(json.dumps(value))
    return folder


def test_another_model_relabels_sessions_and_is_named(copy: Project, reversed_models: Path) -> None:
    before = {row["session_id"]: row["session_quality_label"] for row in copy.rows("session_predictions", LAST)}
    said = rerun(copy.with_settings(FLYWHEEL_MODELS_DIR=str(reversed_models)), LAST)["session_predictions"]
    after = {row["session_id"]: row["session_quality_label"] for row in copy.rows("session_predictions", LAST)}
    _, note = notes(copy, LAST)

    assert counts(note) == (0, 0, 3, 0)
    assert note["because"].startswith("session model was ")
    assert note["because"].endswith(", is reversed")
    assert sum(pair["count"] for pair in note["pairs"]) == said["sessions_relabelled"] == 3
    pairs = {(record.data["from_label"], record.data["to_label"]) for record in said["relabelled"].records}
    assert pairs == {(before[session], after[session]) for session in before}


def killed_at_the_replacement(project: Project, key: str) -> None:
    """Runs the interval in a process that dies after session_predictions was compared, before it is replaced."""
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom flywheel_assets.sessions import changes\n"
        "from flywheel_assets_tests.projects import Project\n"
        "compare = changes.Replacement.__call__\n"
        "changes.Replacement.__call__ = lambda self, staged: (compare(self, staged), os._exit(9))\n"
        "Project(Path(sys.argv[1])).run(sys.argv[2])\n"
    )
    command = [sys.executable, "-c", code, str(project.folder), key]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr


def test_a_kill_between_comparison_and_replacement_leaves_table_and_changes_as_they_were(copy: Project) -> None:
    land_late(copy)
    before = {table: copy.path(table, LAST).read_bytes() for table in ("session_predictions", "user_labels")}
    killed_at_the_replacement(copy, LAST)

    assert copy.path("changes", LAST).is_file(), "the note was there before the replacement"
    assert {table: copy.path(table, LAST).read_bytes() for table in before} == before
    assert notes(copy, LAST) == []

    rerun(copy, LAST)
    assert [counts(note) for note in notes(copy, LAST)] == [(1, 0, 1, 2), (13, 0, 0, 3)]
    assert copy.table("changes", LAST).num_rows == 2, "what did not happen is not kept"


@pytest.mark.parametrize("damage", ["footer", "pages"])
def test_a_table_that_cannot_be_read_is_made_anew_and_not_compared(copy: Project, damage: str) -> None:
    land_late(copy)
    path = copy.path("session_predictions", LAST)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] if damage == "footer" else b"PAR1" + b"\xff" * 1000 + whole[1004:])
    said = rerun(copy, LAST)["session_predictions"]
    note = notes(copy, LAST)[1]

    assert "sessions_added" not in said
    assert counts(note) == (None,) * 4
    assert "not compared: " in note["because"]
    assert copy.table("session_predictions", LAST).num_rows == 16


def test_changes_are_dated_by_the_clock_of_the_flywheel(copy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    now = Flywheel.now(None)  # type: ignore[arg-type]
    monkeypatch.setattr(Flywheel, "now", lambda _: now)
    land_late(copy)
    rerun(copy, LAST)

    assert [note["changed_at"] for note in notes(copy, LAST)] == [now, now]
