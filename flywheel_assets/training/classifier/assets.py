"""The assets of a classifier's training, for the system that owns it: comparison, model, evaluation, importance."""

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.metadata import column_schema, readable, records
from flywheel_assets.orchestration.system import Partitions
from flywheel_assets.settings import Settings
from flywheel_assets.training.classifier import result_tables as tables
from flywheel_assets.training.classifier.examples import Examples
from flywheel_assets.training.classifier.task import ClassifierTask
from flywheel_assets.training.classifier.threshold import ThresholdRule


class TrainingConfig(dg.Config):
    """What a training may be told."""

    threshold: str = Field("f1", description="f1, cost:5 or capacity:2000: what the threshold is chosen for.")
    drop: list[str] = Field([], description="Inputs to learn without.")
    allow: list[str] = Field([], description="Inputs that may seem to know the outcome.")


@dataclass(frozen=True)
class TrainingAssets:
    """The names of the four assets, the ``group`` they are in and the table they are trained on; ``prepare`` gives a
    flywheel's task and examples; ``used`` says, of settings, whether a project has them; ``command`` trains the
    same."""

    group: str
    comparison: str
    model: str
    evaluation: str
    importance: str
    source: str
    prepare: Callable[[Flywheel, ThresholdRule], tuple[ClassifierTask, Examples]]
    used: Callable[[Settings], bool]
    command: str

    def __call__(self, settings: Settings, partitions: Partitions) -> dg.AssetsDefinition | None:
        """One step that makes all four; None for a project without them."""
        if not self.used(settings):
            return None
        return _assets(self)


def _assets(names: TrainingAssets) -> dg.AssetsDefinition:
    described: list[tuple[str, str, str, set[str]]] = [
        (
            names.comparison,
            names.source,
            "Every model with every treatment of imbalance, and the blend of the best, on the validation part: ranked "
            "by PR-AUC, with log loss and Brier before and after calibration.",
            {"parquet", "scikitlearn"},
        ),
        (
            names.model,
            names.comparison,
            "The chosen one, calibrated and with a threshold, as a candidate in the models folder. The model in use "
            "stays as it is.",
            {"onnx", "mlflow"},
        ),
        (
            names.evaluation,
            names.model,
            "How well it does on the test part, beside baselines; every figure with the interval of a bootstrap by "
            "user.",
            {"parquet"},
        ),
        (
            names.importance,
            names.model,
            "What it rests on, on the test part: permutation importance and Shapley values.",
            {"parquet"},
        ),
    ]

    @dg.multi_asset(
        name=f"{names.model}_training",
        specs=[
            dg.AssetSpec(
                name,
                deps=[source],
                description=text,
                kinds=kinds,
                group_name=names.group,
                metadata=_columns(names, name),
            )
            for name, source, text, kinds in described
        ],
        can_subset=False,
    )
    def training(
        context: dg.AssetExecutionContext, config: TrainingConfig, flywheel: dg.ResourceParam[Flywheel]
    ) -> Iterator[dg.MaterializeResult[None]]:
        # Not with the definitions, which every process of Dagster's imports, and few train.
        from flywheel_assets.training.classifier.record import train_and_track

        task, examples = names.prepare(flywheel, ThresholdRule.parse(config.threshold))
        trained, run = train_and_track(
            task,
            examples.without(config.drop),
            names.command,
            flywheel.now(),
            context.log.info,
            threads=flywheel.settings.threads,
            allowed=config.allow,
        )
        directory, info = trained.bundle.directory, trained.bundle.classifiers[task.name]
        version, folder = dg.DataVersion(trained.bundle.version), flywheel.warehouse.folder / names.group

        def table(name: str, rows: Sequence[dict[str, Any]], columns: Any, picture: str) -> dg.MaterializeResult[None]:
            path = folder / f"{name}.parquet"
            tables.write_rows(path, rows, columns)
            metadata: dict[str, Any] = {
                "rows": len(rows),
                "path": dg.MetadataValue.path(str(path)),
                "picture": _picture(directory / f"{task.name}_{picture}.png"),
                **records("table", rows),
            }
            return dg.MaterializeResult(asset_key=name, metadata=metadata, data_version=version)

        figures = trained.evaluation.model
        yield table(names.comparison, tables.comparison_rows(trained), tables.COMPARISON, "comparison")
        yield dg.MaterializeResult(
            asset_key=names.model,
            data_version=version,
            metadata={
                "version": trained.bundle.version,
                "chosen": info.description,
                "horizon": info.horizon,
                "calibration": info.calibration.method,
                **readable({"threshold": info.threshold}),
                "threshold_chosen_for": info.threshold_rule,
                **(
                    {"warnings": dg.MetadataValue.md("\n".join(f"- {w}" for w in trained.training["warnings"]))}
                    if trained.training["warnings"]
                    else {}
                ),
                "path": dg.MetadataValue.path(str(directory)),
                "mlflow_run": run or "not tracked",
                "promote": f"{task.commands} promote {trained.bundle.version}",
            },
        )
        evaluated = table(names.evaluation, tables.evaluation_rows(trained), tables.EVALUATION, "curves")
        numbers = readable(
            {metric.lower().replace(" %", "").replace(" ", "_"): e.value for metric, e in figures.items()}
        )
        yield evaluated._replace(metadata={**numbers, **(evaluated.metadata or {})})
        yield table(names.importance, tables.importance_rows(trained), tables.IMPORTANCE, "shap")

    return training


def _columns(names: TrainingAssets, name: str) -> dict[str, Any]:
    """The declared columns of a table; none for the model."""
    columns = {
        names.comparison: tables.COMPARISON,
        names.evaluation: tables.EVALUATION,
        names.importance: tables.IMPORTANCE,
    }.get(name)
    return {"dagster/column_schema": column_schema(columns)} if columns else {}


def _picture(path: Path) -> dg.MarkdownMetadataValue:
    """A PNG, to be seen in the UI itself."""
    return dg.MetadataValue.md(f"![{path.stem}](data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()})")
