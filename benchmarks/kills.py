"""`kill -9` at random moments of `flywheel run` and of runs under a daemon: what the tables are like after each.

    python -m benchmarks.kills --kills 200 --daemon-share 0.2

Before each the landing file is replaced by its other version, so that each table has something to become. After it
every table has to be of one version or the other, whole; every fifth time, and at the end, one further `flywheel run`
has to make all of them right with nobody's help. Exits with 1 when anything was wrong."""

import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from flywheel_assets.cli.console import table, terminal
from flywheel_assets.orchestration.processes import end_abandoned_runs
from flywheel_assets_tests.daemons import (
    SETTLED_SECONDS,
    Versions,
    dagster_dev,
    flywheel_run,
    recorded,
    unfinished,
    workers,
)
from flywheel_assets_tests.processes import wait_until
from flywheel_assets_tests.projects import sessions

CALENDAR = {"FLYWHEEL_FIRST_INTERVAL": "2024-01-15", "FLYWHEEL_LAST_INTERVAL": "2024-01-29"}
FURTHER_RUN_EVERY = 5
WHOLE_TREE_EVERY = 4
"""Under a daemon, every so many kills are of all of Dagster, and the others of the one process that a run is in."""

BROKEN, HELPLESS, LEFT = "tables broken by a kill", "further runs that failed", "runs left unfinished at the end"
WRONG = (BROKEN, HELPLESS, LEFT)


@click.command()
@click.option("--kills", type=click.IntRange(1), default=200, show_default=True)
@click.option("--daemon-share", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Of the kills.")
@click.option("--sessions", "count", type=click.IntRange(1), default=2000, show_default=True, help="An interval.")
@click.option("--seed", type=int, default=7, show_default=True)
def main(kills: int, daemon_share: float, count: int, seed: int) -> None:
    """Kill as often as asked for, and print what came of it."""
    moments = random.Random(seed)
    found: Counter[str] = Counter()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        versions = Versions(Path(folder), [landing(count, shift) for shift in (0, 1)], **CALENDAR)
        under_daemon = round(kills * daemon_share)
        kill_runs(versions, kills - under_daemon, moments, found)
        if under_daemon:
            kill_under_a_daemon(versions, under_daemon, moments, found)
        with recorded(versions.project) as instance:
            end_abandoned_runs(instance, datetime.now(UTC) + timedelta(minutes=5))
            found[LEFT] = len(unfinished(instance))
    found["minutes"] = round((time.monotonic() - started) / 60)
    terminal().print(table(("what", "times"), list(found.items())))
    if any(found[wrong] for wrong in WRONG):
        sys.exit(1)


def landing(count: int, shift: int) -> dict[str, object]:
    """A landing file of two intervals; the versions share some users and half of the sessions."""
    rows = [
        (f"user{n // 3}", f"2024-{day} {(n + shift * (n % 2)) % 24:02}", (n * 7) % 40 + 1)
        for day in ("01-16", "01-30")
        for n in range(count)
    ]
    return {"one.parquet": sessions(*dict.fromkeys(rows))}


def kill_runs(versions: Versions, kills: int, moments: random.Random, found: Counter[str]) -> None:
    """Kills of `flywheel run`, between its start and a little after it would have ended."""
    versions.land(0)
    started = time.monotonic()
    further_run(versions, 0, found)
    whole = time.monotonic() - started
    for number in range(1, kills + 1):
        versions.land(number % 2)
        if flywheel_run(versions.project).killed_after(moments.uniform(0.2, 1.05) * whole):
            found["kills of flywheel run"] += 1
            with recorded(versions.project) as instance:
                found["of them inside of a run of an interval"] += bool(unfinished(instance))
        else:
            found["ended before they were killed"] += 1
        look(versions, found)
        if number % FURTHER_RUN_EVERY == 0 or number == kills:
            further_run(versions, number % 2, found)
        progress(number, kills, "flywheel run")


def kill_under_a_daemon(versions: Versions, kills: int, moments: random.Random, found: Counter[str]) -> None:
    """Kills of a run's process, and of all of Dagster, which is started again."""
    with recorded(versions.project) as instance:
        for begun in range(0, kills, WHOLE_TREE_EVERY):
            with ExitStack() as running:
                dagster = running.enter_context(dagster_dev(versions.project))
                for number in range(begun + 1, min(begun + WHOLE_TREE_EVERY, kills) + 1):
                    versions.land(number % 2, age_seconds=SETTLED_SECONDS + moments.random())
                    try:
                        wait_until(lambda: workers(dagster), 120, 0.1)  # noqa: B023
                    except TimeoutError:
                        found["no run within two minutes"] += 1
                        continue
                    time.sleep(moments.uniform(0, 8))
                    if number % WHOLE_TREE_EVERY == 0:
                        dagster.kill()
                        found["kills of all of Dagster"] += 1
                    else:
                        alive = workers(dagster)
                        for worker in alive[:1]:
                            worker.kill()
                        found["kills of a run under the daemon"] += len(alive[:1])
                    look(versions, found)
                    progress(number, kills, "under a daemon")
        last = kills % 2
        with dagster_dev(versions.project):
            try:
                wait_until(lambda: versions.is_of(last) and not unfinished(instance), 240, 2)
                found["brought right by the daemon alone"] += 1
            except TimeoutError:
                found["left to a further flywheel run"] += 1
    further_run(versions, last, found)


def look(versions: Versions, found: Counter[str]) -> None:
    """Count what is neither old nor new."""
    broken = versions.broken()
    found[BROKEN] += len(broken)
    for what in broken:
        click.echo(what, err=True)


def further_run(versions: Versions, version: int, found: Counter[str]) -> None:
    """One more `flywheel run`, after which all has to be right."""
    run = flywheel_run(versions.project)
    code = run.wait(300)
    with recorded(versions.project) as instance:
        right = code == 0 and versions.is_of(version) and versions.states(instance) == {"done"}
    found["further runs"] += 1
    found[HELPLESS] += not right
    if not right:
        click.echo(run.said(), err=True)


def progress(number: int, kills: int, of: str) -> None:
    if number % 10 == 0 or number == kills:
        click.echo(f"{of}: {number} of {kills}", err=True)


if __name__ == "__main__":
    main()
