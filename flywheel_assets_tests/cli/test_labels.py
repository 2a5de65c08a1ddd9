"""`flywheel labels review`, as somebody types it, and what other commands say of labels that nobody confirmed."""

import json
import shutil
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.cli.labels import _fitting, right_label
from flywheel_assets.cli.main import main
from flywheel_assets.sessions.label_review import sessions_to_review
from flywheel_assets.sessions.reviewed_labels import ReviewedLabels
from flywheel_assets_tests.cli.conftest import Type
from flywheel_assets_tests.histories import FIRST
from flywheel_assets_tests.projects import MODELS, Project

ORDER = ("Very Low Quality", "Low Quality", "Medium Quality", "High Quality")


def review(*answers: str, options: Sequence[str] = ()) -> Result:
    """The command with these answers, one per line."""
    return CliRunner().invoke(main, ["labels", "review", *options], input="".join(f"{one}\n" for one in answers))


def answers_of(project: Project) -> dict[str, tuple[str | None, str | None]]:
    found = ReviewedLabels(project.settings.labels_dir).read()
    return {} if found is None else {one: (label, no) for one, label, no in found.itertuples(index=False)}


def shown_label(project: Project, session_id: str) -> str:
    """The label that the model gave the session."""
    keys = [path.parent.name[-10:] for path in project.path("session_predictions", FIRST).parents[1].glob("*/*")]
    rows = [row for key in keys for row in project.rows("session_predictions", key)]
    return next(str(row["session_quality_label"]) for row in rows if row["session_id"] == session_id)


@pytest.mark.parametrize("answer", ["y", "YES", "high quality", "4"])
def test_the_label_that_is_shown_is_confirmed_by_yes_by_its_name_and_by_its_number(answer: str) -> None:
    assert right_label(answer, "High Quality", ORDER) == "High Quality"


@pytest.mark.parametrize("answer", ["", "n", "no", "a", "q", "0", "5", "-1", "²", "superb"])
def test_what_names_no_label_gives_none(answer: str) -> None:
    assert right_label(answer, "High Quality", ORDER) is None


@given(st.sampled_from(ORDER), st.sampled_from(ORDER))
def test_every_label_has_a_name_and_a_number_whatever_is_shown(label: str, shown: str) -> None:
    assert right_label(label.upper(), shown, ORDER) == label
    assert right_label(str(ORDER.index(label) + 1), shown, ORDER) == label


def test_labels_that_are_called_as_an_answer_are_given_by_it() -> None:
    assert right_label("n", "y", ("n", "y")) == "n"
    assert right_label("2", "1", ("2", "1")) == "2"


def test_answers_are_kept_and_what_is_skipped_is_not(copy: Project) -> None:
    every = review(*[""] * 8)
    assert every.exit_code == 0, every.output
    assert every.stdout.endswith("no answer was given\n")
    assert answers_of(copy) == {}
    sessions = [line.split()[-1] for line in every.stdout.splitlines() if line.strip()[:1].isdigit()]
    assert len(sessions) == 8

    result = review("y", "n", "", "Medium Quality", "3", "q")
    given = answers_of(copy)
    assert result.exit_code == 0, result.output
    assert set(given) == {sessions[place] for place in (0, 1, 3, 4)}
    labels = {session_id: shown_label(copy, session_id) for session_id in sessions}
    assert given[sessions[0]] == (labels[sessions[0]], None)
    assert given[sessions[1]] == (None, labels[sessions[1]])
    for place in (3, 4):
        shown = labels[sessions[place]]
        assert given[sessions[place]] == ("Medium Quality", None if shown == "Medium Quality" else shown)
    kept = sum(rejected is None for _, rejected in given.values())
    assert f"4 sessions reviewed, of which {kept} kept their label: " in result.stdout


def test_sessions_that_were_answered_are_not_shown_again(copy: Project) -> None:
    assert review(*"aaaa").exit_code == 0
    assert len(answers_of(copy)) == 8
    assert all(rejected is None for _, rejected in answers_of(copy).values())
    assert review("y").stdout == "there is no session to review: all have a label of your own\n"


