"""The map from the probabilities that a classifier gives to calibrated ones: none, Platt's line or steps."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

Method = Literal["none", "sigmoid", "isotonic"]

LEAST = 1e-6
"""No probability is nearer to 0 or 1."""


@dataclass(frozen=True)
class CalibrationMap:
    """``sigmoid``: the log-odds times ``slope`` plus ``intercept`` (Platt 1999). ``isotonic``: ``probabilities`` at
    ``levels``, linear in between, level beyond."""

    method: Method = "none"
    slope: float = 1.0
    intercept: float = 0.0
    levels: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()

    def __call__(self, probability: npt.NDArray[np.floating]) -> FloatArray:
        """Never falls where ``probability`` rises."""
        plain = np.asarray(probability, np.float64)
        if self.method == "sigmoid":
            plain = 1 / (1 + np.exp(-(self.slope * log_odds(plain) + self.intercept)))
        elif self.method == "isotonic":
            plain = np.interp(plain, self.levels, self.probabilities)
        return np.clip(plain, LEAST, 1 - LEAST)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "CalibrationMap":
        return cls(**{**value, "levels": tuple(value["levels"]), "probabilities": tuple(value["probabilities"])})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def log_odds(probability: npt.NDArray[np.floating]) -> FloatArray:
    """Of probabilities, which count as LEAST from 0 and 1 where they are nearer."""
    clipped = np.clip(np.asarray(probability, np.float64), LEAST, 1 - LEAST)
    return np.asarray(np.log(clipped / (1 - clipped)))
