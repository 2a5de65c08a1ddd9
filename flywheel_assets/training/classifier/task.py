"""What a classifier is for, declared by the system that owns it: training works for any."""

from dataclasses import dataclass, field
from pathlib import Path

from flywheel_assets.training.classifier.estimators import Kind
from flywheel_assets.training.classifier.threshold import ThresholdRule


@dataclass(frozen=True)
class ClassifierTask:
    """``name`` is the classifier's in its bundle. ``target`` completes "the probability of ...", ``rows`` is the noun
    of its rows in the plural, ``horizon`` completes "known ..." and says what is known of a row when it is predicted.
    ``commands`` is what the commands that train and promote it begin with, ``experiment`` the one of MLflow.
    ``models_dir`` is its folder with champion, candidates and archive, ``records`` the folder that MLflow records into
    where no server is set. ``kinds``: what is compared, by default all;
    ``reference``: one of them that the model is judged beside."""

    name: str
    target: str
    rows: str
    horizon: str
    commands: str
    experiment: str
    models_dir: Path
    records: Path
    rule: ThresholdRule = field(default_factory=ThresholdRule)
    kinds: tuple[Kind, ...] = ()
    reference: Kind | None = None
