"""How long sessions of raw events take, beside a pandas script that cuts and counts the same.

    python -m benchmarks.events --events 50_000_000 --script-events 2_000_000

Measured is event_sessions of every interval with its checks, as `flywheel run` makes it, whole process, the index of
the files included."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import duckdb

from benchmarks.compare import PROJECT
from benchmarks.spent import CommandError, Spent, spent
from benchmarks.targets import Target, machine, targets_table
from flywheel_assets.cli.console import table, terminal
from flywheel_assets.tables.generation import digest

FIRST_DAY = "2024-01-01"
SECONDS, MEMORY_MB, TIMES_AS_FAST = 240.0, 4000.0, 8.0
MANY_EVENTS = 50_000_000
EVENTS_A_USER, EVENTS_A_SESSION = 60, 8

MAPPING = """
[columns]
user = "user_id"
time = "event_time"
event = "event_name"
[features.views]
count = "view"
[features.carts]
count = "cart"
[features.purchases]
count = "purchase"
[features.revenue]
sum = "price"
[features.distinct_items]
distinct = "item_id"
[features.minutes]
duration = "minutes"
"""

FEATURES = "\n".join(
    f'[features.{name}]\nkind = "{kind}"'
    for name, kind in [
        *((name, "count") for name in ("views", "carts", "purchases")),
        ("revenue", "amount"),
        ("distinct_items", "count"),
        ("minutes", "duration"),
    ]
)


@click.command()
@click.option("--events", type=int, default=50_000_000, show_default=True, help="About how many.")
@click.option("--days", type=int, default=168, show_default=True, help="Over so many days.")
@click.option("--script-events", type=int, default=2_000_000, show_default=True, help="Beside the script; 0 for none.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=PROJECT / "data" / "bench",
    help="Where the events are kept for the next time, and runs write  [default: data/bench]",
)
def main(events: int, days: int, script_events: int, folder: Path) -> None:
    """Time and memory of cutting events into sessions."""
    measured: dict[str, tuple[int, Spent]] = {}
    try:
        if events:
            measured[f"graph, {days} days"] = events, graph(drawn(folder.absolute(), events, days), folder)
        if script_events:
            few = drawn(folder.absolute(), script_events, 14)
            measured["graph, 14 days"] = script_events, graph(few, folder)
            measured["script, lambdas"] = script_events, script(few, folder, "--lambdas")
            measured["script, vectorized"] = script_events, script(few, folder)
    except CommandError as error:
        sys.exit(f"error: {error}")
    lines = [
        (name, count, one.wall_seconds, one.cpu_seconds, one.peak_mb, round(count / one.wall_seconds))
        for name, (count, one) in measured.items()
    ]
    console = terminal()
    columns = ("", "events", "seconds", "CPU seconds", "peak MB", "events per second")
    console.print(table(columns, lines, f"sessions of events, {machine()}"))
    console.print()
    console.print(targets_table(targets(measured)))


def targets(measured: dict[str, tuple[int, Spent]]) -> list[Target]:
    """What is asked at 50 M events on two cores, and of its time per event against that of the scripts."""
    (count, graphs), *_ = measured.values()
    wanted = []
    if count >= MANY_EVENTS:
        wanted.append(Target("seconds", graphs.wall_seconds, SECONDS))
        wanted.append(Target("MB", graphs.peak_mb, MEMORY_MB))
    for name, (events, one) in measured.items():
        if name.startswith("script"):
            ratio = graphs.wall_seconds / count / (one.wall_seconds / events)
            wanted.append(Target(f"time per event of {name}", ratio, 1 / TIMES_AS_FAST))
    return wanted


NAMES = ("view", "view", "view", "view", "click", "click", "cart", "purchase")
"""Of the events of a session, in no order; a name as often as it stands here."""


def drawn(
    folder: Path, events: int, days: int, names: Sequence[str] = NAMES, events_a_user: int = EVENTS_A_USER
) -> Path:
    """A folder with about so many events, a file per week, written once: sessions of some eight events."""
    path = folder / "_".join(["events", str(events), str(days), *([digest(repr(names))] if names != NAMES else [])])
    if path.is_dir():
        return path
    staged = path.with_name(f".{path.name}")
    staged.mkdir(parents=True)
    users, sessions = max(events // events_a_user, 1), events // EVENTS_A_SESSION
    with duckdb.connect(
        config={"threads": 2, "memory_limit": "4GB", "temp_directory": str(staged / "spill")}
    ) as engine:
        for week in range(0, days, 7):
            length = min(7, days - week)
            many = sessions * length // days
            engine.execute(f"""
                copy (
                    select
                        'u' || (hash(s, {week}) % {users})::varchar as user_id,
                        make_timestamp(
                            (epoch_us(timestamp '{FIRST_DAY}') + ({week} * 86400 + hash(s, 1, {week}) % {length * 86400}
                            + e * 45 + hash(s, e) % 40) * 1000000)::bigint) as event_time,
                        {list(names)}[1 + (hash(e, s) % {len(names)})::int] as event_name,
                        (hash(e, s, 2) % 20000)::bigint as item_id,
                        case when hash(e, s) % 8 = 7 then round(hash(s, e, 3) % 20000 / 100.0, 2) end as price
                    from range({many}) sessions(s), range({EVENTS_A_SESSION}) steps(e)
                ) to '{staged}/week_{week // 7:03}.parquet' (format parquet)""")
    for spill in staged.glob("spill*"):
        spill.rmdir()
    staged.rename(path)
    return path


def graph(events: Path, folder: Path) -> Spent:
    """event_sessions of all intervals in an empty folder."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        place = Path(fresh)
        (place / "events.toml").write_text(MAPPING)
        (place / "features.toml").write_text(FEATURES)
        settings = {
            "FLYWHEEL_EVENTS_DIR": str(events),
            "FLYWHEEL_MODELS_DIR": str(place / "models"),
            "FLYWHEEL_FIRST_INTERVAL": FIRST_DAY,
            "FLYWHEEL_MEMORY_LIMIT": "2500MB",
            "DAGSTER_HOME": str(place),
        }
        return spent(
            [sys.executable, "-m", "benchmarks.event_sessions"], place, settings | {"PYTHONPATH": str(PROJECT)}
        )


def script(events: Path, folder: Path, *options: str) -> Spent:
    """The pandas script over the same files."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        out = str(Path(fresh) / "sessions.parquet")
        command = [sys.executable, "-m", "benchmarks.script_events", str(events), out, *options]
        return spent(command, Path(fresh), {"PYTHONPATH": str(PROJECT)})


if __name__ == "__main__":
    main()
