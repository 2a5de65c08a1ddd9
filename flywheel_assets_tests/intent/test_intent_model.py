"""The model of intent: what it may learn from, how it explains itself, and what it takes to be promoted."""

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost

from flywheel_assets.errors import ArtefactError, PromotionError, TrainingError
from flywheel_assets.intent.intent_predictions import feature_matrix, predicted
from flywheel_assets.intent.learning_rows import OTHER, directions, groups
from flywheel_assets.intent.model_candidate import IntentCandidate, train_candidate
from flywheel_assets.intent.model_comparison import (
    RULES_PROBABILITY,
    compare_on,
    objections,
    promote_model,
    remarks,
    scorer_of,
)
from flywheel_assets.intent.pooled_outcomes import MODEL, RULES
from flywheel_assets.intent.rules import Rule
from flywheel_assets.registry.booster import logistic
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.files import CARD, HOLDOUT, MANIFEST
from flywheel_assets.registry.promotion import rollback
from flywheel_assets.registry.promotions_record import Promotion, read_promotions, write_promotions
from flywheel_assets.registry.shelves import champion, promotable
from flywheel_assets.training import boosted_trees, ranking_metrics
from flywheel_assets.training.ranking_metrics import AUC
from flywheel_assets_tests.intent.outcomes import KEYS, simulated_rows
from flywheel_assets_tests.intent.rules import few

KINDS = ("pricing_visits", "demo_requests", "purchases")
RULESET = few(
    Rule("demos", "all", "demo_requests", 30.0, half_life_days=30),
    Rule("visits", "all", "pricing_visits", 10.0, 20.0),
    Rule("bought", "all", "purchases", -10.0),
)
NOW = datetime(2024, 3, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return simulated_rows(RULESET, KINDS)


def trained(folder: Path, rows: pa.Table) -> IntentCandidate:
    return train_candidate(folder, rows, RULESET, KINDS, NOW)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, rows: pa.Table) -> IntentCandidate:
    return trained(tmp_path_factory.mktemp("models"), rows)


@pytest.fixture
def models_dir(once: IntentCandidate, tmp_path: Path) -> Path:
    """A models folder of its own, with the candidate."""
    shutil.copytree(once.bundle.directory.parents[1], tmp_path, dirs_exist_ok=True)
    return tmp_path


def typed(models_dir: Path) -> Any:
    return SimpleNamespace(settings=SimpleNamespace(intent_models_dir=models_dir), now=lambda: NOW)


def test_it_finds_what_the_rules_weigh_wrongly_and_says_so_in_its_card(once: IntentCandidate) -> None:
    """Only pricing visits tell who converts, and the rules give three times as much for demo requests."""
    figures = once.comparison.figures
    assert figures[MODEL][AUC].value > figures[RULES][AUC].value + 0.05
    assert not objections(once.comparison)
    card = (once.bundle.directory / CARD).read_text()
    assert "Nothing speaks against a promotion." in card
    assert f"| model | {figures[MODEL][AUC].value:.3f} (" in card
    assert "judged on those of 2024-02-26" in card


def test_contributions_by_group_of_rules_sum_to_the_log_odds(once: IntentCandidate, rows: pa.Table) -> None:
    scorer = scorer_of(once.bundle)
    assert set(scorer.info.group_names) == {"all", OTHER}
    features = feature_matrix(rows, scorer.info.features)
    margin = scorer.booster.predict(xgboost.DMatrix(features), output_margin=True)
    expected = scorer.info.slope * margin + scorer.info.intercept
    found = scorer.contributions(features)
    assert found.sum(axis=1) == pytest.approx(expected, abs=1e-4)
    table = predicted(rows.combine_chunks().to_batches()[0], scorer)
    sums = sum(table[name].to_numpy() for name in table.schema.names if name.startswith("contribution_"))
    assert logistic(sums) == pytest.approx(table["probability"].to_numpy(), abs=1e-12)
    assert set(table["intent_model_version"].to_pylist()) == {once.bundle.version}


