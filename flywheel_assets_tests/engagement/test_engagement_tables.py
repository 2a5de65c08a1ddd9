"""Interactions of events and of an import, the data set made of them, and a model trained on it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.engagement.engagement_dataset import TABLE, group_columns, part_column
from flywheel_assets.engagement.engagement_file import PROTOCOLS
from flywheel_assets.engagement.interaction_tables import make_dataset, make_interactions
from flywheel_assets.engagement.interactions import FILE, ITEMS, ITEMS_FILE
from flywheel_assets.engagement.interactions import TABLE as INTERACTIONS
from flywheel_assets.engagement.items_page import write_items_page
from flywheel_assets.engagement.training_task import dataset_examples, engagement_task, interaction_rows
from flywheel_assets.errors import EngagementError, NotMaterializedError
from flywheel_assets.orchestration.jobs import ENGAGEMENT_TRAINING_JOB
from flywheel_assets.tables.contract import arrow_schema, expand, wrong_columns
from flywheel_assets.training.classifier.estimators import LIGHTGBM, PLAIN, SCALED_LOGISTIC, Kind
from flywheel_assets.training.classifier.threshold import ThresholdRule
from flywheel_assets_tests.ingest.projects import events_project, land_events, mapping_text, unix
from flywheel_assets_tests.projects import QUIET, Project

DEFINED = """
engaged_from = 2
[interactions]
item = "item"
groups = "item"
[interactions.weights]
views = 1
likes = 2.5
"""


def made(project: Project) -> list[dict[str, Any]]:
    with project.flywheel() as flywheel:
        make_interactions(flywheel)
        return pq.read_table(make_dataset(flywheel).path).to_pylist()


def events(folder: Path, text: str = DEFINED) -> Project:
    project = events_project(folder, mapping_text(extra='[kinds]\nviews = "view"\nlikes = "like"\n'))
    project.settings.engagement_file.write_text(text)
    return project


def test_events_with_a_weight_are_interactions_and_of_one_second_the_strongest_counts(tmp_path: Path) -> None:
    project = events(tmp_path)
    land_events(
        project,
        "2024.parquet",
        ("anna", "2024-01-02 09:00:00", "view", "a"),
        ("anna", "2024-01-02 09:00:00", "like", "a"),
        ("anna", "2024-01-02 09:05:00", "view", "b"),
        ("anna", "2024-01-02 09:06:00", "mail", "b"),  # of no kind with a weight
        ("ben", "2024-03-02 09:00:00", "like", None),  # of no item
        ("ben", "2024-03-02 09:00:01", "view", "a"),
    )
    rows = sorted((r["user_id"], r["item_id"], r["timestamp_unix"], r["strength"], r["engaged"]) for r in made(project))
    assert rows == [
        ("anna", "a", unix("2024-01-02 09:00:00"), 2.5, True),
        ("anna", "b", unix("2024-01-02 09:05:00"), 1.0, False),
        ("ben", "a", unix("2024-03-02 09:00:01"), 1.0, False),
    ]
    items = pq.read_table(project.settings.warehouse_dir / "engagement" / "items.parquet").to_pylist()
    assert sorted((one["item_id"], one["groups"]) for one in items) == [("a", ["a"]), ("b", ["b"])]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            DEFINED.replace('"item"', '"product"'),
            r"line 4: .*item = 'product'; what events.toml reads of events is item",
        ),
        (DEFINED.replace("likes", "loves"), r"line 8: .*'loves'; what events.toml counts is views, likes"),
        (DEFINED.replace("2.5", '"much"'), r"line 8: .*likes = 'much'; expected a number"),
        ('protocol = "first"', r"line 1: protocol is 'first'; expected last ten, last one or time cut"),
        ("[interactions]\nitem = 'item'", "has no weights"),
        ("engaged = 4", r"line 1: the file has 'engaged'; expected engaged_from, protocol or interactions"),
    ],
)
def test_a_definition_that_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    project = events(tmp_path, text)
    with project.flywheel() as flywheel, pytest.raises(EngagementError, match=said):
        make_interactions(flywheel)


def imported(folder: Path, rows: pa.Table, items: list[dict[str, Any]]) -> Project:
    project = Project(folder)
    project.settings.interactions_dir.mkdir(parents=True)
    pq.write_table(rows, project.settings.interactions_dir / FILE)
    pq.write_table(
        pa.Table.from_pylist(items, schema=arrow_schema(ITEMS)), project.settings.interactions_dir / ITEMS_FILE
    )
    return project


def drawn(users: int = 60, each: int = 40) -> pa.Table:
    """Users who like some items more than others."""
    draw = np.random.default_rng(5)
    user = np.repeat(np.arange(users), each)
    item = draw.integers(0, 80, len(user))
    lean = draw.normal(size=users)[user] + draw.normal(size=80)[item]
    return pa.table(
        [
            [f"u{one}" for one in user],
            [f"i{one}" for one in item],
            1_500_000_000 + draw.permutation(len(user)) * 1000,
            np.clip(np.round(3.5 + lean + draw.normal(size=len(user))), 1, 5),
        ],
        schema=INTERACTIONS.schema,
    )


FEW = ("expected", "expected_strength", "user_count", "item_rate")
"""Inputs, enough to train on in seconds."""

ITEM_ROWS = [{"item_id": f"i{n}", "groups": ["Sci-Fi" if n % 2 else "War"], "year": 1950 + n} for n in range(79)]
"""One rated item is not among them."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return imported(tmp_path_factory.mktemp("engagement"), drawn(), ITEM_ROWS)


