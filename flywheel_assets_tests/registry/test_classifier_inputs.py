import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.classifier_inputs import InputColumn, InputEncoding

ENCODING = InputEncoding((InputColumn("views"), InputColumn("device", ("desktop", "mobile")), InputColumn("again")))


def table(views: object = (1.5, None), device: object = ("mobile", None), again: object = (True, False)) -> pa.Table:
    return pa.table({"again": pa.array(again), "device": pa.array(device, pa.string()), "views": pa.array(views)})


def test_a_row_is_its_numbers_and_one_place_of_each_category() -> None:
    assert ENCODING.places == (
        "views",
        "device=desktop",
        "device=mobile",
        "device=(other)",
        "device=(missing)",
        "again",
    )
    np.testing.assert_array_equal(ENCODING.encode(table()), [[1.5, 0, 1, 0, 0, 1], [np.nan, 0, 0, 0, 1, 0]])


def test_a_value_that_was_rare_or_never_seen_has_the_place_of_others() -> None:
    assert ENCODING.encode(table(device=["watch", ""]))[:, 1:5].tolist() == [[0, 0, 1, 0]] * 2


@given(st.lists(st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["desktop", "mobile"])), max_size=30))
def test_of_a_category_one_place_is_1_whatever_it_holds(values: list[str | None]) -> None:
    count = len(values)
    encoded = ENCODING.encode(
        table(pa.array([0.0] * count, pa.float64()), values, pa.array([True] * count, pa.bool_()))
    )

    assert (encoded[:, 1:5].sum(axis=1) == 1).all()
    assert [bool(row[3]) for row in encoded[:, 1:5]] == [value is None for value in values]


def test_dictionaries_and_codes_are_categories_too() -> None:
    codes = InputEncoding((InputColumn("code", ("1", "2")),))
    words = pa.table({"device": pa.array(["mobile", None]).dictionary_encode(), "views": [1, 2], "again": [0, 1]})

    assert codes.encode(pa.table({"code": [2, 7]})).tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]
    assert ENCODING.encode(words)[:, 1:5].tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_number_names_its_column(value: float) -> None:
    with pytest.raises(ArtefactError, match="column 'views' is infinite in 1 of 2 rows"):
        ENCODING.encode(table(views=[value, 0.0]))


def test_a_number_that_is_infinite_in_float32_names_its_column() -> None:
    with pytest.raises(ArtefactError, match=r"column 'views' is beyond 3.4e\+38 in 1 of 2 rows, such as 1e\+300"):
        ENCODING.encode(table(views=[1e300, 3.4e38]))


def test_text_where_numbers_are_expected_names_its_column() -> None:
    with pytest.raises(ArtefactError, match="column 'views' holds string; expected numbers"):
        ENCODING.encode(table(views=["a", "b"]))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ArtefactError, match="no column 'device', which the model needs; found: again, views"):
        ENCODING.encode(table().drop_columns("device"))


def test_an_encoding_is_the_same_after_the_manifest() -> None:
    assert InputEncoding.from_json(ENCODING.to_json()) == ENCODING
