"""The asset `trained_candidate`: `flywheel models train --from KEY --to KEY`, over the range of session_labels."""

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.jobs import TRAINING_JOB
from flywheel_assets.orchestration.system import System
from flywheel_assets.training.comparison_asset import model_comparison
from flywheel_assets.training.files import TrainingFiles
from flywheel_assets.training.labels_assets import label_assets


def trained_candidate(
    context: dg.AssetExecutionContext, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    # Not with the definitions, which every process of Dagster's imports, and few train.
    from flywheel_assets.training.card import worth
    from flywheel_assets.training.network import without_epochs
    from flywheel_assets.training.sources import DEFAULT_SEED, range_source, train_and_track
    from flywheel_assets.training.tracking import metrics

    keys = TrainingFiles(flywheel.warehouse).read("session_labels")[0]["interval_start"]
    source = range_source(flywheel, keys.min(), keys.max(), context.log.warning)
    candidate, run = train_and_track(
        flywheel.settings.models_dir, source, DEFAULT_SEED, without_epochs(context.log.info)
    )
    figures = {name.replace(".", "_"): value for name, value in metrics(candidate).items() if ".network." in name}
    metadata = {
        "version": candidate.bundle.version,
        **figures,
        "session_model": worth(candidate.session),
        "user_model": worth(candidate.user),
        "path": dg.MetadataValue.path(str(candidate.bundle.directory)),
        "mlflow_run": run or "not tracked",
        "command": candidate.training["command"],
    }
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(candidate.bundle.version))


def training_assets() -> list[dg.AssetsDefinition]:
    """The candidate, made from the tables of labels."""
    return [
        dg.asset(
            name="trained_candidate",
            group_name="training",
            kinds={"keras", "scikitlearn", "mlflow"},
            description="Both models trained on the labelled sessions and users, measured beside baselines, as a "
            "candidate in models/candidates. The models in use stay as they are.",
            deps=["session_labels", "user_labels_for_training"],
        )(trained_candidate)
    ]


SYSTEM = System("training")
SYSTEM.assets.extend(
    [
        lambda settings, _: label_assets(settings.engine)[0],
        lambda settings, _: label_assets(settings.engine)[1],
        lambda settings, _: training_assets()[0],
        lambda settings, _: model_comparison,
    ]
)
SYSTEM.job(
    TRAINING_JOB,
    dg.AssetSelection.groups("training"),
    "Labels of a range of intervals and a candidate trained on them. The models in use stay.",
)
