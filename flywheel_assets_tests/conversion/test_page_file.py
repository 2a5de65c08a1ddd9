"""From the tables of conversion to the page: what it says of them, when it is stale, and how it is linked."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flywheel_assets.conversion.page_file import PAGES, content_of, is_stale
from flywheel_assets.orchestration.jobs import REPORTS_JOB
from flywheel_assets.report.pages import INDEX
from flywheel_assets.training.classifier.page import sections
from flywheel_assets.training.classifier.page_content import ClassifierPage
from flywheel_assets.training.classifier.page_ledger import calibrated, drift
from flywheel_assets.training.classifier.page_verdict import beside_rule, next_step, verdict
from flywheel_assets_tests.conversion.projects import AFTER_TWO
from flywheel_assets_tests.conversion.test_conversion_predictions import KEYS
from flywheel_assets_tests.projects import Project

JUDGED = KEYS[2]


def page_of(project: Project, key: str = JUDGED) -> str:
    assert project.materialize(key, "conversion_page", job=REPORTS_JOB).success
    with project.flywheel() as flywheel:
        return PAGES.of(flywheel).path(*project.intervals(key)).read_text()


def content(project: Project, key: str = JUDGED) -> ClassifierPage:
    with project.flywheel() as flywheel:
        return content_of(flywheel, *project.intervals(key))


def stale(project: Project, key: str = JUDGED) -> bool:
    with project.flywheel() as flywheel:
        return is_stale(flywheel, *project.intervals(key))


@pytest.fixture(scope="module")
def judged(trained: Project) -> ClassifierPage:
    return content(trained)


def test_the_sessions_of_the_highest_probability_are_there_with_reasons_and_outcomes(
    trained: Project, judged: ClassifierPage
) -> None:
    outcomes = {row["session_id"]: row["converted"] for row in trained.rows("conversion_dataset", JUDGED)}
    predictions = trained.rows("conversion_predictions", JUDGED)
    highest = sorted(predictions, key=lambda row: (-row["probability"], row["session_id"]))[:20]
    assert [one.name for one in judged.highest] == [row["session_id"] for row in highest]
    assert [one.outcome for one in judged.highest] == [outcomes[row["session_id"]] for row in highest]
    reasons = judged.highest[0].reasons
    assert reasons
    assert reasons.sentences(1)[0].startswith("Carts so far: 1, raises the odds")  # who sees a cart buys


def test_what_is_said_of_the_newest_judged_interval_is_its_row_of_the_ledger(
    trained: Project, judged: ClassifierPage
) -> None:
    (row,) = trained.rows("conversion_ledger", JUDGED)
    text = verdict(judged)
    assert "For each session, the probability of an event of purchases, predicted after the first 2 events." in text
    assert f"it predicted {row['mean_probability']:.1%} on average, and {row['rate']:.1%} converted" in text
    assert [one.row["predictions"] for one in judged.judgements] == [120]
    assert len(judged.reliability) == 10


def test_the_verdict_says_whether_the_model_is_better_than_one_rule(judged: ClassifierPage) -> None:
    model = judged.model
    assert model is not None
    (rule,) = (way for way in model.evaluation.differences if way.startswith("one rule"))
    said = {(0.2, 1.0): "is better", (-0.2, 1.0): "is not yet proven better", (-1.0, -0.2): "is worse"}
    for (low, high), words in said.items():
        lift = replace(model.evaluation.differences[rule]["lift at 10 %"], low=low, high=high)
        evaluation = replace(model.evaluation, differences={rule: {"lift at 10 %": lift}})
        shown = replace(model)
        shown.__dict__["evaluation"] = evaluation
        assert f"the model {words}" in beside_rule(shown)


def test_probabilities_and_their_spread_are_judged_against_chance(judged: ClassifierPage) -> None:
    row = {"ece": 0.01, "ece_noise_limit": 0.02, "mean_probability": 0.05, "rate": 0.04}
    assert calibrated(row).startswith("The probabilities agree with what came true")
    assert calibrated({**row, "ece": 0.03}).startswith("The probabilities are too high, beyond chance")
    assert calibrated({**row, "ece": 0.03, "rate": 0.06}).startswith("The probabilities are too low, beyond chance")
    moved = {"psi": 0.2, "psi_noise_limit": 0.3, "drift": "moderate"}
    assert "no more than by chance" in drift(moved)
    assert "moderate drift" in drift({**moved, "psi_noise_limit": 0.1})
    assert "stable" in drift({"psi": 0.05, "psi_noise_limit": 0.01, "drift": "stable"})
    assert "is gone" in drift({**moved, "psi": None})


def test_an_interval_that_the_model_learnt_from_says_why_it_has_no_predictions(trained: Project) -> None:
    assert "it learnt from what became of these sessions" in next_step(content(trained, KEYS[1]))


def test_without_a_model_in_use_the_newest_candidate_is_shown_with_the_command_to_promote_it(
    trained: Project, tmp_path: Path
) -> None:
    project = trained.copied_to(tmp_path)
    folder = project.settings.conversion_models_dir
    version = content(trained).model.bundle.version  # type: ignore[union-attr]
    champion = shutil.move(folder, tmp_path / "champion")
    shutil.copytree(champion, folder / "candidates" / version)
    text = page_of(project)
    assert f"flywheel conversion promote {version}" in text
    assert "What does the model rest on?" in text
    changed = AFTER_TWO.replace("events = 2", "events = 1")
    project.settings.conversion_file.write_text(changed)
    assert content(project).model is None  # it predicts something else


def test_without_any_model_the_page_says_how_to_begin(trained: Project, tmp_path: Path) -> None:
    project = trained.copied_to(tmp_path)
    shutil.rmtree(project.settings.conversion_models_dir)
    text = page_of(project)
    assert "Train a model: flywheel conversion train" in text
    assert [one.identity for one in sections(content(project))] == ["ledger"]  # that of the model that was
    assert sections(content(project, KEYS[0])) == []


def test_a_model_of_another_horizon_is_shown_and_said_to_predict_nothing(trained: Project, tmp_path: Path) -> None:
    project = trained.copied_to(tmp_path)
    project.settings.conversion_file.write_text(AFTER_TWO.replace("events = 2", "events = 1"))
    assert next_step(content(project)).startswith("The model in use predicts nothing: the model of conversion")


def test_the_curves_pass_through_the_point_where_the_model_decides(judged: ClassifierPage) -> None:
    (block,) = [
        b for s in sections(judged) if s.identity == "figures" for b in s.blocks if getattr(b, "kind", "") == "curves"
    ]
    gain, precision_recall, roc, _ = (curve for curve, _ in block.items)  # type: ignore[union-attr]
    for curve in (gain, precision_recall, roc):
        assert curve.mark is not None
        distances = np.abs(np.array(curve.points) - np.array(curve.mark)).sum(axis=1)
        assert distances.min() < 0.01


def test_the_page_is_linked_and_stale_only_when_what_it_shows_changes(trained: Project, tmp_path: Path) -> None:
    project = trained.copied_to(tmp_path)
    assert stale(project)
    text = page_of(project)
    with project.flywheel() as flywheel:
        previous, path = (PAGES.of(flywheel).path(interval) for interval in project.intervals(KEYS[1], JUDGED))
    assert f'<a href="{path.name}">Which sessions convert</a>' in (path.parent / INDEX).read_text()
    assert f'<a href="{INDEX}">' in text
    assert f'<a href="{previous.name}">' in text
    assert not stale(project)
    assert stale(project, KEYS[1])
    shutil.rmtree(project.path("conversion_ledger", JUDGED).parent)
    assert stale(project)
    assert "No outcomes yet" in page_of(project)
    assert not stale(project)
    project.settings.conversion_file.write_text("[conversion]\n")
    assert not stale(project)  # nor could it be made
