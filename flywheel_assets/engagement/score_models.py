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
from flywheel_assets.registry.shelves import bundle_with

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


NO_MODEL = "none"


def parameter(target: ScoreTarget) -> str:
    """The parameter of a table that says the version of the target's model."""
    return f"{target.name} model"


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
            found[target.name] = self._usable(target, ModelBundle.open(directory))
        return found

    def _usable(self, target: ScoreTarget, bundle: ModelBundle) -> ClassifierInfo:
        if target.name not in bundle.classifiers:
            raise ArtefactError(
                f"{bundle.directory} holds no model of {target.name}; train one: flywheel engagement {target.command} "
                "train"
            )
        info = bundle.classifiers[target.name]
        known = [column.name for column in self._flywheel.columns(engagement_history.TABLE)]
        missing = [name for name in info.encoding.names if name not in known]
        if missing:
            raise ArtefactError(
                f"the model of {target.name} {info.version} needs {', '.join(missing)}: the session model in use "
                f"gives other labels. Train again: {info.commands} train"
            )
        return info

    def scorers(self, versions: Mapping[str, str]) -> dict[str, ClassifierScorer]:
        """The models of these versions by their parameters, ready to score, by the name of their target; without one
        that is gone or cannot score present users. Raises ArtefactError for a broken file of one in use."""
        found, settings = dict[str, ClassifierScorer](), self._flywheel.settings
        for target in TARGETS:
            version, directory = versions[parameter(target)], folder(settings, target)
            info = self.infos.get(target.name)
            if info is None or info.version != version:
                try:
                    bundle = bundle_with(directory, {target.name: version})
                    directory, info = bundle.directory, self._usable(target, bundle)
                except ArtefactError:
                    continue
            found[target.name] = ClassifierScorer.open(directory, info)
        return found

    @cached_property
    def wait(self) -> str:
        """Why the models cannot be used, in a sentence; empty where they can, or where there is none."""
        try:
            self.infos  # noqa: B018
        except ArtefactError as error:
            return str(error)
        return ""
