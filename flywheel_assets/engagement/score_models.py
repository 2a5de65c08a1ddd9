"""The two models of engagement by interval that are in use."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from flywheel_assets.engagement import engagement_history
from flywheel_assets.engagement.score_targets import TARGETS, ScoreTarget, folder
from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.classifier import ClassifierInfo, ClassifierScorer
from flywheel_assets.registry.files import has_artefacts

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


NO_MODEL = "none"


class ScoreModels:
    """Of one flywheel, kept from then on: a run has one model of each target."""

    def __init__(self, flywheel: "Flywheel") -> None:
        self._flywheel = flywheel

    @cached_property
    def infos(self) -> Mapping[str, ClassifierInfo]:
        """The models in use, by the name of their target. Raises ArtefactError for one that is broken, and for one of
        inputs that users do not have."""
        settings, found = self._flywheel.settings, {}
        for target in TARGETS:
            directory = folder(settings, target)
            if not has_artefacts(directory):
                continue
            classifiers = ModelBundle.open(directory).classifiers
            if target.name not in classifiers:
                raise ArtefactError(
                    f"{directory} holds no model of {target.name}; train one: flywheel engagement {target.command} "
                    "train"
                )
            info = classifiers[target.name]
            known = [column.name for column in self._flywheel.columns(engagement_history.TABLE)]
            missing = [name for name in info.encoding.names if name not in known]
            if missing:
                raise ArtefactError(
                    f"the model of {target.name} {info.version} needs {', '.join(missing)}: the session model in use "
                    f"gives other labels. Train again: {info.commands} train"
                )
            found[target.name] = info
        return found

    def version(self, target: ScoreTarget) -> str:
        """The version in use; NO_MODEL without one."""
        return self.infos[target.name].version if target.name in self.infos else NO_MODEL

    def scorers(self) -> dict[str, ClassifierScorer]:
        """The models in use, ready to score, by the name of their target. Raises ArtefactError for a broken file."""
        settings = self._flywheel.settings
        return {
            target.name: ClassifierScorer.open(folder(settings, target), self.infos[target.name])
            for target in TARGETS
            if target.name in self.infos
        }

    @cached_property
    def wait(self) -> str:
        """Why the models cannot be used, in a sentence; empty where they can, or where there is none."""
        try:
            self.infos  # noqa: B018
        except ArtefactError as error:
            return str(error)
        return ""
