"""Skewed numbers made less so, for models that add them up: a step of a scikit-learn pipeline, and its form in ONNX.

scikit-learn's PowerTransformer does the same by a power that it fits; powers of columns of few values grow so large
that 32 bits of ONNX miss the probability by a thousandth."""

from functools import cache
from typing import Any

import numpy as np

SKEWED = 1.0
"""A column with a larger skewness, either way, is transformed."""

UNITS = 10.0
"""The median size of a column's values, 0 aside, becomes so many units before the logarithm."""


@cache
def signed_log() -> Any:
    """The class of the step: sign(x) log(1 + |x| scale) for skewed columns, x for the others. No column may hold NaN.

    Made when it is first needed, because its base classes take two seconds to import."""
    from scipy.stats import skew
    from skl2onnx import update_registered_converter
    from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

    class SignedLog(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, rows: Any, target: Any = None) -> Any:
            values = np.asarray(rows, np.float64)
            sizes = np.where(values == 0, np.nan, np.abs(values))
            some = ~np.isnan(sizes).all(axis=0)
            scale = np.ones(values.shape[1])
            scale[some] = UNITS / np.nanmedian(sizes[:, some], axis=0)
            constant = np.ptp(values, axis=0) == 0
            skewness = np.zeros(values.shape[1])
            skewness[~constant] = skew(values[:, ~constant], axis=0)
            self.skewed_ = (np.abs(skewness) > SKEWED).astype(np.float32)
            self.scale_ = scale.astype(np.float32)
            self.n_features_in_ = values.shape[1]
            return self

        def transform(self, rows: Any) -> Any:
            values = np.asarray(rows, np.float32)
            logs = np.sign(values) * np.log1p(np.abs(values) * self.scale_)
            return self.skewed_ * logs + (1 - self.skewed_) * values

    update_registered_converter(SignedLog, "FlywheelSignedLog", _same_shape, _in_onnx)
    return SignedLog


def _same_shape(operator: Any) -> None:
    from skl2onnx.common.data_types import FloatTensorType

    operator.outputs[0].type = FloatTensorType([None, operator.raw_operator.n_features_in_])


def _in_onnx(scope: Any, operator: Any, container: Any) -> None:
    from skl2onnx.algebra.onnx_ops import OnnxAbs, OnnxAdd, OnnxLog, OnnxMul, OnnxSign

    step, version = operator.raw_operator, container.target_opset
    rows, one = operator.inputs[0], np.array([1], np.float32)
    sizes = OnnxMul(OnnxAbs(rows, op_version=version), step.scale_, op_version=version)
    logs = OnnxLog(OnnxAdd(sizes, one, op_version=version), op_version=version)
    signed = OnnxMul(OnnxSign(rows, op_version=version), logs, op_version=version)
    made = OnnxAdd(
        OnnxMul(signed, step.skewed_, op_version=version),
        OnnxMul(rows, one - step.skewed_, op_version=version),
        op_version=version,
        output_names=operator.outputs,
    )
    made.add_to(scope, container)
