"""The graph as a reviewer sees it: `graph.txt` beside this file records what users build on, and a change of that
shows there. A new asset is free until it is recorded.

After a change that is wanted, and to record a new asset: python -m flywheel_assets_tests.test_graph"""

import difflib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from flywheel_assets.definitions import definitions
from flywheel_assets.orchestration.jobs import SYSTEM_TAG
from flywheel_assets.segments.assets import SYSTEM as SEGMENTS
from flywheel_assets.settings import Settings
from flywheel_assets.simulation.events import MAPPING
from flywheel_assets_tests.projects import HISTORY, TABLES

SNAPSHOT = Path(__file__).with_name("graph.txt")

MODELS = {"conversion_model", "engagement_model", "trained_candidate"}
WITHOUT_COLUMNS = {*MODELS, "conversion_page", "engagement_page", "csv_copies", "interval_report", "intent_page"}
"""Assets that are files of several tables."""


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return shipped()


def shipped() -> dg.Definitions:
    """The definitions of a project with events, rules of intent and experiments, whatever the environment says."""
    files = [f"FLYWHEEL_{name}_FILE" for name in ("EVENTS", "INTENT", "EXPERIMENTS", "CONVERSION", "ENGAGEMENT")]
    return definitions(Settings.read(Path(__file__).parent, dict.fromkeys(files, str(MAPPING))))


def drawn(defs: dg.Definitions) -> Iterator[str]:
    """The graph, line by line."""
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    checks = sorted(check_specs(defs), key=lambda check: (check.asset_key, check.name))
    for name, spec in sorted(specs.items()):
        yield f"asset {name}: {spec.description}"
        yield f"  group {spec.group_name}, kinds {', '.join(sorted(spec.kinds))}"
        yield f"  partitions {in_words(spec.partitions_def)}"
        for dependency in spec.deps:
            mapping = dependency.partition_mapping
            offsets = f", intervals {mapping.start_offset} to {mapping.end_offset}" if mapping else ""
            yield f"  from {dependency.asset_key.to_user_string()}{offsets}"
        if "grain" in spec.metadata:
            yield f"  {spec.metadata['grain']}"
        for column in columns_of(spec):
            yield f"    {column.name} {column.type}: {column.description}"
        for check in checks:
            if check.asset_key == spec.key:
                yield f"  check {check.name}{' (blocking)' if check.blocking else ''}: {check.description}"
        yield ""
    for job in sorted(defs.jobs or [], key=lambda job: job.name):
        yield f"job {job.name}: {job.description}"
        yield f"  {job.selection}"
        yield ""


def check_specs(defs: dg.Definitions) -> list[dg.AssetCheckSpec]:
    return [spec for checks in defs.asset_checks or [] for spec in checks.check_specs]


def columns_of(spec: dg.AssetSpec) -> list[dg.TableColumn]:
    schema = spec.metadata.get("dagster/column_schema")
    return list(schema.columns if schema else [])


def in_words(partitions: dg.PartitionsDefinition | None) -> str:
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return "none"
    keys = partitions.get_partition_keys(datetime(2100, 1, 1, tzinfo=UTC))
    return f"{len(keys)} from {keys[0]} to {keys[-1]}, {partitions.timezone}"


def test_what_was_reviewed_is_unchanged(defs: dg.Definitions) -> None:
    reviewed, now = entries(SNAPSHOT.read_text()), entries("\n".join(drawn(defs)))
    changes = "\n".join(
        line
        for name, entry in reviewed.items()
        for line in difflib.unified_diff(entry, now.get(name, []), f"{name} in graph.txt", "now", lineterm="")
    )
    assert not changes, f"{changes}\nif that is wanted: python -m flywheel_assets_tests.test_graph"


def entries(text: str) -> dict[str, list[str]]:
    """The lines of each asset and job, by its kind and name."""
    found = [entry.splitlines() for entry in text.strip().split("\n\n")]
    return {lines[0].partition(":")[0]: lines for lines in found}


def test_there_is_an_asset_for_every_table_of_the_contract_and_the_landing_folder(defs: dg.Definitions) -> None:
    assets = {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()}

    assert assets >= {*TABLES, *HISTORY, *SEGMENTS.tables, "cluster_centers", "landing", "csv_copies"}


def test_every_job_is_looked_after_when_its_process_dies(defs: dg.Definitions) -> None:
    assert all(SYSTEM_TAG in job.tags for job in defs.jobs or [])


def test_every_asset_says_what_it_is(defs: dg.Definitions) -> None:
    for spec in defs.resolve_all_asset_specs():
        name = spec.key.to_user_string()
        assert spec.description, name
        assert spec.kinds, name
        assert spec.group_name != "default", name
        assert columns_of(spec) or name in WITHOUT_COLUMNS, name
        assert all(column.description for column in columns_of(spec)), name


def test_every_check_says_what_it_holds_and_has_the_partitions_of_its_asset(defs: dg.Definitions) -> None:
    partitions = {spec.key: spec.partitions_def for spec in defs.resolve_all_asset_specs()}
    for check in check_specs(defs):
        assert check.description, check.name
        assert check.partitions_def == partitions[check.asset_key], check.name


def test_transitions_need_the_users_of_the_interval_and_of_the_one_before(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    transitions, users = dg.AssetKey("label_transitions"), dg.AssetKey("user_labels")
    partitions = graph.get(transitions).partitions_def
    mapping = graph.get_partition_mapping(transitions, users)

    def needed(key: str) -> set[str]:
        subset = partitions.subset_with_partition_keys([key])
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, partitions, partitions)
        return set(found.partitions_subset.get_partition_keys())

    assert needed("2024-02-12") == {"2024-01-29", "2024-02-12"}
    assert needed("2024-01-01") == {"2024-01-01"}


def test_runs_stay_in_one_process(defs: dg.Definitions) -> None:
    assert defs.resolve_job_def("interval").executor_def is dg.in_process_executor
    assert defs.resolve_implicit_global_asset_job_def().executor_def is dg.in_process_executor


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(drawn(shipped())) + "\n")
