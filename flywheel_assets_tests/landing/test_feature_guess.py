"""The features that session files seem to have."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.errors import LandingError
from flywheel_assets.landing.feature_guess import guessed_features
from flywheel_assets.warehouse.engine import DuckDBEngine


def file(folder: Path, name: str = "a.parquet", **columns: list[Any]) -> Path:
    pq.write_table(pa.table({"session_id": ["a.1", "b.2"], "user_id": ["a", "b"], **columns}), folder / name)
    return folder / name


def test_values_and_names_suggest_the_kind_and_the_comment_says_why(tmp_path: Path, engine: DuckDBEngine) -> None:
    path = file(
        tmp_path,
        clicks=[0, 31],
        basket=[19.99, 0.0],
        refunds=[-5, 3],
        scrolled=[0.0, 0.75],
        load_ms=[12.5, 80.0],
        visit_duration=[3, 4],
        whole_floats=[1.0, 2.0],
        gaps=[None, 2],
        none=pa.array([None, None], "float64"),
        infinite=[float("inf"), 2.5],
    )

    found = {one.name: (one.kind, one.unit, why) for one, why in guessed_features(engine, [path], {})}

    assert found == {
        "clicks": ("count", "", "0 to 31 in 2 rows; whole numbers, so it is a count"),
        "basket": ("amount", "", "0 to 19.99 in 2 rows; it has decimals, so it is an amount"),
        "refunds": ("amount", "", "-5 to 3 in 2 rows; some are negative, so it is an amount"),
        "scrolled": ("share", "", "0 to 0.75 in 2 rows; fractions within 0 and 1, so it is a share"),
        "load_ms": ("duration", "milliseconds", "12.5 to 80 in 2 rows; by its name a duration"),
        "visit_duration": ("duration", "", "3 to 4 in 2 rows; by its name a duration"),
        "whole_floats": ("count", "", "1 to 2 in 2 rows; whole numbers, so it is a count"),
        "gaps": (
            "count",
            "",
            "2 to 2 in 2 rows; whole numbers, so it is a count; 1 are null, and such rows cannot land: write 0",
        ),
        "none": (
            "count",
            "",
            "0 to 0 in 2 rows; whole numbers, so it is a count; 2 are null, and such rows cannot land: write 0",
        ),
        "infinite": ("amount", "", "2.5 to 2.5 in 2 rows; it has decimals, so it is an amount"),
    }


def test_ids_times_and_texts_are_no_features(tmp_path: Path, engine: DuckDBEngine) -> None:
    path = file(
        tmp_path,
        customer_id=[1, 2],
        created_at=[1, 2],
        began=[1700000000, 1700000001],
        device=["phone", "desk"],
        bounced=[True, False],
        pageviews=[1, 2],
    )
    ((feature, _),) = guessed_features(engine, [path], {})
    assert (feature.name, feature.description) == ("pageviews", "pages seen")


def test_of_several_files_the_columns_that_all_have_are_features(tmp_path: Path, engine: DuckDBEngine) -> None:
    one = file(tmp_path, "one.parquet", carts=[1, 2], orders=[0, 1], paid=[0, 5])
    two = file(tmp_path, "two.parquet", orders=[0, 7], paid=[0.0, -2.5])

    found = guessed_features(engine, [one, two], {})

    assert [(feature.name, feature.kind, why.split(";")[0]) for feature, why in found] == [
        ("orders", "count", "0 to 7 in 4 rows"),
        ("paid", "amount", "-2.5 to 5 in 4 rows"),
    ]


def test_columns_are_called_as_columns_toml_has_them(tmp_path: Path, engine: DuckDBEngine) -> None:
    path = file(tmp_path, **{"Page Views": [1, 2], "visit": [1, 2]})
    names = {"Page Views": "views", "visit": "session_id"}
    assert [feature.name for feature, _ in guessed_features(engine, [path], names)] == ["views"]


def test_a_file_without_any_is_an_error_that_shows_its_columns(tmp_path: Path, engine: DuckDBEngine) -> None:
    with pytest.raises(LandingError, match=r"no column can be a feature; .* found: session_id, user_id"):
        guessed_features(engine, [file(tmp_path)], {})
    with pytest.raises(LandingError, match="there is no file at"):
        guessed_features(engine, [tmp_path / "gone.parquet"], {})
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(LandingError, match=r"text.parquet is not a parquet file"):
        guessed_features(engine, [tmp_path / "text.parquet"], {})
