"""`flywheel intent open`: the page of intent in the browser. Imports stand inside, as in `main`."""

import webbrowser
from pathlib import Path

import click


@click.command("open")
@click.option("--interval", "key", metavar="KEY", help="The interval's first day  [default: the last with scores]")
@click.option("--user", "user_id", metavar="ID", help="Open the page at this user.")
def open_page(key: str | None, user_id: str | None) -> None:
    """Open the page of intent in the browser: the ranking, each user's points, how sure they are, experiments. Makes
    it first where it is missing or stale."""
    from flywheel_assets.orchestration.home import dagster_home

    dagster_home(Path.cwd())
    import dagster as dg

    from flywheel_assets.definitions import defs, settings
    from flywheel_assets.errors import ReportError, UnknownUserError
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.intent.page_content import MOST_USERS
    from flywheel_assets.intent.page_file import is_stale, pages
    from flywheel_assets.intent.ranking import scored_interval
    from flywheel_assets.orchestration.jobs import REPORTS_JOB
    from flywheel_assets.orchestration.runs import run_job

    with Flywheel.open(settings) as flywheel, dg.DagsterInstance.get() as instance:
        interval = scored_interval(flywheel, key)
        path = pages(flywheel).path(interval)
        if is_stale(flywheel, interval):
            run = run_job(defs.resolve_job_def(REPORTS_JOB), instance, interval.key, interval.key, ["intent_page"])
            if run.failure:
                raise ReportError(f"the page of intent of {interval.key} could not be made: {run.failure}")
        place = ""
        if user_id is not None:
            rows = flywheel.warehouse.read("ranked_users", interval)
            found = flywheel.engine.collect(
                rows.filter(rows.user_id == user_id, rows["rank"] <= MOST_USERS)
            ).to_pylist()
            if not found:
                raise UnknownUserError(
                    f"{user_id!r} is not on the page of {interval.key}, which has the users with the highest scores; "
                    "flywheel intent explain --user shows any user"
                )
            place = f"#user-{found[0]['rank']}"
    click.echo(f"page: {path}{place}")
    if not webbrowser.open(path.resolve().as_uri() + place):
        raise ReportError(f"no browser could be opened here; the page is at {path}")