def test_where_rules_only_rise_more_never_lowers_a_probability(once: IntentCandidate, rows: pa.Table) -> None:
    scorer = scorer_of(once.bundle)
    features = feature_matrix(rows, scorer.info.features)[:300]
    constrained = [i for i, way in enumerate(scorer.info.directions) if way]
    assert {scorer.info.features[i] for i in constrained} == {
        "pricing_visits",
        "demo_requests",
        "purchases",
        "days_since_demo_requests",
    }
    for column in constrained:
        known = ~np.isnan(features[:, column])
        more = features[known].copy()
        more[:, column] += 3
        change = scorer.probability(more) - scorer.probability(features[known])
        assert (change * scorer.info.directions[column] >= -1e-6).all()  # SHAP values are of 32 bits


def test_features_of_rules_that_contradict_each_other_go_either_way() -> None:
    rules = few(
        Rule("more", "all", "pricing_visits", 5.0),
        Rule("less", "all", "pricing_visits", -5.0, 9.0),
        Rule("lately", "all", "active_days", 5.0, half_life_days=7),
        Rule("recent", "all", "days_since_event", 5.0, falls=True),
        Rule("country", "all", "country", values={"DE": 3.0}),
    )
    names = ("pricing_visits", "days_since_pricing_visits", "active_days", "days_since_event", "trend")
    assert directions(rules, KINDS, names) == (0, 0, 1, -1, 0)
    assert groups(rules, KINDS, names) == ("all", "all", "all", "all", OTHER)


def test_it_learns_nothing_from_the_intervals_that_it_is_judged_on(
    once: IntentCandidate, rows: pa.Table, tmp_path: Path
) -> None:
    """Other outcomes in the last interval give the same model, others before them another one."""
    info = scorer_of(once.bundle).info
    assert info.learnt_to == KEYS[2]
    assert not {"converted", "score", "probability"} & set(info.features)
    converted = rows["converted"].to_numpy().copy()
    last = rows["interval_start"].to_numpy() == KEYS[3]
    place = rows.column_names.index("converted")
    for changed, same in ((last, True), (~last, False)):
        other = np.where(changed, np.roll(converted, 1), converted)
        again = trained(tmp_path / str(same), rows.set_column(place, "converted", pa.array(other)))
        assert (again.bundle.version == once.bundle.version) == same


def test_the_same_rows_give_the_same_version_which_is_kept(models_dir: Path, rows: pa.Table) -> None:
    (before,) = (models_dir / "candidates").iterdir()
    (before / HOLDOUT).write_bytes(b"PAR1")
    assert trained(models_dir, rows).bundle.version == before.name
    assert pq.ParquetFile(before / HOLDOUT).metadata.num_rows > 0, "what was damaged is replaced"


def test_it_is_promoted_ranks_and_is_rolled_back_like_any_model(models_dir: Path, rows: pa.Table) -> None:
    first = champion(models_dir) or promotable(models_dir, next((models_dir / "candidates").iterdir()).name)
    second = trained(models_dir, simulated_rows(RULESET, KINDS, seed=5)).bundle
    done = promote_model(typed(models_dir), first.version, "", False)
    assert (done.version, done.before, done.objections) == (first.version, None, ())
    assert scorer_of(ModelBundle.open(models_dir)).info.version == first.version
    forced = promote_model(typed(models_dir), second.version, "a try", True)
    assert forced.before == first.version
    assert rollback(models_dir, NOW).version == first.version
    with pytest.raises(PromotionError, match=f"{second.version} is in the archive, which keeps no test part"):
        promote_model(typed(models_dir), second.version, "", False)


