"""A project with events, rules of intent and an experiment."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flywheel_assets.intent.assets import TABLES
from flywheel_assets.orchestration.jobs import RUN_JOB
from flywheel_assets.orchestration.runs import JobRun, run_job
from flywheel_assets.users.spine import SPINE
from flywheel_assets_tests.ingest.projects import events_project, land_events, mapping_text
from flywheel_assets_tests.projects import Project

EXPERIMENTS = ("experiment_assignment", "experiment_readout")
NEEDED = ("user_days", "user_features", "intent_scores", "intent_outcomes", *EXPERIMENTS)
INTENT = tuple(table.name for table in TABLES if table.name in NEEDED)
ALL = (*(table.name for table in SPINE), *INTENT)

KEYS = FIRST, SECOND, THIRD = "2024-01-15", "2024-01-29", "2024-02-12"
ODD = ["o'neil", '"quoted"', "<b>bold</b>", "a,b", "=1+1"]
PEOPLE = [*ODD, *(f"u{i:03d}" for i in range(95))]

MAPPING = mapping_text(extra='[kinds]\npage_views = "view"\npurchases = "buy"\n')
RULES = """
[outcome]
kind = "purchases"
[tiers]
High = 20
Low = 1
[groups.all]
cap = 99
reason = "Everything."
[rules.views]
group = "all"
feature = "page_views"
points = 90
half_at = 3
reason = "Who looks at more pages buys more."
"""
PRICING = f"""
[pricing]
assign = "{FIRST}"
until = "{THIRD}"
arms = {{ control = 0.5, email = 0.5 }}
hold_out = 0.2
exclusive = "e-mail"
"""
LATER = PRICING.replace("[pricing]", "[later]").replace(f'"{FIRST}"', f'"{SECOND}"')


def views_and_purchases() -> list[Sequence[Any]]:
    """Everybody views up to five pages in each interval, and every third buys in the second, which is complete: it has
    sessions on each Saturday."""
    events: list[Sequence[Any]] = [(PEOPLE[-1], f"2024-02-10 {hour}:00", "view") for hour in range(10, 20)]
    for i, user in enumerate(PEOPLE):
        for day in ("2024-01-20", "2024-02-03", "2024-02-20"):
            events += [(user, f"{day} {10 + view}:00", "view") for view in range(1 + i % 5)]
        if i % 3 == 0:
            events.append((user, "2024-02-05 12:00", "buy"))
    return events


def project_in(folder: Path, experiments: str = PRICING) -> Project:
    project = events_project(folder, MAPPING)
    project.settings.intent_file.write_text(RULES)
    project.settings.experiments_file.write_text(experiments)
    land_events(project, "events.parquet", *views_and_purchases())
    return project


def run(project: Project, *keys: str, tables: Sequence[str] = ALL) -> list[JobRun]:
    job = project.definitions.resolve_job_def(RUN_JOB)
    return [run_job(job, project.instance, key, key, tables) for key in keys]