def test_the_end_of_the_answers_or_an_interruption_keeps_those_before(
    copy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert review("y").exit_code == 0
    assert len(answers_of(copy)) == 1

    answers = iter(["y"])

    def interrupted(*_: object, **__: object) -> str:
        for answer in answers:
            return answer
        raise KeyboardInterrupt

    monkeypatch.setattr("click.prompt", interrupted)
    result = review()
    assert result.exit_code == 0, result.output
    assert "1 session reviewed, of which 1 kept their label" in result.stdout
    assert len(answers_of(copy)) == 2


def test_an_answer_that_is_none_is_asked_for_again_with_what_is_expected(copy: Project) -> None:
    result = review("superb", "y", "q")
    expected = "'superb' is no answer; expected y for yes, n for no, or the right label: 1 Very Low Quality, 2 Low"
    assert expected in result.stdout
    assert len(answers_of(copy)) == 1


def test_sessions_stand_below_their_label_with_the_features_that_are_not_0_in_all(copy: Project) -> None:
    output = review("", "", "", options=("--interval", FIRST, "--sessions", "2")).stdout
    assert "Medians of the sessions below" in output
    header = next(line for line in output.splitlines() if "start (UTC)" in line)
    assert header.split() == ["start", "(UTC)", "probability", "pageviews", "session"]
    assert "2024-01-20 08:00" in output
    assert max(map(len, output.splitlines())) <= 120


def test_of_many_features_those_are_shown_that_fit_the_first_ones_before_others() -> None:
    features = [f"feature_{n:02}" for n in range(30)]
    sessions = pd.DataFrame({"session_id": ["ann.1705276800"], **{name: [1.0] for name in features}, "f": [2.5]})

    assert _fitting(sessions, [*features, "f"], 120) == [*features[:5], "f"]
    assert _fitting(sessions, features, 20) == features[:1], "one at least"
    narrow = sessions.assign(feature_00=123456789.0)
    assert _fitting(narrow, ["feature_00", "f"], 64) == ["feature_00"], "11 digits and commas"


@pytest.mark.usefixtures("record_in_memory")
def test_what_does_not_fit_is_counted(copy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["pageviews", *(f"another_long_feature_{n}" for n in range(9))]
    shown = sessions_to_review

    def wide(*asked: Any) -> pd.DataFrame:
        return shown(*asked).assign(**dict.fromkeys(names[1:], 1.0))

    monkeypatch.setattr("flywheel_assets.sessions.label_review.sessions_to_review", wide)
    monkeypatch.setattr("flywheel_assets.sessions.label_review.telling_features", lambda *_: names)
    output = review(*[""] * 8).stdout
    assert "7 of 10 features are not shown; a wider window shows more" in output
    assert max(map(len, output.splitlines())) <= 120


def proposals(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The models in use learned from clusters, says their manifest."""
    models = shutil.copytree(MODELS, project.folder / "models")
    manifest = json.loads((models / "manifest.json").read_text())
    manifest["training"] |= {"from_clusters": ["sessions", "users"], "reviewed": {}}
    (models / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(models))


@pytest.mark.usefixtures("record_in_memory")
def test_a_run_a_report_and_its_page_say_that_labels_are_proposals_until_some_are_reviewed(
    copy: Project, flywheel: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = (
        "These labels are proposals made from clusters of sessions. Nobody has confirmed them: flywheel labels review."
    )
    before = flywheel("run", "--all", "--from", FIRST, "--to", FIRST)
    assert "proposals" not in before.stdout
    proposals(copy, monkeypatch)
    assert nobody in flywheel("run", "--all", "--from", FIRST, "--to", FIRST).stdout
    report = flywheel("report", "--interval", FIRST)
    assert nobody in report.stdout
    page = next((copy.settings.warehouse_dir / "reports").glob(f"*{FIRST}*.html"))
    assert page.read_text().count(nobody) == 2, "before any number, and beside the models"

    assert review("y", "n", options=("--interval", FIRST)).exit_code == 0
    reviewed = "Of 2 sessions that a person reviewed, 1 kept their label."
    assert reviewed in flywheel("report", "--interval", FIRST).stdout
    assert nobody not in page.read_text()
    assert page.read_text().count(reviewed) == 1
