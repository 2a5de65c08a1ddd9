"""What a model is before it is trained: the system that owns it declares it, registry and training work for any."""

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_assets.tables.labels import share_column


@dataclass(frozen=True)
class ModelFiles:
    """The names of a model's three artefacts, and of the scorer compiled from them."""

    network: str
    scaler: str
    encoder: str
    compiled: str

    @property
    def originals(self) -> tuple[str, str, str]:
        return self.network, self.scaler, self.encoder


@dataclass(frozen=True)
class ModelSpec:
    """``name`` is its key in a bundle. ``label`` is the column that it predicts. ``rows`` is the noun of its rows, such
    as ``sessions``; no two models of a bundle have the same. ``holdout`` is the file with its validation rows.
    ``description`` completes the sentence "the session model ...".

    ``shares_of`` names an earlier model of the bundle. The features are then exactly the shares of that model's labels
    among the rows of a user in an interval, and training uses the labels that it predicts. None: features are landed.
    """

    name: str
    files: ModelFiles
    label: str
    rows: str
    holdout: str
    description: str
    shares_of: str | None = None


def share_features(labels: Sequence[str]) -> tuple[str, ...]:
    """The features of a model that learns from the shares of these labels."""
    return tuple(map(share_column, labels))
