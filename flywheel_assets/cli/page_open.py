"""`flywheel conversion open`: the page of a system in the browser. Imports stand inside, as in `main`."""

import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intervals import Interval


def add_open(group: click.Group, name: str, table: str, is_stale: "Callable[[Flywheel, Interval], bool]") -> None:
    """Adds open to a system's group. ``name``: of the system and of the kind of its pages. ``table``: the one that a
    page needs; ``is_stale``: whether the page of an interval has to be made."""

    @group.command("open", help=f"Open the page of {name} in the browser. It is made first where missing or stale.")
    @click.option("--interval", "key", metavar="KEY", help="The interval's first day  [default: the last with a page]")
    def open_page(key: str | None) -> None:
        from flywheel_assets.orchestration.home import dagster_home

        dagster_home(Path.cwd())
        import dagster as dg

        from flywheel_assets.definitions import defs, settings
        from flywheel_assets.errors import NotMaterializedError, ReportError
        from flywheel_assets.flywheel import Flywheel
        from flywheel_assets.orchestration.jobs import REPORTS_JOB
        from flywheel_assets.orchestration.runs import run_job
        from flywheel_assets.report.pages import Pages

        with Flywheel.open(settings) as flywheel, dg.DagsterInstance.get() as instance:
            there = flywheel.warehouse.keys(table)
            wanted = flywheel.interval(key).key if key else max(there, default="")
            if wanted not in there:
                raise NotMaterializedError(f"{table} of {wanted or 'every interval'} is missing: flywheel run")
            interval = flywheel.calendar.key(wanted)
            if is_stale(flywheel, interval):
                run = run_job(defs.resolve_job_def(REPORTS_JOB), instance, wanted, wanted, [f"{name}_page"])
                if run.failure:
                    raise ReportError(f"the page of {name} of {wanted} could not be made: {run.failure}")
            path = Pages(flywheel.warehouse.folder, name).path(interval)
        if not path.is_file():
            raise ReportError(f"{path} is missing and could not be made: flywheel status says why")
        click.echo(f"page: {path}")
        if not webbrowser.open(path.resolve().as_uri()):
            raise ReportError(f"no browser could be opened here; the page is at {path}")
