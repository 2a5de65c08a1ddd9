"""Training a classifier: from examples to a bundle in ``candidates/<version>`` of its models folder, compared,
calibrated, with a threshold, judged, explained and with a card. The champion is not touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import TrainingError
from flywheel_assets.registry.bundle import ModelBundle, write_manifest
from flywheel_assets.registry.classifier import ClassifierInfo, ClassifierScorer, blended, open_session, raw_probability
from flywheel_assets.registry.files import CARD, CLASSIFIER_SUFFIX, HOLDOUT, digest, versions_of
from flywheel_assets.registry.shelves import CANDIDATES
from flywheel_assets.tables.drift import FeatureBaseline, bin_counts, bin_edges
from flywheel_assets.training.candidate_files import shelved, staged, writable
from flywheel_assets.training.classifier.baselines import MAJORITY, ONE_RULE, one_rule
from flywheel_assets.training.classifier.calibration import choose
from flywheel_assets.training.classifier.card import classifier_card
from flywheel_assets.training.classifier.comparison import (
    Learnt,
    Log,
    Tried,
    compare,
    fit_members,
    out_of_fold,
)
from flywheel_assets.training.classifier.estimators import LIGHTGBM, PLAIN, Kind, kinds, probability, to_onnx
from flywheel_assets.training.classifier.evaluation import Evaluation, Scored, evaluate
from flywheel_assets.training.classifier.examples import Examples
from flywheel_assets.training.classifier.explanation import (
    EXPLAINED,
    importance,
    permutation_importance,
    shapley_values,
)
from flywheel_assets.training.classifier.leakage import Suspect, auc_of, check_inputs, jumps
from flywheel_assets.training.classifier.other_splits import scored_by
from flywheel_assets.training.classifier.pictures import comparison_picture, curves_picture, shap_picture
from flywheel_assets.training.classifier.split import folds, split
from flywheel_assets.training.classifier.task import ClassifierTask
from flywheel_assets.training.classifier.threshold import choose_threshold
from flywheel_assets.warehouse.files import write_whole

LIBRARIES = ("scikit-learn", "imbalanced-learn", "xgboost-cpu", "lightgbm", "skl2onnx", "onnxruntime", "numpy")
TARGET, USER, ROW_ID = "_target", "_user", "_id"
"""Columns of the holdout beside the inputs."""

MODEL, AS_FITTED, REFERENCE = "model", "before calibration", "reference"
TOLERANCE = 1e-5
"""How far an ONNX probability may be from the library's."""

JUMP_ROWS = 20_000
"""Of more rows so many are drawn for the models without one input each."""


@dataclass(frozen=True)
class ClassifierCandidate:
    """A bundle in its folder, with the comparison that it comes from, the chosen one first, its evaluation and what a
    reader has to know."""

    bundle: ModelBundle
    comparison: Sequence[Mapping[str, Any]]
    evaluation: Evaluation
    training: dict[str, Any]