def test_an_interrupted_promotion_names_the_command_of_intent(models_dir: Path) -> None:
    (version,) = (path.name for path in (models_dir / "candidates").iterdir())
    promote_model(typed(models_dir), version, "", False)
    write_promotions(models_dir, [replace(one, complete=False) for one in read_promotions(models_dir)])
    (models_dir / "intent_model.ubj").write_bytes(b"half")
    with pytest.raises(ArtefactError, match=f"type it again to complete it: flywheel intent promote {version}"):
        ModelBundle.open(models_dir)


def test_the_first_model_is_taken_back_to_none_also_after_a_kill(models_dir: Path) -> None:
    (version,) = (path.name for path in (models_dir / "candidates").iterdir())
    promote_model(typed(models_dir), version, "", False)
    with pytest.raises(ArtefactError, match="has had no champion before"):
        rollback(models_dir, NOW)
    done = rollback(models_dir, NOW, or_none=True)
    assert (done.version, done.before, champion(models_dir)) == ("", version, None)

    promote_model(typed(models_dir), version, "again", True)
    write_promotions(models_dir, [*read_promotions(models_dir), replace(done, complete=False)])
    (models_dir / "intent_model.ubj").unlink()  # killed while its files are deleted
    with pytest.raises(ArtefactError, match=r"rollback to no champion was interrupted; .*intent rollback"):
        ModelBundle.open(models_dir)
    rollback(models_dir, NOW)
    assert champion(models_dir) is None
    assert scorer_of(ModelBundle.open(models_dir / "archive" / version)).info.version == version


def test_the_first_promotion_can_be_undone_after_a_kill_before_its_manifest(models_dir: Path) -> None:
    (version,) = (path.name for path in (models_dir / "candidates").iterdir())
    shutil.copy(models_dir / "candidates" / version / "intent_model.ubj", models_dir)
    begun = Promotion("promote", version, None, NOW.isoformat(), commands="flywheel intent")
    write_promotions(models_dir, [begun])
    rollback(models_dir, NOW, or_none=True)
    assert champion(models_dir) is None
    assert promote_model(typed(models_dir), version, "", False).complete


def _altered(folder: Path) -> None:
    (folder / "intent_model.ubj").write_bytes(b"{}")


def _gone(folder: Path) -> None:
    (folder / "intent_model.ubj").unlink()


def _other_format(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "format": 9}))


def _no_slope(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["boosters"]["intent"]["slope"]
    (folder / MANIFEST).write_text(json.dumps(manifest))


def _no_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_altered, "truncated or replaced. Restore it .* or, train again"),
        (_gone, "lacks intent_model.ubj; restore it, or train again: flywheel intent train"),
        (_other_format, "format 9, expected 2\\); restore it, or train again"),
        (_no_slope, "slope.*restore it, or train again"),
        (_no_manifest, "manifest.json is missing.*restore it, or train again"),
    ],
)
def test_a_damaged_model_is_named_with_what_to_do(
    models_dir: Path, damage: Callable[[Path], None], message: str
) -> None:
    (folder,) = (models_dir / "candidates").iterdir()
    damage(folder)
    with pytest.raises(ArtefactError, match=message):
        ModelBundle.open(folder)


def test_without_a_candidate_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"no candidate in .* to make one type: flywheel intent train"):
        promote_model(typed(tmp_path), "a1b2", "", False)


def test_a_model_goes_to_other_processes_as_a_pickle(once: IntentCandidate, rows: pa.Table) -> None:
    scorer = scorer_of(once.bundle)
    features = feature_matrix(rows, scorer.info.features)[:50]
    there = pickle.loads(pickle.dumps(scorer))
    assert (there.probability(features) == scorer.probability(features)).all()
    assert scorer.probability(features[:0]).shape == (0,)


