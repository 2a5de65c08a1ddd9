"""How long features, scores and explanations of users take, beside a pandas script with the same rules.

    python -m benchmarks.intent --events 50_000_000 --script-events 5_000_000

Measured is what `flywheel run` makes of one interval after its sessions: what users did on each day of the look-back,
their features, scores, explanations and ranking, with the checks, whole process."""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.compare import PROJECT
from benchmarks.events import FIRST_DAY, drawn
from benchmarks.spent import CommandError, Spent, spent
from benchmarks.targets import Target, machine, targets_table
from flywheel_assets.cli.console import table, terminal
from flywheel_assets.intent.rules_text import rules_text

DAYS, LAST_DAY = 84, "2024-03-24"
EVENTS_A_USER = 50
SECONDS, MEMORY_MB, TIMES_AS_FAST = 300.0, 4000.0, 5.0
MANY_EVENTS = 50_000_000

KINDS = {
    "page_views": "page_view",
    "pricing_visits": "pricing_visit",
    "demo_requests": "demo_request",
    "signups": "signup",
    "bookings": "booking",
    "purchases": "purchase",
    "email_opens": "email_open",
    "email_clicks": "email_click",
}
NAMES = (*["page_view"] * 50, *["pricing_visit"] * 6, *["email_open"] * 4, *list(KINDS.values())[2:6], "email_click")

MAPPING = """
[columns]
user = "user_id"
time = "event_time"
event = "event_name"
[features.views]
count = "page_view"
[features.distinct_items]
distinct = "item_id"
[kinds]
""" + "\n".join(f'{kind} = "{name}"' for kind, name in KINDS.items())

FEATURES = '[features.views]\nkind = "count"\n[features.distinct_items]\nkind = "count"\n'


@click.command()
@click.option("--events", type=int, default=50_000_000, show_default=True, help="About how many.")
@click.option("--script-events", type=int, default=5_000_000, show_default=True, help="Beside the script; 0 for none.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=PROJECT / "data" / "bench",
    help="Where the events are kept for the next time, and runs write  [default: data/bench]",
)
def main(events: int, script_events: int, folder: Path) -> None:
    """Time and memory of features, scores and explanations of users."""
    measured: dict[str, tuple[int, Spent]] = {}
    try:
        if events:
            whole, rules, _ = made(drawn(folder.absolute(), events, DAYS, NAMES, EVENTS_A_USER), folder, ())
            measured["graph, from events"], measured["graph, rules alone"] = (events, whole), (events, rules)
        if script_events:
            few = drawn(folder.absolute(), script_events, DAYS, NAMES, EVENTS_A_USER)
            whole, rules, scripts = made(few, folder, ("--by-row", ""))
            measured["graph, few, from events"] = script_events, whole
            measured["script, from events"] = script_events, script(few, folder)
            measured["graph, few, rules alone"] = script_events, rules
            measured["script, rules row by row"], measured["script, rules vectorized"] = (
                (script_events, one) for one in scripts
            )
    except CommandError as error:
        sys.exit(f"error: {error}")
    lines = [
        (name, count, count // EVENTS_A_USER, one.wall_seconds, one.cpu_seconds, one.peak_mb)
        for name, (count, one) in measured.items()
    ]
    console = terminal()
    columns = ("", "events", "users", "seconds", "CPU seconds", "peak MB")
    console.print(table(columns, lines, f"intent of users, {machine()}"))
    console.print()
    console.print(targets_table(targets(measured)))


def targets(measured: dict[str, tuple[int, Spent]]) -> list[Target]:
    """What is asked at 50 M events of 1 M users on two cores, and of the rules beside the scripts."""
    wanted = []
    count, graph = measured.get("graph, from events", (0, None))
    if graph and count >= MANY_EVENTS:
        wanted.append(Target("seconds", graph.wall_seconds, SECONDS))
        wanted.append(Target("MB", graph.peak_mb, MEMORY_MB))
    for ours, theirs in (
        ("graph, rules alone", "script, rules row by row"),
        ("graph, few, rules alone", "script, rules row by row"),
        ("graph, few, rules alone", "script, rules vectorized"),
        ("graph, few, from events", "script, from events"),
    ):
        if ours in measured and theirs in measured:
            (many, one), (few, other) = measured[ours], measured[theirs]
            ratio = one.wall_seconds / many / (other.wall_seconds / few)
            wanted.append(Target(f"time per user of {ours}, beside {theirs}", ratio, 1 / TIMES_AS_FAST))
    return wanted


def made(events: Path, folder: Path, scripts: Sequence[str]) -> tuple[Spent, Spent, list[Spent]]:
    """The tables of intent of the last interval in an empty folder, its sessions cut before; then scores and
    explanations again by themselves, and the rules by scripts with these options over the same features."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        place = Path(fresh)
        (place / "events.toml").write_text(MAPPING)
        (place / "features.toml").write_text(FEATURES)
        (place / "intent_rules.toml").write_text(rules_text(list(KINDS)))
        settings = {
            "FLYWHEEL_EVENTS_DIR": str(events),
            "FLYWHEEL_MODELS_DIR": str(place / "models"),
            "FLYWHEEL_FIRST_INTERVAL": FIRST_DAY,
            "FLYWHEEL_MEMORY_LIMIT": "2500MB",
            "DAGSTER_HOME": str(place),
            "PYTHONPATH": str(PROJECT),
        }
        spent([sys.executable, "-m", "benchmarks.event_sessions"], place, settings)
        tables = [sys.executable, "-m", "benchmarks.intent_tables", LAST_DAY]
        whole = spent(tables, place, settings)
        rules = spent([*tables, "intent_scores", "intent_explanations"], place, settings)
        features = next((place / "data/warehouse/user_features").glob("*/*.parquet"))
        return whole, rules, [script(features, folder, *filter(None, [option])) for option in scripts]


def script(source: Path, folder: Path, *options: str) -> Spent:
    """The pandas script over the same events, or features."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        place = Path(fresh)
        (place / "rules.toml").write_text(rules_text(list(KINDS)))
        (place / "kinds.json").write_text(json.dumps(KINDS))
        files = [str(place / name) for name in ("rules.toml", "kinds.json")]
        command = [sys.executable, "-m", "benchmarks.script_intent", str(source), *files, LAST_DAY]
        return spent([*command, str(place / "scores.parquet"), *options], place, {"PYTHONPATH": str(PROJECT)})


if __name__ == "__main__":
    main()
