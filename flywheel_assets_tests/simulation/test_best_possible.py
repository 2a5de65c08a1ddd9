"""The sections of the card of a training on simulated sessions."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flywheel_assets.registry.holdout import user_shares
from flywheel_assets.registry.spec import share_features
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.simulation import best_possible
from flywheel_assets.simulation.labelled_sample import labelled_sample
from flywheel_assets.simulation.likelihood import session_posterior
from flywheel_assets.simulation.optimum import optimum
from flywheel_assets.simulation.world import FEATURES, WORLD
from flywheel_assets.training.candidate_models import TrainedModel
from flywheel_assets.training.network_grid import Task
from flywheel_assets.users.user_model import USER_MODEL

SHARES = share_features(WORLD.session_labels)


def fake(task: Task, probabilities: Any, rows: Any, accuracy: float) -> TrainedModel:
    model: Any = SimpleNamespace(labels=task.order, features=task.features, probabilities=probabilities)
    figures: Any = SimpleNamespace(network=SimpleNamespace(evaluation=SimpleNamespace(accuracy=accuracy)))
    return TrainedModel(task, model, figures, rows, rows)


def test_models_stand_beside_the_best_possible_and_estimated_beside_true_transitions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(best_possible, "optimum", partial(optimum, sessions=4000, users=500))
    data = labelled_sample(WORLD, 400, 3, 1)
    sessions = data["session"].rows
    posterior = session_posterior(WORLD, sessions[list(FEATURES)].to_numpy())
    labels = np.array(WORLD.session_labels, dtype=object)[posterior.argmax(axis=1)]
    held = (sessions["part"] == "validation").to_numpy()
    accuracy = float((labels == sessions["session_quality_label"])[held].mean())
    shares = user_shares(sessions, labels, WORLD.session_labels).reset_index()
    users = shares.merge(sessions[["user_id", "interval_start", "part"]].drop_duplicates()).merge(data["user"].rows)
    trained = {
        "session": fake(
            Task(SESSION_MODEL, WORLD.session_labels, FEATURES),
            lambda rows: session_posterior(WORLD, rows),
            sessions,
            accuracy,
        ),
        "user": fake(
            Task(USER_MODEL, WORLD.user_labels, SHARES), lambda rows: np.eye(4)[np.zeros(len(rows), int)], users, 0.25
        ),
    }
    sections = best_possible.sections(WORLD, 1, trained)
    rows = [line.split("|") for line in "\n".join(sections).splitlines() if "|" in line]
    cells = {row[1].strip(): row[2].strip() for row in rows}

    assert [one for one in sections if one.startswith("##")] == ["## Against the best possible", "## Transitions"]
    assert cells["session model"] == cells["best possible on a session's counts"] == f"{100 * accuracy:.2f}"
    assert cells["user model"] == "25.00"
    assert 75 < float(cells["best possible rule on shares"]) <= 100
    assert "| Passive | 100.0 (82.0) | 0.0 (14.0) |" in sections[-1]
