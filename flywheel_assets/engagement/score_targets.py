"""What the models of engagement by interval predict, and where they are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flywheel_assets.registry.files import has_artefacts


@dataclass(frozen=True)
class ScoreTarget:
    """``name`` is the model's and its folder's, ``outcome`` what the columns of the outcome are named by, ``text``
    completes "the probability of ...", ``command`` is the group of its commands."""

    name: str
    outcome: str
    text: str
    command: str


ACTIVITY = ScoreTarget("activity", "active", "a session in the next interval", "activity")
BEST_LABEL = ScoreTarget("best_label", "best_label", "a session of the best label in the next interval", "best-label")
TARGETS = (ACTIVITY, BEST_LABEL)


def folder(settings: Any, target: ScoreTarget) -> Path:
    """The models folder of a target: champion, candidates and archive of its own."""
    return Path(settings.models_dir) / "engagement" / target.name


def used(settings: Any) -> bool:
    """Whether a model of one of the targets is in use: without any, a project has no use for tables of scores."""
    return any(has_artefacts(folder(settings, target)) for target in TARGETS)
