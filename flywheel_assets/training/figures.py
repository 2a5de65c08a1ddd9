"""What training measured on held-out users: both models beside the best possible ones, and the drift baseline."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from flywheel_assets.registry.originals import Originals
from flywheel_assets.simulation.likelihood import session_posterior
from flywheel_assets.simulation.optimum import Optimum, confusion, optimum, user_posterior
from flywheel_assets.simulation.share_rule import ShareRule
from flywheel_assets.simulation.world import FEATURES, World
from flywheel_assets.tables.drift import Baseline, FeatureBaseline, bin_counts, bin_edges
from flywheel_assets.training.metrics import Evaluation, evaluate, transition_shares

HELD_OUT = "held-out"
Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Figures:
    """``session`` and ``user`` evaluate the models on the held-out rows; ``best_...`` are accuracies of the best
    possible classifiers on the same rows, ``expected`` those on the whole world, before any trimming.

    ``estimated_transitions`` are of the predicted labels of held-out users with sessions in two intervals in a row,
    ``true_transitions`` the world's; ``[from][to]``, worst to best, rows sum to 1.
    """

    session: Evaluation
    user: Evaluation
    best_session_accuracy: float
    best_user_accuracy_on_shares: float
    best_user_accuracy_full_posterior: float
    expected: Optimum
    estimated_transitions: Matrix
    true_transitions: Matrix


def measure(
    world: World, seed: int, session: Originals, user: Originals, sessions: pd.DataFrame, shares: pd.DataFrame
) -> Figures:
    """``sessions`` and ``shares`` as training made them; only their held-out rows are looked at."""
    sessions, shares = _held_out(sessions), _held_out(shares)
    session_truth = positions(sessions["session_quality_label"], world.session_labels)
    user_truth = positions(shares["user_flywheel_label"], world.user_labels)
    session_probabilities = probabilities_in_order(session, sessions, world.session_labels)
    user_probabilities = probabilities_in_order(user, shares, world.user_labels)

    counts = sessions[list(FEATURES)].to_numpy()
    mistakes = confusion(session_truth, session_probabilities.argmax(axis=1), len(world.session_labels))
    on_shares = ShareRule(world, mistakes).posterior(shares[list(user.features)].to_numpy())
    return Figures(
        session=evaluate(session_truth, session_probabilities, world.session_labels),
        user=evaluate(user_truth, user_probabilities, world.user_labels),
        best_session_accuracy=_accuracy(session_posterior(world, counts), session_truth),
        best_user_accuracy_on_shares=_accuracy(on_shares, user_truth),
        best_user_accuracy_full_posterior=_accuracy(_full_posterior(world, sessions), user_truth),
        expected=optimum(world, seed),
        estimated_transitions=_transitions(shares, user_probabilities.argmax(axis=1), len(world.user_labels)),
        true_transitions=_matrix(world.transitions),
    )


def drift_baseline(
    world: World, session: Originals, user: Originals, sessions: pd.DataFrame, shares: pd.DataFrame
) -> Baseline:
    """Predicted labels, worst to best, and features of the held-out rows."""
    return baseline_of(session, user, _held_out(sessions), _held_out(shares), world.session_labels, world.user_labels)


def baseline_of(
    session: Originals,
    user: Originals,
    sessions: pd.DataFrame,
    shares: pd.DataFrame,
    session_order: tuple[str, ...],
    user_order: tuple[str, ...],
) -> Baseline:
    """The baseline that these rows make: labels as the two models predict them, worst to best, and the features."""
    features = {}
    for name in session.features:
        edges = bin_edges(sessions[name])
        features[name] = FeatureBaseline(edges, bin_counts(sessions[name], edges))
    return Baseline(
        _label_counts(probabilities_in_order(session, sessions, session_order), session_order),
        _label_counts(probabilities_in_order(user, shares, user_order), user_order),
        features,
    )


def _held_out(table: pd.DataFrame) -> pd.DataFrame:
    """In order of interval and user, so that rows of sessions and of shares can be told to belong together."""
    return table[table["part"] == HELD_OUT].sort_values(["interval_start", "user_id"], ignore_index=True)


def probabilities_in_order(model: Originals, table: pd.DataFrame, order: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """The model's, its columns from the worst label to the best."""
    columns = [model.labels.index(label) for label in order]
    return model.probabilities(table[list(model.features)].to_numpy(np.float64))[:, columns]


def positions(labels: "pd.Series[str]", order: tuple[str, ...]) -> npt.NDArray[np.int64]:
    return pd.Index(order).get_indexer(pd.Index(labels)).astype(np.int64)


def _accuracy(probabilities: npt.NDArray[np.floating], truth: npt.NDArray[np.int64]) -> float:
    return float((probabilities.argmax(axis=1) == truth).mean())


def _full_posterior(world: World, sessions: pd.DataFrame) -> npt.NDArray[np.float64]:
    owners = sessions.groupby(["interval_start", "user_id"], sort=True).ngroup().to_numpy().astype(np.int64)
    return user_posterior(world, owners, sessions[list(FEATURES)].to_numpy())


def _transitions(shares: pd.DataFrame, predicted: npt.NDArray[np.int64], labels: int) -> Matrix:
    users = shares[["user_id", "interval_start"]].assign(label=predicted)
    intervals = sorted(users["interval_start"].unique())
    following = dict(pairwise(intervals))
    pairs = users.assign(following=users["interval_start"].map(following)).merge(
        users, left_on=["user_id", "following"], right_on=["user_id", "interval_start"], suffixes=("_from", "_to")
    )
    return _matrix(transition_shares(pairs["label_from"].to_numpy(), pairs["label_to"].to_numpy(), labels))


def _matrix(values: npt.NDArray[np.floating]) -> Matrix:
    return tuple(tuple(float(cell) for cell in row) for row in values)


def _label_counts(probabilities: npt.NDArray[np.float32], labels: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(probabilities.argmax(axis=1), minlength=len(labels))
    return {label: int(count) for label, count in zip(labels, counts, strict=True)}
