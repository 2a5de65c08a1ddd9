"""How long the features of many interactions take, out of core, as a whole process.

    python -m benchmarks.engagement --interactions 20_000_000

Interactions are simulated in the shape of MovieLens 20M: few users and items have most of them, and a user's come in
bursts of seconds. What is measured makes engagement_dataset from them: every feature, and the part by each protocol."""

import sys
import tempfile
from pathlib import Path

import click
import duckdb

from benchmarks.compare import PROJECT
from benchmarks.spent import CommandError, Spent, spent
from benchmarks.targets import Target, machine, targets_table
from flywheel_assets.cli.console import table, terminal
from flywheel_assets.engagement.engagement_files import MADE_FROM_KEY
from flywheel_assets.engagement.interaction_sources import made_from
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.settings import Settings

SECONDS, PEAK_MB = 300.0, 4000.0
USERS, ITEMS = 138_000, 27_000

MAKE = """
from flywheel_assets.engagement.interaction_tables import make_dataset
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.settings import Settings
with Flywheel.open(Settings.read()) as flywheel:
    make_dataset(flywheel)
"""


@click.command()
@click.option("--interactions", type=int, default=20_000_000, show_default=True, help="About how many.")
@click.option("--memory-limit", default="3GB", show_default=True, help="Of the engine; a process needs more.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=PROJECT / "data" / "bench",
    help="Where runs write  [default: data/bench]",
)
def main(interactions: int, memory_limit: str, folder: Path) -> None:
    """Time and memory of the features of simulated interactions."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.absolute()) as fresh:
        with Flywheel.open(Settings.read(Path(fresh), {})) as flywheel:
            made = made_from(flywheel)
        rows = simulated(Path(fresh) / "data" / "warehouse" / "engagement", interactions, made)
        try:
            found = spent([sys.executable, "-c", MAKE], Path(fresh), {"FLYWHEEL_MEMORY_LIMIT": memory_limit})
        except CommandError as error:
            sys.exit(f"error: {error}")
    lines = [("engagement_dataset", found.wall_seconds, found.cpu_seconds, found.peak_mb)]
    console = terminal()
    console.print(table(("", "seconds", "CPU seconds", "peak MB"), lines, f"{rows:,} interactions, {machine()}"))
    console.print(targets_table(targets(found)))


def simulated(folder: Path, count: int, made: str) -> int:
    """Interactions and items as the warehouse has them, and how many; less than ``count``, because some repeat.
    ``made``: the digest of what they are made from."""
    note = f"(KV_METADATA {{'{MADE_FROM_KEY}': '{made}'}})"
    folder.mkdir(parents=True)
    with duckdb.connect(config={"memory_limit": "3GB", "threads": 2}) as connection:
        connection.execute("SELECT setseed(0.1)")
        connection.execute(
            f"""COPY (
                SELECT 'u' || u AS user_id, 'i' || i AS item_id, 800000000 + (hash(u) % 600000000)::BIGINT
                    + floor(random() * if(random() < 0.9, 3600, 90000000))::BIGINT AS timestamp_unix,
                    floor(least(5, greatest(0.5, 3 + (hash(i) % 100) / 50 + random() + random() - 1)) * 2) / 2
                    ::DOUBLE AS strength
                FROM (SELECT floor({USERS} * pow(random(), 2.2))::BIGINT AS u,
                    floor({ITEMS} * pow(random(), 3))::BIGINT AS i FROM range({count}))
                ) TO '{folder}/drawn.parquet'"""
        )
        (rows,) = connection.execute(
            f"""COPY (SELECT user_id, item_id, timestamp_unix, max(strength) AS strength
                FROM '{folder}/drawn.parquet' GROUP BY ALL) TO '{folder}/interactions.parquet' {note}"""
        ).fetchone() or (0,)
        connection.execute(
            f"""COPY (SELECT 'i' || i AS item_id,
                list_transform(range(1 + (i * 7) % 3), k -> 'group ' || ((i * (k + 3) + k) % 19)) AS groups,
                (1920 + (i * 31) % 100)::INTEGER AS year FROM range({ITEMS}) AS _(i))
                TO '{folder}/items.parquet' {note}"""
        )
    (folder / "drawn.parquet").unlink()
    return int(rows)


def targets(found: Spent) -> list[Target]:
    """What is asked at 20 million interactions on two cores."""
    return [Target("seconds", found.wall_seconds, SECONDS), Target("peak MB", found.peak_mb, PEAK_MB)]


if __name__ == "__main__":
    main()
