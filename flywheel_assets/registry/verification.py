"""Verifying a bundle: its files, the libraries that made it, and its compiled scorers against the originals."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bundle import ModelBundle, ModelInfo
from flywheel_assets.registry.files import versions_of
from flywheel_assets.registry.originals import Originals
from flywheel_assets.registry.scorer import Scorer, compiled_scorer

LARGEST_DIFFERENCE = 1e-5
TIE = 1e-6
"""Two labels whose probabilities differ by at most this may swap."""

RANDOM_ROWS = 10_000
EXTREMES = (1.0, 1e3, 1e6)
"""How many ranges of the training data beyond its minimum and maximum."""

Verdict = Literal["ok", "differs", "failed"]


@dataclass(frozen=True)
class Finding:
    """``differs`` is worth knowing, but not a failure."""

    subject: str
    verdict: Verdict
    detail: str


def verify(directory: Path) -> list[Finding]:
    """What was found, file digests first; when those are wrong, nothing else is looked at."""
    try:
        bundle = ModelBundle.open(directory)
    except ArtefactError as error:
        return [Finding("files", "failed", str(error))]
    findings = [
        Finding(
            "files", "ok", f"the {len(bundle.digests)} artefacts are those of the manifest, version {bundle.version}"
        )
    ]
    findings += _libraries(bundle)
    for info in bundle.models.values():
        findings += _scorer(bundle.directory, info)
    return findings


def _libraries(bundle: ModelBundle) -> list[Finding]:
    installed = versions_of(bundle.libraries)
    return [
        Finding(name, "ok", version)
        if installed.get(name) == version
        else Finding(name, "differs", f"made with {version}, installed is {installed.get(name, 'none')}")
        for name, version in bundle.libraries.items()
    ]


def _scorer(directory: Path, info: ModelInfo) -> list[Finding]:
    compiled = info.files.compiled
    try:
        scorer = compiled_scorer(directory, info)
        if scorer is None:
            detail = f"missing, broken, stale or not the one of the manifest; type: flywheel models compile {directory}"
            return [Finding(compiled, "failed", detail)]
        originals = Originals.open(directory, info.files, info.digests)
    except ArtefactError as error:
        return [Finding(compiled, "failed", str(error))]
    low, high = originals.scaler.data_min_, originals.scaler.data_max_
    inputs = {"random input": random_input(low, high), "extreme input": extreme_input(low, high)}
    return [compare(f"{compiled}, {name}", scorer, originals, rows) for name, rows in inputs.items()]


def compare(subject: str, scorer: Scorer, originals: Originals, features: npt.NDArray[np.float64]) -> Finding:
    """Whether the compiled scorer predicts from these features what scaler and network predict."""
    expected = originals.probabilities(features)
    label, probabilities = scorer.score(features)
    difference = float(np.abs(probabilities - expected).max())
    second, first = np.sort(expected, axis=1)[:, -2:].T
    swapped = int(((label != expected.argmax(axis=1)) & (first - second > TIE)).sum())
    passed = difference < LARGEST_DIFFERENCE and swapped == 0  # False for NaN too
    detail = f"largest difference {difference:.1e} (limit {LARGEST_DIFFERENCE:.0e}), {swapped} other labels"
    return Finding(subject, "ok" if passed else "failed", f"{detail}, {len(features):,} rows")


def random_input(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Uniform over the training data's range, and skewed towards its minimum as counts are."""
    shares = np.random.default_rng(0).uniform(size=(RANDOM_ROWS, len(low)))
    shares[::2] **= 4
    return low + shares * (high - low)


def extreme_input(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Minimum, maximum and what lies far beyond either: all features together, and one with the others at their
    minimum."""
    span = high - low
    corners = [low, high, *(high + factor * span for factor in EXTREMES), *(low - factor * span for factor in EXTREMES)]
    alone = [np.where(np.arange(len(low)) == i, corner, low) for corner in corners for i in range(len(low))]
    return np.stack([*corners, *alone])
