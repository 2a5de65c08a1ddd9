"""DAGSTER_HOME: where Dagster keeps runs and events, `.dagster` in the working folder if the environment is silent."""

import hashlib
import os
import re
from importlib.resources import files
from pathlib import Path

import dagster as dg

from flywheel_assets.warehouse.files import locked, write_whole

DEFAULT_HOME = ".dagster"

SHIPPED_EARLIER = {"870d67451694d01fdf0edc457718fef1a80359707f37f8ba6f83c5abdcaf6ac0"}
"""SHA-256 of each earlier `dagster.yaml`, without its number of runs. One that nobody edited is replaced."""


def dagster_home(folder: Path) -> Path:
    """The home, made if it is missing, with the shipped `dagster.yaml` where it has none; set in the environment.

    An existing `dagster.yaml` is left as it is, unless it is what an earlier version shipped; then its number of
    concurrent runs stays."""
    home = Path(os.environ.get("DAGSTER_HOME") or folder / DEFAULT_HOME).resolve()
    home.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)
    with locked(home / ".lock"):
        config = home / "dagster.yaml"
        runs = _runs_of_an_earlier_version(config.read_text()) if config.exists() else str(os.cpu_count() or 1)
        if runs:
            shipped = files("flywheel_assets").joinpath("dagster.yaml").read_text()
            write_whole(config, shipped.replace("{cores}", runs).encode())
        if not (home / "history" / "runs.db").exists():  # two processes that begin it at one moment break it for good
            with dg.DagsterInstance.from_config(str(home)) as instance:
                instance.get_runs_count()
    return home


def _runs_of_an_earlier_version(text: str) -> str | None:
    """The number of concurrent runs in a file that an earlier version shipped; None for any other."""
    number = re.search(r"(?<=max_concurrent_runs: )\d+", text)
    if number is None:
        return None
    shipped = text[: number.start()] + "{cores}" + text[number.end() :]
    return number[0] if hashlib.sha256(shipped.encode()).hexdigest() in SHIPPED_EARLIER else None
