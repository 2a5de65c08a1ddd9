"""The answers of a review in their file, and what is said of labels that clusters proposed."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.errors import LabelError
from flywheel_assets.sessions.reviewed_labels import (
    Answer,
    ProposedLabels,
    ReviewedLabels,
    proposed_in,
    proposed_labels,
)
from flywheel_assets_tests.projects import MODELS, Project
from flywheel_assets_tests.variants import write_candidate

NOBODY = "These labels are proposals made from clusters of sessions. Nobody has confirmed them: flywheel labels review."


def answers_in(folder: Path) -> list[list[str | None]]:
    found = ReviewedLabels(folder).read()
    assert found is not None
    return found.to_numpy().tolist()  # type: ignore[no-any-return]


def with_training(project: Project, **training: object) -> Project:
    """The project with the shipped models, whose manifest says this of their training."""
    models = shutil.copytree(MODELS, project.folder / "models")
    manifest = json.loads((models / "manifest.json").read_text())
    (models / "manifest.json").write_text(json.dumps({**manifest, "training": {**manifest["training"], **training}}))
    return Project(project.folder, FLYWHEEL_MODELS_DIR=str(models))


def test_a_yes_keeps_the_label_another_label_and_a_no_reject_the_one_that_was_shown(tmp_path: Path) -> None:
    ReviewedLabels(tmp_path).add(
        [Answer.of("a", "High", "High"), Answer.of("b", "High", "Low"), Answer.of("c", "High", None)]
    )
    assert answers_in(tmp_path) == [["a", "High", None], ["b", "Low", "High"], ["c", None, "High"]]
    assert [path.name for path in (tmp_path / "sessions").glob("*.parquet")] == ["reviewed.parquet"]


def test_a_later_answer_replaces_the_earlier_one_of_its_session_alone(tmp_path: Path) -> None:
    reviewed = ReviewedLabels(tmp_path)
    reviewed.add([Answer.of("a", "High", "Low"), Answer.of("b", "High", "High")])
    reviewed.add([Answer.of("a", "High", "High")])
    assert answers_in(tmp_path) == [["a", "High", None], ["b", "High", None]]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["Low", "High", None])), min_size=1))
def test_answers_given_one_by_one_are_those_given_at_once(
    tmp_path_factory: pytest.TempPathFactory, given: list[tuple[str, str | None]]
) -> None:
    one_by_one, at_once = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("once")
    answers = [Answer.of(session_id, "High", label) for session_id, label in given]
    for answer in answers:
        ReviewedLabels(one_by_one).add([answer])
    ReviewedLabels(at_once).add(answers)
    assert answers_in(one_by_one) == answers_in(at_once)


def test_without_answers_there_is_no_file(tmp_path: Path) -> None:
    assert ReviewedLabels(tmp_path).read() is None


def test_a_file_of_another_form_is_an_error_that_says_what_to_do_and_stays(tmp_path: Path) -> None:
    path = ReviewedLabels(tmp_path).path
    path.parent.mkdir()
    pd.DataFrame({"session_id": ["a"], "session_quality_label": ["High"]}).to_parquet(path)
    with pytest.raises(LabelError, match=r"reviewed\.parquet .*rejected_label: remove it, and review again"):
        ReviewedLabels(tmp_path).add([Answer.of("b", "High", "High")])
    path.write_text("nothing of the kind")
    with pytest.raises(LabelError, match=r"reviewed\.parquet cannot be read as reviewed labels"):
        ReviewedLabels(tmp_path).read()


@pytest.mark.parametrize(
    ("reviewed", "kept", "says"),
    [
        (0, 0, NOBODY),
        (1, 1, f"{NOBODY[:58]} Of 1 session that a person reviewed, 1 kept its label."),
        (40, 31, f"{NOBODY[:58]} Of 40 sessions that a person reviewed, 31 kept their label."),
    ],
)
def test_proposals_are_said_to_be_proposals(reviewed: int, kept: int, says: str) -> None:
    assert ProposedLabels(reviewed, kept).sentence == says


def test_a_manifest_says_whether_the_labels_follow_from_clusters_and_how_many_a_person_reviewed() -> None:
    reviewed = {"sessions": {"confirmed": 31, "changed": 7, "left_out": 2}}
    assert proposed_in({"from_clusters": ["sessions", "users"], "reviewed": reviewed}) == ProposedLabels(40, 31)
    assert proposed_in({"from_clusters": ["sessions"], "reviewed": {}}) == ProposedLabels(0, 0)
    assert proposed_in({"from_clusters": ["users"], "source": "sessions: a team's own labels"}) is None
    assert proposed_in({}) is None, "adopted"


def test_an_earlier_manifest_says_so_by_its_source() -> None:
    by_clusters = "sessions: segments 7574193fb99d0074, 9 clusters, by segment_labels.toml; users: a team's own"
    assert proposed_in({"source": by_clusters}) == ProposedLabels(0, 0)
    assert proposed_in({"source": "sessions: the labels in mine.parquet; users: the users' in mine.parquet"}) is None


def test_answers_at_hand_count_before_those_of_the_training(project: Project) -> None:
    reviewed = {"sessions": {"confirmed": 2, "changed": 1}}
    models = with_training(project, from_clusters=["sessions"], reviewed=reviewed)
    with models.flywheel() as flywheel:
        assert proposed_labels(flywheel) == ProposedLabels(3, 2)
        answers = [Answer.of(f"s{n}", "High", "High" if n else None) for n in range(5)]
        ReviewedLabels(models.settings.labels_dir).add(answers)
        assert proposed_labels(flywheel) == ProposedLabels(5, 4)
        ReviewedLabels(models.settings.labels_dir).path.write_text("broken")
        assert proposed_labels(flywheel) == ProposedLabels(3, 2), "a run needs no answers"


def test_labels_of_the_shipped_models_are_no_proposals_even_where_some_were_reviewed(project: Project) -> None:
    ReviewedLabels(project.settings.labels_dir).add([Answer.of("a", "High", "High")])
    with project.flywheel() as flywheel:
        assert proposed_labels(flywheel) is None


def test_each_version_speaks_for_itself_and_one_that_is_gone_says_nothing(project: Project) -> None:
    models = with_training(project, from_clusters=["sessions"])
    archive = models.settings.models_dir / "archive"
    other = write_candidate(models.settings.models_dir, "other")
    shutil.copytree(other.directory, archive / other.version)
    with models.flywheel() as flywheel:
        assert proposed_labels(flywheel, flywheel.models["session"].version) == ProposedLabels(0, 0)
        assert proposed_labels(flywheel, other["session"].version) is None
        assert proposed_labels(flywheel, "ffffffffffff") is None
