import pytest

from flywheel_assets.ingest.event_sessions import EVENTS
from flywheel_assets.landing.landed_sessions import LANDING
from flywheel_assets.sessions import session_predictions
from flywheel_assets.tables.columns import OTHERS
from flywheel_assets.tables.contract import Column, Table, expand
from flywheel_assets.users.spine import SPINE, reserved_names

LANDED = ["session_id", "user_id", "<feature>", "*", "timestamp_unix", "timestamp_utc"]

CONTRACT = {
    "landed_sessions": ("session", LANDED),
    "trimmed_sessions": ("session", LANDED),
    "session_predictions": (
        "session",
        [*LANDED, "session_quality_label", "probability_<session label>", "session_model_version"],
    ),
    "user_distributions": ("user", ["user_id", "sessions", "share_<session label>"]),
    "user_labels": (
        "user",
        ["user_id", "sessions", "user_flywheel_label", "probability_<user label>", "user_model_version"],
    ),
    "enriched_export": (
        "session",
        [
            "session_id",
            "user_id",
            "<feature>",
            "*",
            "session_quality_label",
            "user_flywheel_label",
            "probability_<session label>",
            "probability_<user label>",
            "session_model_version",
            "user_model_version",
            "timestamp_unix",
            "timestamp_utc",
            "timestamp_mst",
            "Interval",
            "Interval_Dates",
        ],
    ),
    "label_transitions": (
        "label pair",
        ["From_Label", "To_Label", "User_Count", "From_Interval", "Interval", "Interval_Dates"],
    ),
}

DTYPES = {
    "session_id": "string",
    "user_id": "string",
    "<feature>": "float64",
    "*": "any",
    "timestamp_unix": "int64",
    "timestamp_utc": "timestamp('UTC')",
    "timestamp_mst": "timestamp",
    "session_quality_label": "string",
    "user_flywheel_label": "string",
    "probability_<session label>": "float32",
    "probability_<user label>": "float32",
    "session_model_version": "string",
    "user_model_version": "string",
    "sessions": "int32",
    "share_<session label>": "float64",
    "Interval": "int32",
    "Interval_Dates": "string",
    "From_Label": "string",
    "To_Label": "string",
    "User_Count": "int64",
    "From_Interval": "int32",
}


def test_the_spine_has_these_tables_in_this_order() -> None:
    assert [table.name for table in SPINE] == ["event_sessions", *CONTRACT]


@pytest.mark.parametrize("table", SPINE[1:], ids=lambda table: table.name)
def test_a_table_has_the_grain_columns_and_types_of_the_contract(table: Table) -> None:
    grain, columns = CONTRACT[table.name]
    assert (table.grain, [c.name for c in table.columns]) == (grain, columns)
    assert {c.name: c.dtype for c in table.columns} == {c: DTYPES[c] for c in columns}
    assert all(c.description for c in table.columns)


def test_a_table_is_made_from_landing_or_from_tables_before_it() -> None:
    for i, table in enumerate(SPINE):
        assert {*table.sources, *table.previous} <= {LANDING, EVENTS, *SPINE[:i]}


def test_placeholders_stand_for_one_column_each_where_they_are() -> None:
    columns = expand(
        session_predictions.TABLE.columns,
        ["pageviews", "leads"],
        ["Low Quality", "High Quality"],
        ["Passive"],
        [Column("device", "string", "As landed.")],
    )
    assert [c.name for c in columns] == [
        "session_id",
        "user_id",
        "pageviews",
        "leads",
        "device",
        "timestamp_unix",
        "timestamp_utc",
        "session_quality_label",
        "probability_low_quality",
        "probability_high_quality",
        "session_model_version",
    ]
    assert expand([OTHERS], ["leads"], [], []) == []


def test_every_column_that_is_ours_is_reserved_and_no_landed_one() -> None:
    reserved = reserved_names(["Low Quality"], ["Passive"])
    ours = {c.name for table in SPINE[1:] for c in expand(table.columns, [], ["Low Quality"], ["Passive"])}
    assert ours - {"session_id", "user_id"} <= set(reserved)
    assert {"share_low_quality", "probability_low_quality", "probability_passive", "reason"} <= set(reserved)
    assert not {"session_id", "user_id", "<feature>", "*"} & set(reserved)
    assert len(reserved) == len(set(reserved))
