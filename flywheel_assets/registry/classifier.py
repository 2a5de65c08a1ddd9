"""A classifier of two classes: inputs of a table to a calibrated probability and a decision. One ONNX file, or several
whose log-odds are averaged; everything else is in the manifest, and nothing is pickled."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pyarrow as pa

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.calibration_map import CalibrationMap, log_odds
from flywheel_assets.registry.classifier_inputs import InputEncoding
from flywheel_assets.registry.files import read_trusted
from flywheel_assets.tables.drift import FeatureBaseline

FloatArray = npt.NDArray[np.float64]

ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class ClassifierInfo:
    """What a trained classifier is, known without opening a file of it.

    ``description`` says in words what won, as in ``XGBoost, class weights``. ``files`` are its ONNX files with their
    SHA-256. ``target`` completes "the probability of ...", ``rows`` is the noun of its rows in the plural, ``horizon``
    what was known of a row, in words. A probability of ``threshold`` or more is a decision for it; ``threshold_rule``
    says what that was chosen for. ``learnt_to`` is the key of the last interval that it has seen, empty where rows have
    no interval. ``baseline``: the calibrated probabilities of the rows that judged it, in bins. ``commands`` is what
    the commands that train and promote it begin with."""

    name: str
    version: str
    description: str
    files: Mapping[str, str]
    encoding: InputEncoding
    calibration: CalibrationMap
    threshold: float
    threshold_rule: str
    target: str
    rows: str
    horizon: str
    learnt_to: str
    baseline: FeatureBaseline
    commands: str

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ClassifierInfo":
        baseline = value["baseline"]
        return cls(
            **{
                **value,
                "files": dict(value["files"]),
                "encoding": InputEncoding.from_json(value["encoding"]),
                "calibration": CalibrationMap.from_json(value["calibration"]),
                "baseline": FeatureBaseline(tuple(baseline["edges"]), tuple(baseline["counts"])),
            }
        )

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "encoding": self.encoding.to_json(),
            "calibration": self.calibration.to_json(),
        }


class ClassifierScorer:
    """A classifier, ready to score. Can be pickled: it carries its files, and opens them where it arrives."""

    def __init__(self, info: ClassifierInfo, contents: tuple[bytes, ...]) -> None:
        self.info = info
        self._contents = contents

    @classmethod
    def open(cls, directory: Path, info: ClassifierInfo) -> "ClassifierScorer":
        """Raises ArtefactError for a file that is not that of the manifest, and for one that cannot be opened."""
        again = f"train again: {info.commands} train"
        scorer = cls(info, tuple(read_trusted(directory / name, sha) for name, sha in info.files.items()))
        for name, session in zip(info.files, scorer.sessions, strict=True):
            width = session.get_inputs()[0].shape[1]
            if width != len(info.encoding.places):
                raise ArtefactError(
                    f"{directory / name} takes {width} numbers, the manifest has {len(info.encoding.places)}; {again}"
                )
        return scorer

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "sessions"}

    @cached_property
    def sessions(self) -> tuple[onnxruntime.InferenceSession, ...]:
        """The files, opened. Raises ArtefactError for one that ONNX Runtime cannot read."""
        try:
            return tuple(open_session(content) for content in self._contents)
        except Exception as error:  # ONNX Runtime has a class of exception per kind of damage
            first = str(error).strip().splitlines()[0]
            raise ArtefactError(
                f"the model {self.info.name} {self.info.version} cannot be opened by ONNX Runtime ({first}); train "
                f"again: {self.info.commands} train"
            ) from None

    def probability(self, table: pa.Table | pa.RecordBatch) -> FloatArray:
        """The calibrated probability of each row [n]. Raises ArtefactError as :meth:`InputEncoding.encode`."""
        return self.of_encoded(self.info.encoding.encode(table))

    def of_encoded(self, encoded: npt.NDArray[np.float32]) -> FloatArray:
        """The same of encoded rows [n, places]."""
        return self.info.calibration(blended([raw_probability(session, encoded) for session in self.sessions]))

    def decisions(self, probability: FloatArray) -> npt.NDArray[np.bool_]:
        """Which rows the model decides for [n]."""
        return probability >= self.info.threshold


def open_session(content: bytes) -> onnxruntime.InferenceSession:
    """An ONNX classifier of one input [n, F] float32. Raises an exception of ONNX Runtime's for a broken one."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # LightGBM's converter declares one row, and each batch of more would warn
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads leave cores to others
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def raw_probability(session: onnxruntime.InferenceSession, encoded: npt.NDArray[np.float32]) -> FloatArray:
    """The probability of the second class, before calibration [n]."""
    name, output = session.get_inputs()[0].name, session.get_outputs()[1].name
    parts = [
        session.run([output], {name: encoded[start : start + ROWS_AT_ONCE]})[0][:, 1]
        for start in range(0, len(encoded), ROWS_AT_ONCE)
    ]
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)


def blended(probabilities: list[FloatArray]) -> FloatArray:
    """Of one model its probabilities; of several the mean of their log-odds, as a probability."""
    if len(probabilities) == 1:
        return probabilities[0]
    return np.asarray(1 / (1 + np.exp(-np.mean([log_odds(one) for one in probabilities], axis=0))))