def train_classifier(
    task: ClassifierTask,
    examples: Examples,
    command: str,
    now: datetime,
    log: Log,
    seed: int = 2024,
    threads: int = 2,
    allowed: Sequence[str] = (),
    tried: Sequence[Kind] | None = None,
) -> ClassifierCandidate:
    """The candidate. The same examples and seed give the same version on the same machine; one that is there already
    stays. ``allowed`` are inputs that the sentinel lets pass, ``tried`` the kinds to compare, by default all.

    Raises TrainingError for examples that cannot be learnt from, for an input that knows the outcome, and for a folder
    that cannot be written to; nothing is left behind then."""
    folder = writable(task.models_dir / CANDIDATES)
    parts = split(examples, task.rows, seed)
    check_inputs(examples, parts.known, allowed)
    encoding = examples.encoding(parts.known)
    every = Learnt(encoding.encode(examples.inputs), examples.target, examples.user)
    log(f"{len(examples):,} {task.rows}, {examples.target.mean():.1%} positive; split {parts.how}")
    compared = compare(
        every.take(parts.fit), every.take(parts.validation), tried or task.kinds or kinds(), seed, threads, log
    )
    best, known, test = compared[0], every.take(parts.known), every.take(parts.test)

    # A split that is given says what comes after what: models fitted without a fold would see what comes later.
    judging = parts.validation if examples.splits else parts.known
    apart = every.take(judging)
    raw = best.probability if examples.splits else out_of_fold(best.members, known, seed, threads)
    fold = folds(apart.target, apart.user, seed)
    calibration, calibrated = choose(raw, apart.target, fold)
    per_interval = examples.rows_per_interval(judging if examples.splits else ~parts.test)
    threshold = choose_threshold(task.rule, calibrated, apart.target, fold, per_interval)
    fitted = fit_members(best.members, known, seed, threads)
    contents = {
        f"{task.name}{f'_{number}' if number else ''}{CLASSIFIER_SUFFIX}": to_onnx(one, len(encoding.places))
        for number, one in enumerate(fitted)
    }
    _check_equal(fitted, list(contents.values()), test.encoded)
    raw_test = blended([raw_probability(open_session(content), test.encoded) for content in contents.values()])
    of_test = calibration(raw_test)
    edges = bin_edges(of_test)
    files = {name: digest(content) for name, content in contents.items()}
    stated = (task.target, task.rows, task.horizon, str(task.rule), parts.last_known)
    parameters = (tuple(files.values()), encoding.to_json(), calibration.to_json(), threshold, *stated)
    info = ClassifierInfo(
        task.name,
        digest(repr(parameters).encode())[:12],
        best.name,
        files,
        encoding,
        calibration,
        threshold,
        str(task.rule),
        task.target,
        task.rows,
        task.horizon,
        parts.last_known,
        FeatureBaseline(edges, bin_counts(of_test, edges)),
        task.commands,
    )
    scorer = ClassifierScorer(info, tuple(contents.values()))
    rule = one_rule(known.encoded, known.target, encoding)
    holds = rule.holds(test.encoded, encoding)
    rate = np.full(len(test.target), known.positive_share)
    ways = {MODEL: Scored(of_test, scorer.decisions(of_test))}
    if calibration.method != "none":
        ways[AS_FITTED] = Scored(raw_test, ways[MODEL].decision)
    reference = next((one for one in compared if one.name == str(task.reference)), None)
    if reference:
        ways[_reference(reference)] = scored_by(reference.members, every, parts, task.rule, seed, threads)
    ways |= {
        f"{ONE_RULE}: {rule.text}": Scored(rule.probability(holds), holds),
        MAJORITY: Scored(rate, rate >= 0.5),
    }
    groups = {name: mask[parts.test] for name, mask in examples.groups.items()}
    evaluation = evaluate(test.target, test.user, ways, groups)
    others = {}
    for name, other in list(examples.splits.items())[1:]:
        log(f"judging the same on another split, {name}")
        both = {MODEL: best, **({_reference(reference): reference} if reference else {})}
        scored = {way: scored_by(one.members, every, other, task.rule, seed, threads) for way, one in both.items()}
        others[name] = evaluate(examples.target[other.test], examples.user[other.test], scored)
    evaluation = replace(evaluation, other_splits=others)
    log(f"{best.name} is chosen and judged on {len(test.target):,} {task.rows}; explaining it")
    falls = permutation_importance(scorer, test.encoded, test.target, seed)
    draw = np.random.default_rng(seed)
    explained = np.sort(draw.choice(len(test.target), min(EXPLAINED, len(test.target)), replace=False))
    values = shapley_values(scorer, test.encoded[explained], known.encoded, seed)
    warnings = [
        f"the model rests on {one.name}: {one.reason}. Make sure that it is known when the prediction is made"
        for one in _jumps(examples, every, parts.fit, parts.validation, seed)
    ]
    training = {
        "command": command,
        "trained_at": now.isoformat(timespec="seconds"),
        "seed": seed,
        "split": parts.how,
        "rows": {name: int(mask.sum()) for name, mask in _masks(parts).items()},
        "positives": {name: int(examples.target[mask].sum()) for name, mask in _masks(parts).items()},
        "intervals": sorted(set(examples.interval.tolist())) if examples.interval is not None else [],
        "notes": list(examples.notes),
        "warnings": warnings,
        "best": best.row,
        "comparison": [one.row for one in compared],
        "evaluation": evaluation.to_json(),
        "importance": importance(falls, values),
    }
    with staged(folder) as staging:
        for name, content in contents.items():
            write_whole(staging / name, content)
        bundle = write_manifest(staging, (), libraries=versions_of(LIBRARIES), training=training, classifiers=[info])
        pq.write_table(_holdout(examples, parts.test), staging / HOLDOUT, compression="zstd")
        for name, picture in (
            ("comparison", comparison_picture([one.row for one in compared])),
            ("curves", curves_picture(evaluation, info.threshold)),
            ("shap", shap_picture(values, test.encoded[explained], encoding)),
        ):
            write_whole(staging / f"{task.name}_{name}.png", picture)
        write_whole(staging / CARD, classifier_card(bundle, info, training, evaluation).encode())
        home = shelved(staging, folder / bundle.version)
    return ClassifierCandidate(ModelBundle.open(home), [one.row for one in compared], evaluation, training)


def _reference(one: Tried) -> str:
    return f"{REFERENCE}: {one.name}"


def _masks(parts: Any) -> dict[str, np.ndarray]:
    return {"fit": parts.fit, "validation": parts.validation, "test": parts.test}


def _check_equal(fitted: list[Any], contents: list[bytes], rows: np.ndarray) -> None:
    """Raises TrainingError where an ONNX file gives other probabilities than the library's own model."""
    for one, content in zip(fitted, contents, strict=True):
        difference = np.abs(probability(one, rows) - raw_probability(open_session(content), rows)).max(initial=0.0)
        if difference > TOLERANCE:
            raise TrainingError(
                f"the compiled model differs by {difference:.2g} from {type(one[-1]).__name__}, expected at most "
                f"{TOLERANCE:g}: these library versions do not go together; install those of constraints.txt"
            )


def _jumps(examples: Examples, every: Learnt, fit: np.ndarray, validation: np.ndarray, seed: int) -> list[Suspect]:
    """The inputs that a quick model cannot do without."""
    kind, draw = Kind(LIGHTGBM, PLAIN), np.random.default_rng(seed)
    at = np.flatnonzero(fit)
    at = np.sort(draw.choice(at, min(JUMP_ROWS, len(at)), replace=False))
    on = np.flatnonzero(validation)
    slices = dict(examples.encoding(fit | validation).slices())

    def auc(without: str = "") -> float:
        keep = np.ones(every.encoded.shape[1], bool)
        if without:
            keep[slices[without]] = False
        some = Learnt(every.encoded[at][:, keep], every.target[at], every.user[at])
        model = some.fitted(kind, {"n_estimators": 60, "learning_rate": 0.1}, seed)
        return auc_of(every.target[on], probability(model, every.encoded[on][:, keep]))

    return jumps(examples.names, auc(), auc) if len(examples.names) > 1 else []


def _holdout(examples: Examples, test: np.ndarray) -> pa.Table:
    rows = examples.take(test)
    table = rows.inputs.append_column(ROW_ID, rows.ids).append_column(USER, pa.array(rows.user))
    return table.append_column(TARGET, pa.array(rows.target))