def test_the_data_set_keeps_its_contract_and_its_parts_follow_the_protocols(project: Project) -> None:
    rows = made(project)
    with project.flywheel() as flywheel:
        table = flywheel.engine.read([project.settings.warehouse_dir / "engagement" / "engagement_dataset.parquet"])
        columns = expand(TABLE.columns, (), (), (), placeholders={"<group>": ["sci_fi", "war"]})
        assert wrong_columns(table.schema(), columns) == []
        assert set(table.columns) == {column.name for column in columns}
    for user in ("u0", "u59"):
        mine = sorted((r for r in rows if r["user_id"] == user), key=lambda r: r["timestamp_unix"])
        assert [r["part_last_ten"] for r in mine] == ["fit"] * 20 + ["validation"] * 10 + ["test"] * 10
        assert [r["part_last_one"] for r in mine] == ["fit"] * 38 + ["validation", "test"]
    by_time = [r["part_time_cut"] for r in sorted(rows, key=lambda r: r["timestamp_unix"])]
    assert by_time == ["fit"] * 1920 + ["validation"] * 240 + ["test"] * 240


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.drop_columns(["strength"]), "column strength is missing, expected float64"),
        (lambda rows: rows.slice(0, 0), "has no interactions"),
        (lambda rows: rows.set_column(3, "strength", pa.array([None] + [1.0] * 2399)), "1 of 2,400 rows lack"),
        (lambda rows: rows.set_column(3, "strength", pa.array([np.inf] + [1.0] * 2399)), "1 of 2,400 rows have no fin"),
    ],
)
def test_interactions_that_cannot_be_used_are_refused(tmp_path: Path, change: Any, said: str) -> None:
    other = imported(tmp_path, change(drawn()), ITEM_ROWS)
    with other.flywheel() as flywheel, pytest.raises(EngagementError, match=said):
        make_interactions(flywheel)


def test_groups_that_read_alike_in_a_column_share_one() -> None:
    assert group_columns([("Sci-Fi", 5), ("sci fi", 4), ("War", 2), ("Rare", 1)]) == [
        ("Sci-Fi", "sci_fi"),
        ("War", "war"),
    ]


