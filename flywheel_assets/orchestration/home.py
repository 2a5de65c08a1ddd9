"""DAGSTER_HOME: where Dagster keeps runs and events, `.dagster` in the working folder if the environment is silent."""

import os
from importlib.resources import files
from pathlib import Path

import dagster as dg

from flywheel_assets.warehouse.files import locked, write_whole

DEFAULT_HOME = ".dagster"


def dagster_home(folder: Path) -> Path:
    """The home, made if it is missing, with the shipped `dagster.yaml` where it has none; set in the environment.

    An existing `dagster.yaml` is left as it is."""
    home = Path(os.environ.get("DAGSTER_HOME") or folder / DEFAULT_HOME).resolve()
    home.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)
    with locked(home / ".lock"):
        config = home / "dagster.yaml"
        if not config.exists():
            shipped = files("flywheel_assets").joinpath("dagster.yaml").read_text()
            write_whole(config, shipped.replace("{cores}", str(os.cpu_count() or 1)).encode())
        if not (home / "history" / "runs.db").exists():  # two processes that begin it at one moment break it for good
            with dg.DagsterInstance.from_config(str(home)) as instance:
                instance.get_runs_count()
    return home