def test_rules_that_rank_as_well_as_the_model_keep_it_from_being_promoted(models_dir: Path) -> None:
    """Rules with the model's own probabilities as their scores."""
    bundle = promotable(models_dir, next((models_dir / "candidates").iterdir()).name)
    holdout = pq.ParquetFile(bundle.directory / HOLDOUT).read()
    scorer = scorer_of(bundle)
    probability = pa.array(scorer.probability(feature_matrix(holdout, scorer.info.features)))
    for name in ("score", RULES_PROBABILITY):
        holdout = holdout.set_column(holdout.column_names.index(name), name, probability)
    pq.write_table(holdout, bundle.directory / HOLDOUT)
    with pytest.raises(
        PromotionError, match=r"AUC is not better than that of the rules beyond noise: \+0.0000"
    ) as found:
        promote_model(typed(models_dir), bundle.version, "", False)
    assert f"{bundle.version} stays a candidate, users stay ranked by the score" in str(found.value)
    done = promote_model(typed(models_dir), bundle.version, "we believe in it", True)
    assert done.forced
    assert done.objections[0].startswith("its AUC is not better")


def test_under_no_difference_a_model_is_refused_at_least_95_times_in_100(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two scores that say as much about who converts, each with noise of its own: 400 held-out sets of 500 users."""
    monkeypatch.setattr(ranking_metrics, "draws_for", lambda rows: 100)
    draw, better = np.random.default_rng(0), 0
    for _ in range(400):
        intent = draw.normal(size=500)
        converted = draw.random(500) < 1 / (1 + np.exp(2 - intent))
        one, other = (ranking_metrics.measure(converted, intent + draw.normal(size=500), np.arange(500)) for _ in "ab")
        better += one[AUC].less(other[AUC]).low > 0
    assert better <= 20  # 10 are expected


def test_what_the_model_does_not_beat_beside_the_rules_is_a_remark(once: IntentCandidate) -> None:
    worse = {name: {AUC: replace(one[AUC], low=-0.01)} for name, one in once.comparison.differences.items()}
    found = remarks(replace(once.comparison, differences=worse))
    assert [one.split(", beyond")[0] for one in found] == [
        "the model ranks no better than logistic regression",
        "the model ranks no better than most events so far",
    ]


def test_a_model_in_use_that_needs_other_features_is_an_objection(once: IntentCandidate, rows: pa.Table) -> None:
    holdout, scorer = pq.ParquetFile(once.bundle.directory / HOLDOUT).read(), scorer_of(once.bundle)
    other = pickle.loads(pickle.dumps(scorer))
    other.info = replace(scorer.info, features=("leads", *scorer.info.features[1:]))
    assert objections(compare_on(holdout, scorer, other)) == ["the model in use needs leads, which the holdout has not"]


@pytest.mark.parametrize(
    ("converted", "intervals", "message"),
    [
        (None, 2, "outcomes of 2 intervals; expected 3 at least"),
        (False, 4, "the intervals to fit by have 0 users that converted; expected 20"),
        (True, 4, "the intervals to fit by have 0 users that did not convert"),
    ],
)
def test_too_few_outcomes_are_not_learnt_from(
    rows: pa.Table, tmp_path: Path, converted: bool | None, intervals: int, message: str
) -> None:
    some = rows.slice(0, intervals * rows.num_rows // len(KEYS))
    if converted is not None:
        column = pa.repeat(converted, some.num_rows)
        some = some.set_column(some.column_names.index("converted"), "converted", column)
    with pytest.raises(TrainingError, match=message):
        trained(tmp_path, some)
    assert not list(tmp_path.iterdir())


def test_the_line_of_calibration_never_turns_a_ranking_round() -> None:
    draw = np.random.default_rng(0)
    log_odds = draw.normal(size=4_000)
    converted = draw.random(4_000) < logistic(0.5 * log_odds - 1)
    slope, intercept = boosted_trees.platt(log_odds, converted)
    assert (slope, intercept) == (pytest.approx(0.5, abs=0.1), pytest.approx(-1, abs=0.1))
    assert boosted_trees.platt(-log_odds, converted)[0] == 0