def test_a_model_is_judged_by_the_protocol_and_by_the_others(project: Project, tmp_path: Path) -> None:
    from dataclasses import replace

    from flywheel_assets.training.classifier.candidate import train_classifier

    made(project)
    project.settings.engagement_file.write_text('protocol = "time cut"')
    with project.flywheel() as flywheel:
        examples = dataset_examples(flywheel)
        few = examples.without([name for name in examples.names if name not in FEW])
        task = engagement_task(project.settings, ThresholdRule())
        small = replace(task, models_dir=tmp_path, kinds=(Kind(SCALED_LOGISTIC, PLAIN), Kind(LIGHTGBM, PLAIN)))
        trained = train_classifier(small, few, "c", flywheel.now(), lambda line: None)
        shown = project.with_settings(FLYWHEEL_MODELS_DIR=str(tmp_path))
        shutil.move(tmp_path / "candidates", shown.settings.engagement_models_dir / "candidates")
        with shown.flywheel() as other:
            path = write_items_page(other)
    project.settings.engagement_file.unlink()
    text = path.read_text()
    for said in (
        "flywheel engagement promote",
        "of test interactions with",
        "By another split: last one",
    ):
        assert said in text
    assert f'href="{path.name}">Engagement with items</a>' in (path.parent / "index.html").read_text()

    assert list(examples.splits) == ["time cut", "last ten", "last one"]
    assert trained.training["rows"] == {"fit": 1920, "validation": 240, "test": 240}
    assert {name: one.rows for name, one in trained.evaluation.other_splits.items()} == {
        "last ten": 600,
        "last one": 60,
    }
    assert sum(one.rows for one in trained.evaluation.groups.values()) == 240
    assert trained.evaluation.model["ROC-AUC"].low > 0.65
    card = trained.bundle.directory.relative_to(tmp_path)
    card = (shown.settings.engagement_models_dir / card / "README.md").read_text()
    for text in ("time cut", "reference: scaled logistic", "light users", "last one: model", "calibration"):
        assert text in card
    assert not set(examples.names) & {"strength", "engaged", "timestamp_unix", *map(part_column, PROTOCOLS)}


def test_the_tables_are_made_from_the_ui(project: Project) -> None:
    import dagster as dg

    graph = project.definitions
    assets = [graph.get_assets_def(name) for name in ("interactions", "engagement_dataset")]
    result = dg.materialize(assets, resources=graph.resources, instance=project.instance, run_config=QUIET)
    rows = [one.materialization.metadata["rows"].value for one in result.get_asset_materialization_events()]
    assert result.success
    assert rows == [len(drawn().group_by(["user_id", "item_id", "timestamp_unix"]).aggregate([]))] * 2


def test_a_data_set_of_another_rule_or_of_other_interactions_is_refused_until_it_is_made_again(tmp_path: Path) -> None:
    project = imported(tmp_path, drawn(), ITEM_ROWS)
    made(project)

    def refused() -> None:
        with project.flywheel() as flywheel:
            for use in (dataset_examples, lambda one: interaction_rows(one, "u1.i1.1"), make_dataset):
                with pytest.raises(NotMaterializedError, match="Materialize interactions and engagement_dataset"):
                    use(flywheel)

    project.settings.engagement_file.write_text("engaged_from = 3")
    refused()
    made(project)
    project.settings.engagement_file.write_text('engaged_from = 3\nprotocol = "last one"')
    with project.flywheel() as flywheel:
        assert next(iter(dataset_examples(flywheel).splits)) == "last one"
    pq.write_table(drawn().slice(1), project.settings.interactions_dir / FILE)
    refused()


def test_a_data_set_of_events_is_refused_once_more_events_have_landed(tmp_path: Path) -> None:
    project = events(tmp_path)
    land_events(project, "1.parquet", ("anna", "2024-01-02 09:00:00", "view", "a"))
    made(project)
    land_events(project, "2.parquet", ("ben", "2024-01-02 09:00:00", "like", "a"))
    with project.flywheel() as flywheel, pytest.raises(NotMaterializedError, match="of other interactions"):
        make_dataset(flywheel)


def test_a_training_in_the_ui_makes_the_tables_first(project: Project) -> None:
    job = project.definitions.resolve_job_def(ENGAGEMENT_TRAINING_JOB)
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == {
        "interactions",
        "engagement_dataset",
        "engagement_comparison",
        "engagement_model",
        "engagement_evaluation",
        "engagement_explanations",
    }


def test_a_project_without_interactions_has_no_assets_of_them(tmp_path: Path) -> None:
    keys = {key.to_user_string() for key in Project(tmp_path).definitions.resolve_asset_graph().get_all_asset_keys()}
    assert not keys & {"interactions", "engagement_dataset", "engagement_model"}
