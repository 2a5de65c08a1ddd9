"""Calibrating probabilities by a temperature (Guo et al. 2017), and building it into a network.

Probabilities p become p^(1/T), made to sum to 1 again: softer for T > 1, sharper for T < 1. No label changes."""

import numpy as np
import numpy.typing as npt

from flywheel_assets.registry.originals import Originals

BOUNDS = (0.05, 20.0)


def temperature(true: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating]) -> float:
    """The T between 0.05 and 20 with the lowest log loss on these rows; 1 when none beats T = 1. ``true`` are positions
    in the order of the columns of ``probabilities``."""
    from scipy.optimize import minimize_scalar

    logs = _logs(probabilities)

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        highest = scaled.max(axis=1, keepdims=True)
        normalizer = highest[:, 0] + np.log(np.exp(scaled - highest).sum(axis=1))
        return float((normalizer - scaled[np.arange(len(true)), true]).mean())

    found = minimize_scalar(loss, bounds=np.log(BOUNDS), method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def tempered(probabilities: npt.NDArray[np.floating], by: float) -> npt.NDArray[np.float64]:
    """The probabilities at temperature ``by``."""
    scaled = _logs(probabilities) / by
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def build_in(model: Originals, by: float) -> None:
    """Divides the weights and the bias of the model's last layer, whose softmax then gives probabilities at that
    temperature: the saved model is the served one."""
    layer = model.network.layers[-1]
    layer.set_weights([values / by for values in layer.get_weights()])


def _logs(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """A softmax's logits but for one constant per row."""
    return np.log(np.maximum(probabilities.astype(float), np.finfo(np.float32).tiny))
