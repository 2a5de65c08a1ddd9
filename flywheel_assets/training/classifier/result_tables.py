"""What a training of a classifier found, as tables: the comparison, the evaluation and the importance of inputs."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.tables.contract import Column, arrow_schema
from flywheel_assets.warehouse.files import write_whole

if TYPE_CHECKING:
    from flywheel_assets.training.classifier.candidate import ClassifierCandidate

VERSION = Column("version", "string", "The candidate's.")

_FIGURES = tuple(
    Column(f"{name}{suffix}", "float64", f"{meaning}, {when}.")
    for name, meaning in (("log_loss", "Log loss, in nats"), ("brier", "Brier score"), ("ece", "Calibration error"))
    for suffix, when in (("", "as fitted"), ("_calibrated", "after calibration, by maps that had not seen the row"))
)

COMPARISON = (
    VERSION,
    Column("candidate", "string", "The model and how it treats imbalance, or the blend."),
    Column("model", "string", "logistic regression, random forest, XGBoost, LightGBM or blend."),
    Column("strategy", "string", "none, class weights, SMOTE or scale_pos_weight; empty for the blend."),
    Column("chosen", "boolean", "Whether the candidate's model is made this way."),
    Column("pr_auc", "float64", "Average precision on the validation part, which it is ranked by."),
    Column("roc_auc", "float64", "The area under the ROC curve."),
    *_FIGURES,
    Column("calibration", "string", "none, sigmoid or isotonic: the plainest that fits."),
    Column("parameters", "string", "What successive halving left."),
    Column("seconds", "float64", "What the search and the fit took."),
)

EVALUATION = (
    VERSION,
    Column("way", "string", "The model, or a baseline."),
    Column("of", "string", "Empty for the whole test part; else a group of its rows, or another split."),
    Column("metric", "string", "Its name."),
    Column("value", "float64", "On the test part."),
    Column("low", "float64", "The lower end of the 95 % interval, by a bootstrap of users."),
    Column("high", "float64", "The upper end."),
)

IMPORTANCE = (
    VERSION,
    Column("input", "string", "The column."),
    Column("auc_fall", "float64", "How far ROC-AUC falls on the test part when its values are shuffled."),
    Column("auc_fall_sd", "float64", "The standard deviation of that over repeats."),
    Column("mean_shap", "float64", "The mean size of its Shapley values, in log-odds."),
)


def comparison_rows(candidate: "ClassifierCandidate") -> list[dict[str, Any]]:
    """The rows of COMPARISON, the chosen one first."""
    names = [column.name for column in COMPARISON]
    return [
        {name: ({**one, "chosen": number == 0, "version": candidate.bundle.version})[name] for name in names}
        for number, one in enumerate(candidate.comparison)
    ]


def evaluation_rows(candidate: "ClassifierCandidate") -> list[dict[str, Any]]:
    """The rows of EVALUATION, the model first."""
    others = {f"split by {name}": one for name, one in candidate.evaluation.other_splits.items()}
    return [
        {
            "version": candidate.bundle.version,
            "way": way,
            "of": of,
            "metric": metric,
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
        }
        for of, evaluation in {"": candidate.evaluation, **candidate.evaluation.groups, **others}.items()
        for way, figures in evaluation.figures.items()
        for metric, estimate in figures.items()
    ]


def importance_rows(candidate: "ClassifierCandidate") -> list[dict[str, Any]]:
    """The rows of IMPORTANCE, the most important input first."""
    return [{"version": candidate.bundle.version, **row} for row in candidate.training["importance"]]


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    """Replaces the parquet file by these rows."""
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=arrow_schema(columns)), content)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content.getvalue())
