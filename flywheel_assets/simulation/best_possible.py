"""The sections that a card has more when the training data are simulated: the models beside the best possible ones on
the same validation rows, and what the labels make of the true transitions."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.simulation.likelihood import session_posterior
from flywheel_assets.simulation.optimum import confusion, optimum, user_posterior
from flywheel_assets.simulation.share_classifier import ShareClassifier
from flywheel_assets.simulation.world import FEATURES, World
from flywheel_assets.training.candidate_models import TrainedModel
from flywheel_assets.training.card import markdown_table, percent
from flywheel_assets.training.metrics import positions, probabilities_in_order, transition_shares
from flywheel_assets.users.user_model import USER_MODEL

BEST_POSSIBLE = """\
The labels are the true ones of the simulated world of `flywheel sample`, whose demo has another seed. What it draws
from is known, and so is the best that any classifier could do. Accuracies in percent, on the validation rows and as
expected for the whole world:"""

TRANSITIONS = """\
The share of users with each label in the next interval, in percent: estimated from the predicted labels of users with
sessions in both intervals, of all intervals, and in brackets what the simulation draws from. Neither model knows a
user's other intervals, so transitions between predicted labels mix real moves with mistakes: fewer users seem to stay
than do."""

SIMULATED_LIMITS = """\
Labels mean what the simulation means by them, and no real visitor was involved; on other data the models answer with as
much confidence, so look at the drift checks, and train on sessions of your own. Accuracies hold for the mix of labels
and states of the simulation: where labels are rarer, fewer of the sessions given such a label deserve it."""


def sections(world: World, seed: int, trained: Mapping[str, TrainedModel]) -> Sequence[str]:
    """The Markdown of both sections, for models trained on a sample of ``world``."""
    session, user = trained[SESSION_MODEL.name], trained[USER_MODEL.name]
    rows = [*_session_rows(world, session), *_user_rows(world, session, user)]
    best = optimum(world, seed)
    expected = (best.session_accuracy, best.user_accuracy_on_shares, best.user_accuracy_full_posterior)
    cells = iter(expected)
    table = [[name, percent(share), percent(next(cells)) if name.startswith("best") else ""] for name, share in rows]
    return [
        "## Against the best possible",
        BEST_POSSIBLE,
        markdown_table(["classifier", "validation", "expected"], table),
        SIMULATED_LIMITS,
        "## Transitions",
        TRANSITIONS,
        _transitions(world, user),
    ]


def _session_rows(world: World, session: TrainedModel) -> list[tuple[str, float]]:
    rows = _validation(session)
    truth = positions(rows[SESSION_MODEL.label], world.session_labels)
    posterior = session_posterior(world, rows[list(FEATURES)].to_numpy())
    return [
        ("session model", session.figures.network.evaluation.accuracy),
        ("best possible on a session's counts", _accuracy(posterior, truth)),
    ]


def _user_rows(world: World, session: TrainedModel, user: TrainedModel) -> list[tuple[str, float]]:
    sessions, users = _validation(session), _validation(user)
    truth = positions(users[USER_MODEL.label], world.user_labels)
    predicted = probabilities_in_order(session.model, sessions, world.session_labels).argmax(axis=1)
    true_qualities = positions(sessions[SESSION_MODEL.label], world.session_labels)
    mistakes = confusion(true_qualities, predicted, len(world.session_labels))
    on_shares = ShareClassifier(world, mistakes).posterior(users[list(user.task.features)].to_numpy())
    owners = sessions.groupby(["interval_start", "user_id"], sort=True).ngroup().to_numpy().astype(np.int64)
    on_counts = user_posterior(world, owners, sessions[list(FEATURES)].to_numpy())
    return [
        ("user model", user.figures.network.evaluation.accuracy),
        ("best possible rule on shares", _accuracy(on_shares, truth)),
        ("best possible on all counts of all the user's sessions", _accuracy(on_counts, truth)),
    ]


def _validation(trained: TrainedModel) -> pd.DataFrame:
    """In order of interval and user, so that rows of sessions and of users belong together."""
    return trained.validation.sort_values(["interval_start", "user_id"], ignore_index=True)


def _accuracy(probabilities: npt.NDArray[np.floating], truth: npt.NDArray[np.int64]) -> float:
    return float((probabilities.argmax(axis=1) == truth).mean())


def _transitions(world: World, user: TrainedModel) -> str:
    labels = world.user_labels
    predicted = probabilities_in_order(user.model, user.rows, labels).argmax(axis=1)
    users = user.rows[["user_id", "interval_start"]].assign(label=predicted)
    following = dict(pairwise(sorted(users["interval_start"].unique())))
    pairs = users.assign(following=users["interval_start"].map(following)).merge(
        users, left_on=["user_id", "following"], right_on=["user_id", "interval_start"], suffixes=("_from", "_to")
    )
    estimated = transition_shares(pairs["label_from"].to_numpy(), pairs["label_to"].to_numpy(), len(labels))
    rows = [
        [label, *(f"{100 * e:.1f} ({100 * t:.1f})" for e, t in zip(estimates, truths, strict=True))]
        for label, estimates, truths in zip(labels, estimated, world.transitions, strict=True)
    ]
    return markdown_table(["from \\ to", *labels], rows)
