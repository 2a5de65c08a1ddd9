"""What the page of a classifier is made from: a trained model, its ledger, and the rows of the highest probability, as
plain data of whichever system owns it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flywheel_assets.intervals import Interval
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.classifier import ClassifierInfo
from flywheel_assets.training.classifier.evaluation import Evaluation
from flywheel_assets.training.classifier.reasons import Reasons

Row = Mapping[str, Any]
Rows = Sequence[Row]

MOST_SHOWN = 20
"""So many of the rows of the highest probability are on a page, each with its reasons."""


@dataclass(frozen=True)
class Words:
    """What a page calls things: one ``row``, what positive rows do (``happen``: convert; ``happened``: converted), and
    what these are (``outcomes``: conversions). ``judged`` says when outcomes are known. ``name`` is the model's, where
    a page has several. ``named``: by input the words of its values 0, 1, ..."""

    row: str
    happen: str
    happened: str
    outcomes: str
    judged: str
    name: str = ""
    named: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def rows(self) -> str:
        return f"{self.row}s"


@dataclass(frozen=True)
class TrainedModel:
    """The model that a page shows: the one in use, else the newest candidate."""

    bundle: ModelBundle
    info: ClassifierInfo
    in_use: bool

    @property
    def training(self) -> Mapping[str, Any]:
        """What the manifest says of how it was trained."""
        return self.bundle.training

    @cached_property
    def evaluation(self) -> Evaluation:
        """Raises KeyError where it was not trained here."""
        return Evaluation.from_json(self.training["evaluation"])

    @property
    def was_judged(self) -> bool:
        """Whether the manifest says how it was trained and judged: a bundle of the team's own may not."""
        return "evaluation" in self.training

    @property
    def identity(self) -> str:
        """Its version, and whether it is in use."""
        return f"{self.bundle.version}, {'in use' if self.in_use else 'a candidate'}"

    @property
    def promotion(self) -> str:
        """The command that puts it to use."""
        return f"{self.info.commands} promote {self.bundle.version}"


@dataclass(frozen=True)
class HighRow:
    """A row of a high probability. ``outcome``: None while it is not known; ``facts`` are its further columns;
    ``reasons`` none where the model is gone."""

    name: str
    probability: float
    outcome: bool | None
    facts: Sequence[str] = ()
    reasons: Reasons | None = None


@dataclass(frozen=True)
class Judgement:
    """A judged interval: its row of the ledger, and those of simpler guesses ``beside`` it, with their ``method`` and
    how far the model's Brier score is below or above theirs."""

    interval: Interval
    row: Row
    beside: Rows = ()


@dataclass(frozen=True)
class ClassifierPage:
    """``interval`` is None for a model whose rows have none: then there are no predictions. ``model`` is None where
    nothing was trained, and ``train`` the command that does. ``wait``: why the model in use
    predicts nothing, empty where it does. ``predicted``: rows with a probability in this interval, None where the
    predictions are not made. ``knows_outcome``: whether the model learnt from what became of them. ``highest``: the
    first of them; ``facts``: the names of their further columns. ``judgements``: newest first; ``reliability``: the
    rows of the newest."""

    words: Words
    interval: Interval | None
    closed: bool
    model: TrainedModel | None
    train: str
    wait: str = ""
    predicted: int | None = None
    knows_outcome: bool = False
    highest: Sequence[HighRow] = ()
    facts: Sequence[str] = ()
    judgements: Sequence[Judgement] = ()
    reliability: Rows = ()
