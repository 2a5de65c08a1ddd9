"""The models in `models/`, measured anew: what they reach beside the best possible classifiers."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from flywheel_assets.intervals import Calendar
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.scorer import compiled_scorer, open_scorer
from flywheel_assets.simulation.likelihood import session_posterior
from flywheel_assets.simulation.optimum import confusion
from flywheel_assets.simulation.sample import generate
from flywheel_assets.simulation.share_classifier import ShareClassifier
from flywheel_assets.simulation.world import FEATURES, WORLD
from flywheel_assets.users.user_distributions import user_distributions

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    return ModelBundle.open(MODELS)


def test_the_compiled_scorers_are_those_of_the_artefacts(bundle: ModelBundle) -> None:
    assert all(compiled_scorer(MODELS, info) for info in bundle.models.values())


def test_features_and_labels_are_those_of_the_sample(bundle: ModelBundle) -> None:
    assert bundle["session"].features == FEATURES
    assert bundle["session"].order == WORLD.session_labels
    assert bundle["user"].order == WORLD.user_labels


@dataclass(frozen=True)
class Accuracies:
    """Of sessions and users that no training has seen: the models', and those of the best possible classifiers."""

    session: float
    best_session: float
    user: float
    best_user_on_shares: float


@pytest.fixture(scope="module")
def accuracies(bundle: ModelBundle) -> Accuracies:
    calendar = Calendar(date(2024, 1, 1), date(2024, 1, 14), 2, "UTC")
    (sample,) = generate(WORLD, list(calendar), users=4000, seed=7)
    sessions = sample.sessions.join(
        sample.session_truth.rename_columns(["session_id", "true"]), "session_id", join_type="inner"
    )
    (batch,) = sessions.combine_chunks().to_batches()
    labelled = open_scorer(bundle, "session", MODELS).labelled(batch, "session_quality_label", "version")
    true, predicted = (positions(labelled[name], WORLD.session_labels) for name in ("true", "session_quality_label"))
    posterior = session_posterior(WORLD, np.stack([labelled[name] for name in FEATURES], axis=1))

    shares = user_distributions(ibis.memtable(labelled.to_pandas()), WORLD.session_labels)
    users = ibis.duckdb.connect().to_pyarrow(shares).join(sample.user_truth, "user_id", join_type="inner")
    rows = np.stack([users[name] for name in bundle["user"].features], axis=1)
    states, _ = open_scorer(bundle, "user", MODELS).score(rows)
    true_state = positions(users["user_flywheel_label"], bundle["user"].labels)
    rule = ShareClassifier(WORLD, confusion(true, predicted, len(WORLD.session_labels))).posterior(rows)
    return Accuracies(
        session=float((predicted == true).mean()),
        best_session=float((posterior.argmax(axis=1) == true).mean()),
        user=float((states == true_state).mean()),
        best_user_on_shares=float(
            (rule.argmax(axis=1) == positions(users["user_flywheel_label"], WORLD.user_labels)).mean()
        ),
    )


def positions(labels: pa.Array, order: tuple[str, ...]) -> np.ndarray:
    return pd.Index(order).get_indexer(labels.to_pandas())


def test_session_labels_are_within_one_point_of_the_best_possible(accuracies: Accuracies) -> None:
    assert accuracies.session > accuracies.best_session - 0.01


def test_user_labels_are_within_two_points_of_the_best_rule_on_shares(accuracies: Accuracies) -> None:
    assert accuracies.user > accuracies.best_user_on_shares - 0.02


def test_the_card_is_of_the_shipped_version(bundle: ModelBundle) -> None:
    assert f"# Models, version {bundle.version}\n" in (MODELS / "README.md").read_text()
