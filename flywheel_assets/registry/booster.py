"""A calibrated booster: gradient-boosted trees on columns of a table, and the line that makes their log-odds those of
calibrated probabilities. Its trees are a file of XGBoost's own, everything else is in the manifest; nothing is pickled.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.files import digest, read_trusted

FloatArray = npt.NDArray[np.float64]

LIBRARIES = ("xgboost-cpu", "numpy")


@dataclass(frozen=True)
class BoosterInfo:
    """What a trained booster is, known without XGBoost. ``file`` has the trees, with SHA-256 ``digest``. ``directions``
    say per feature whether more of it may only raise (1) or lower (-1) the probability, 0 for either; ``groups`` name,
    per feature, what its contribution is summed under. The trees' log-odds times ``slope`` plus ``intercept`` are
    calibrated. ``learnt_to`` is the key of the last interval whose outcomes it has seen. ``commands`` is what the
    commands that train and promote it begin with."""

    name: str
    file: str
    version: str
    digest: str
    features: tuple[str, ...]
    directions: tuple[int, ...]
    groups: tuple[str, ...]
    slope: float
    intercept: float
    learnt_to: str
    commands: str

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "BoosterInfo":
        found = cls(**{**value, **{name: tuple(value[name]) for name in ("features", "directions", "groups")}})
        if not len(found.features) == len(found.directions) == len(found.groups):
            raise ValueError(f"{len(found.features)} features, but {len(found.groups)} groups")
        return found

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Each group once."""
        return tuple(dict.fromkeys(self.groups))


def booster_version(trees: bytes, *parts: object) -> str:
    """12 hex digits of a digest of the trees, as bytes of XGBoost's JSON, and of what else decides on a probability."""
    return digest(trees + repr(parts).encode())[:12]


class BoosterScorer:
    """A booster, ready to score. Can be pickled: it carries the trees, and opens them where it arrives."""

    def __init__(self, info: BoosterInfo, trees: bytes) -> None:
        self.info = info
        self.trees = trees

    @classmethod
    def open(cls, directory: Path, info: BoosterInfo) -> "BoosterScorer":
        """Raises ArtefactError for a file that is not that of the manifest, and for one that XGBoost cannot read."""
        path = directory / info.file
        scorer = cls(info, read_trusted(path, info.digest))
        try:
            features = scorer.booster.num_features()
        except Exception as error:  # XGBoostError, and whatever a damaged file leads to
            first = str(error).strip().splitlines()[0]
            raise ArtefactError(
                f"{path} cannot be opened by XGBoost ({first}); train again: {info.commands} train"
            ) from None
        if features != len(info.features):
            raise ArtefactError(
                f"{path} takes {features} features, the manifest has {len(info.features)}; train again: "
                f"{info.commands} train"
            )
        return scorer

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "booster"}

    @cached_property
    def booster(self) -> Any:
        """The trees, opened."""
        import xgboost

        return xgboost.Booster({"nthread": 1}, model_file=bytearray(self.trees))

    def contributions(self, features: FloatArray) -> FloatArray:
        """[n, groups + 1]: exact SHAP values (TreeSHAP, Lundberg 2020) in calibrated log-odds, summed by group in the
        order of ``group_names``, and last the baseline, the same for all. They sum to the log-odds of
        :meth:`probability`. ``features`` [n, F], NaN for null."""
        import xgboost

        info = self.info
        found = np.zeros((len(features), len(info.group_names) + 1))
        if not len(features):
            return found
        each = self.booster.predict(xgboost.DMatrix(features, nthread=1), pred_contribs=True).astype(np.float64)
        for column, group in enumerate(info.groups):
            found[:, info.group_names.index(group)] += info.slope * each[:, column]
        found[:, -1] = info.slope * each[:, -1] + info.intercept
        return found

    def probability(self, features: FloatArray) -> FloatArray:
        """The calibrated probability of each row [n]."""
        return logistic(self.contributions(features).sum(axis=1))


def logistic(log_odds: FloatArray) -> FloatArray:
    """The probability of log-odds, never quite 0 or 1."""
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -30, 30))), np.float64)
