"""Tables of training data: what is written is read, whole, with its notes."""

from pathlib import Path

import pandas as pd
import pytest

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.training.files import TrainingFiles
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets.warehouse.warehouse import Warehouse


@pytest.fixture
def files(tmp_path: Path, engine: DuckDBEngine) -> TrainingFiles:
    return TrainingFiles(Warehouse(tmp_path, engine))


def test_a_table_comes_back_with_its_notes(files: TrainingFiles) -> None:
    written = files.write("labels", pd.DataFrame({"id": ["a", "b"]}), {"who": "me"})
    rows, notes = files.read("labels")

    assert (written.path, written.rows) == (files.path("labels"), 2)
    assert rows.to_dict("list") == {"id": ["a", "b"]}
    assert notes["who"] == "me"


def test_what_fails_leaves_the_old_table_and_nothing_else(files: TrainingFiles, tmp_path: Path) -> None:
    files.write("labels", pd.DataFrame({"id": ["a"]}), {})
    with pytest.raises(TypeError):
        files.write("labels", pd.DataFrame({"id": ["b"]}), {"who": 3})  # type: ignore[dict-item]

    assert files.read("labels")[0].id.tolist() == ["a"]
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [files.path("labels")]


def test_a_table_that_is_not_there_is_named(files: TrainingFiles) -> None:
    with pytest.raises(NotMaterializedError, match="labels has not been materialized"):
        files.read("labels")
