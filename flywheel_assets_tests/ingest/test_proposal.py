"""What is proposed for files of events of no known source, and what is said of those that cannot be read."""

import gzip
import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.errors import EventsError
from flywheel_assets.features import SHIPPED, Feature, read_features
from flywheel_assets.ingest.mapping import Carried, Definition
from flywheel_assets.ingest.mapping_file import read_mapping
from flywheel_assets.ingest.proposal import propose
from flywheel_assets.warehouse.engine import DuckDBEngine

DATA = Path(os.environ.get("TEST_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data")
DESKDROP = DATA / "deskdrop_events.parquet"
MAVEN = DATA / "maven_partial" / "pageviews_first.parquet"

T = 1_705_312_800  # 2024-01-15 10:00 UTC


def plain_rows(count: int = 40) -> list[dict[str, Any]]:
    return [
        {
            "visitor": f"v{n % 5}",
            "created_at": datetime(2024, 1, 15, 10) + timedelta(minutes=n),  # noqa: DTZ001
            "action": ["view", "view", "Add To Cart", "purchase"][n % 4],
            "product_id": f"p{n % 7}",
            "price": [1.5, 2.5, 3.0, 40.0][n % 4],
        }
        for n in range(count)
    ]


def file(folder: Path, rows: Sequence[dict[str, Any]], name: str = "events.parquet") -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / name)
    return folder / name


def test_columns_are_found_by_their_names_and_values(tmp_path: Path, engine: DuckDBEngine) -> None:
    proposal = propose(engine, [file(tmp_path, plain_rows())])
    mapping = proposal.mapping
    assert (proposal.preset, mapping.user, mapping.time, mapping.event) == ("plain", "visitor", "created_at", "action")
    assert mapping.features == {
        "view": Definition("count", ("view",)),
        "add_to_cart": Definition("count", ("Add To Cart",)),
        "purchase": Definition("count", ("purchase",)),
        "distinct_items": Definition("distinct", of="product_id"),
        "revenue": Definition("sum", ("purchase",), of="price"),  # prices of what was only seen are no revenue
        "duration_minutes": Definition("duration", of="minutes"),
    }
    kinds = {feature.name: (feature.kind, feature.unit) for feature in proposal.features}
    assert kinds["revenue"] == ("amount", "")
    assert kinds["duration_minutes"] == ("duration", "minutes")


def test_what_is_proposed_can_be_read_and_says_what_was_seen(tmp_path: Path, engine: DuckDBEngine) -> None:
    proposal = propose(engine, [file(tmp_path, plain_rows())])
    (tmp_path / "features.toml").write_text(proposal.features_toml())
    (tmp_path / "events.toml").write_text(proposal.events_toml())
    assert read_features(tmp_path / "features.toml") == proposal.features
    assert read_mapping(tmp_path / "events.toml", [f.name for f in proposal.features]) == proposal.mapping
    text = proposal.events_toml()
    for seen in ("5 different.", "20 events", "Taken for UTC", "From 2024-01-15 10:00:00 to 2024-01-15 10:39:00"):
        assert seen in text


@pytest.mark.parametrize(
    ("factor", "unit"),
    [(1, "seconds"), (1_000, "milliseconds"), (1_000_000, "microseconds"), (1_000_000_000, "nanoseconds")],
)
@pytest.mark.parametrize("of", [int, str])
def test_the_unit_of_an_epoch_is_seen(tmp_path: Path, engine: DuckDBEngine, factor: int, unit: str, of: type) -> None:
    rows = [row | {"created_at": of((T + n) * factor)} for n, row in enumerate(plain_rows())]
    assert propose(engine, [file(tmp_path, rows)]).mapping.time_unit == unit


def test_epochs_of_two_units_are_an_error_that_counts_both(tmp_path: Path, engine: DuckDBEngine) -> None:
    rows = [row | {"created_at": (T + n) * (1_000 if n % 4 else 1)} for n, row in enumerate(plain_rows())]
    with pytest.raises(EventsError, match=r"events.parquet: created_at.*30 milliseconds, 10 seconds since 1970"):
        propose(engine, [file(tmp_path, rows)])


def test_times_that_are_none_are_an_error_with_one_of_them(tmp_path: Path, engine: DuckDBEngine) -> None:
    rows = [row | {"created_at": f"{n + 1}. Januar"} for n, row in enumerate(plain_rows())]
    with pytest.raises(EventsError, match=r"created_at, the time, is no time in 40 of 40 rows, as in '1. Januar'"):
        propose(engine, [file(tmp_path, rows)])


@pytest.mark.parametrize("empty", [pa.nulls(40, pa.timestamp("us")), pa.array([""] * 40)], ids=["null", "empty"])
def test_times_that_are_all_missing_are_an_error(tmp_path: Path, engine: DuckDBEngine, empty: pa.Array) -> None:
    table = pa.Table.from_pylist(plain_rows()).set_column(1, "created_at", empty)
    pq.write_table(table, tmp_path / "events.parquet")
    with pytest.raises(EventsError, match=r"created_at, the time, is null or empty in every row"):
        propose(engine, [tmp_path / "events.parquet"])


def test_times_of_an_impossible_year_do_no_harm(tmp_path: Path, engine: DuckDBEngine) -> None:
    rows = [row | {"created_at": (T + n) * 1_000 if n else 9 * 10**18} for n, row in enumerate(plain_rows(200))]
    assert propose(engine, [file(tmp_path, rows)]).mapping.time_unit == "milliseconds"


def test_times_with_a_zone_need_none(tmp_path: Path, engine: DuckDBEngine) -> None:
    rows = [row | {"created_at": f"2024-01-15T10:{n:02}:00+02:00"} for n, row in enumerate(plain_rows())]
    zoned = propose(engine, [file(tmp_path, rows)])
    assert "timezone" not in zoned.comments
    assert 'timezone = "UTC"' in propose(engine, [file(tmp_path, plain_rows())]).events_toml()


def test_without_a_column_for_users_the_error_shows_the_columns(tmp_path: Path, engine: DuckDBEngine) -> None:
    rows = [{"kunde": row["visitor"], "created_at": row["created_at"]} for row in plain_rows()]
    with pytest.raises(EventsError, match=r"events.parquet: no column tells users or sessions apart.*found: kunde"):
        propose(engine, [file(tmp_path, rows)])
    rows = [{"visitor": row["visitor"], "action": row["action"]} for row in plain_rows()]
    with pytest.raises(EventsError, match=r"no column holds when an event happened.*found: visitor, action"):
        propose(engine, [file(tmp_path, rows)])


def test_a_session_stands_for_the_user_where_there_is_none(tmp_path: Path, engine: DuckDBEngine) -> None:
    rows = [{"session_id": row["visitor"], "created_at": row["created_at"]} for row in plain_rows()]
    proposal = propose(engine, [file(tmp_path, rows)])
    assert (proposal.mapping.user, proposal.mapping.session) == ("", "session_id")
    assert "session_id stands for the user" in proposal.warnings[0]


def test_user_ids_that_are_floats_are_an_error_that_says_why(tmp_path: Path, engine: DuckDBEngine) -> None:
    rows = [row | {"visitor": float(n % 5) if n % 3 else None} for n, row in enumerate(plain_rows())]
    with pytest.raises(EventsError, match=r"events.parquet has float64 in 'visitor', the user.*astype\('Int64'\)"):
        propose(engine, [file(tmp_path, rows)])


def test_rows_without_a_user_are_counted_in_a_warning(tmp_path: Path, engine: DuckDBEngine) -> None:
    rows = [row | {"visitor": row["visitor"] if n % 4 else None} for n, row in enumerate(plain_rows())]
    assert propose(engine, [file(tmp_path, rows)]).warnings == ("10 rows have no visitor and would be set aside",)


@pytest.mark.parametrize("name", ["events.csv", "events.csv.gz"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_of_any_form_gives_the_same(
    tmp_path: Path, engine: DuckDBEngine, name: str, separator: str, mark: str
) -> None:
    rows = plain_rows()
    lines = [separator.join(rows[0]), *(separator.join(map(str, row.values())) for row in rows)]
    content = (mark + "\n".join(lines)).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    found = propose(engine, [tmp_path / name]).mapping
    assert found == propose(engine, [file(tmp_path, rows)]).mapping


def test_json_lines_give_the_same(tmp_path: Path, engine: DuckDBEngine) -> None:
    rows = plain_rows()
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(json.dumps(row, default=str) for row in rows))
    assert propose(engine, [path]).mapping == propose(engine, [file(tmp_path, rows)]).mapping


@pytest.mark.parametrize(("name", "content"), [("a.parquet", b""), ("a.csv", b""), ("a.jsonl", b"")])
def test_an_empty_file_is_an_error(tmp_path: Path, engine: DuckDBEngine, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EventsError, match=f"{name} is empty; expected events"):
        propose(engine, [tmp_path / name])


def test_a_file_without_rows_that_is_no_file_or_that_is_cut_off_is_an_error(
    tmp_path: Path, engine: DuckDBEngine
) -> None:
    path = file(tmp_path, plain_rows())
    pq.write_table(pq.read_table(path).slice(0, 0), tmp_path / "none.parquet")
    with pytest.raises(EventsError, match=r"none.parquet: there are no rows"):
        propose(engine, [tmp_path / "none.parquet"])
    with pytest.raises(EventsError, match=r"there is no file at .*missing.parquet"):
        propose(engine, [tmp_path / "missing.parquet"])
    path.write_bytes(path.read_bytes()[:-20])  # as one that is still being written
    with pytest.raises(EventsError, match=r"events.parquet cannot be read as parquet, CSV"):
        propose(engine, [path])


def test_a_file_of_one_event_is_enough(tmp_path: Path, engine: DuckDBEngine) -> None:
    assert next(iter(propose(engine, [file(tmp_path, plain_rows(1))]).mapping.features)) == "view"


def test_fields_of_structs_are_found_and_lists_without_a_preset_are_left(tmp_path: Path, engine: DuckDBEngine) -> None:
    rows = [
        {
            "user": {"id": row["visitor"], "tags": ["a"]},
            "time": row["created_at"],
            "event": row["action"],
            "cart": [{"sku": "x", "n": 1}, {"sku": row["product_id"], "n": 2}],
        }
        for row in plain_rows()
    ]
    mapping = propose(engine, [file(tmp_path, rows)]).mapping
    assert (mapping.user, mapping.features["distinct_items"].of) == ("user.id", "cart.sku")
    with pytest.raises(EventsError, match=r"no column tells users .* found: user, time"):
        propose(engine, [file(tmp_path, [{"user": ["a"], "time": row["time"]} for row in rows])])


def test_files_are_looked_at_together_and_a_type_that_changes_between_them_is_a_text(
    tmp_path: Path, engine: DuckDBEngine
) -> None:
    first = file(tmp_path, plain_rows(), "first.parquet")
    others = [row | {"visitor": n, "action": "ask"} for n, row in enumerate(plain_rows())]
    proposal = propose(engine, [first, file(tmp_path, others, "second.parquet")])
    assert proposal.mapping.user == "visitor"
    assert proposal.names == {"ask": 40, "view": 20, "Add To Cart": 10, "purchase": 10}
    mixed = [row | {"created_at": T} for row in others]
    with pytest.raises(EventsError, match=r"created_at, the time, mixes units: .* 40 seconds"):
        propose(engine, [first, file(tmp_path, mixed, "mixed.parquet")])
    without = [{name: row[name] for name in ("visitor", "created_at", "action")} for row in others]
    with pytest.raises(EventsError, match=r"less.parquet has no column 'product_id'.*of first.parquet"):
        propose(engine, [first, file(tmp_path, without, "less.parquet")])


def test_names_of_events_that_make_no_feature_are_listed(tmp_path: Path, engine: DuckDBEngine) -> None:
    rows = [row | {"action": f"event {n % 15:02}"} for n, row in enumerate(plain_rows(150))]
    rows += [plain_rows()[3]]  # one purchase, the rarest of all
    proposal = propose(engine, [file(tmp_path, rows)])
    assert "purchase" in proposal.mapping.features
    assert "event_09" in proposal.mapping.features
    assert "event_10" not in proposal.mapping.features
    assert "No feature counts: 'event 10' (10)" in proposal.comments["features"]
    assert len(proposal.features) <= 20


def test_names_of_events_that_are_ours_or_the_same_in_snake_case_get_one_of_their_own(
    tmp_path: Path, engine: DuckDBEngine
) -> None:
    names = ["events", "Page View", "page_view", "user_id", "🎉", "first_device", "converted"]
    rows = [row | {"action": names[n % 7], "device": "tv"} for n, row in enumerate(plain_rows(70))]
    features = propose(engine, [file(tmp_path, rows)], taken=["converted"]).mapping.features
    assert features["page_view"] == Definition("count", ("Page View", "page_view"))
    assert features["events_count"] == Definition("count", ("events",))
    assert features["user_id_count"] == Definition("count", ("user_id",))
    assert features["converted_count"] == Definition("count", ("converted",))
    assert features["first_device_count"] == Definition("count", ("first_device",))
    assert Definition("count", ("🎉",)) in features.values()


def test_a_teams_features_are_defined_and_no_others(tmp_path: Path, engine: DuckDBEngine) -> None:
    stated = [*SHIPPED, Feature("basket", "amount", "EUR"), Feature("purchase", "count"), Feature("stay", "duration")]
    proposal = propose(engine, [file(tmp_path, plain_rows())], features=stated)
    features = proposal.mapping.features
    assert list(features) == [feature.name for feature in stated]
    assert proposal.features == tuple(stated)
    assert features["pageviews"] == Definition("count", ("view",))
    assert features["distinct_items"] == Definition("distinct", of="product_id")
    assert features["basket"] == Definition("sum", ("purchase",), of="price")
    assert features["purchase"] == Definition("count", ("purchase",))
    assert features["stay"] == Definition("duration", of="minutes")
    assert features["shares"] == Definition("count", ())
    assert "nothing in these events fits its name" in proposal.comments["features.shares"]


@pytest.mark.skipif(not DESKDROP.is_file(), reason=f"{DESKDROP.name} is not in ../shared/data, nor in TEST_DATA_DIR")
def test_deskdrops_events_are_mapped_without_help(engine: DuckDBEngine) -> None:
    proposal = propose(engine, [DESKDROP])
    mapping = proposal.mapping
    assert (mapping.user, mapping.time, mapping.event) == ("user_id", "event_time", "event_name")
    assert mapping.features == {
        "view": Definition("count", ("VIEW",)),
        "like": Definition("count", ("LIKE",)),
        "bookmark": Definition("count", ("BOOKMARK",)),
        "comment_created": Definition("count", ("COMMENT CREATED",)),
        "follow": Definition("count", ("FOLLOW",)),
        "distinct_items": Definition("distinct", of="item_id"),
        "duration_minutes": Definition("duration", of="minutes"),
    }
    assert "2,284 rows are. To keep them all: deduplicate = false" in proposal.comments["deduplicate"]


@pytest.mark.skipif(not MAVEN.is_file(), reason=f"{MAVEN.name} is not in ../shared/data, nor in TEST_DATA_DIR")
def test_mavens_page_views_are_mapped_without_help(engine: DuckDBEngine) -> None:
    proposal = propose(engine, [MAVEN])
    mapping = proposal.mapping
    assert (mapping.user, mapping.session, mapping.time) == ("", "website_session_id", "created_at")
    assert (mapping.event_id, mapping.deduplicate) == ("website_pageview_id", "event_id")
    cart = Definition("count", None, (("pageview_url", ("/cart", "/cart/*")),))
    assert mapping.features["cart_views"] == cart
    assert "thank_you_for_your_order_views" in mapping.features  # the rarest, and what the shop is for
    assert mapping.carried == {
        "landing_page": Carried("pageview_url"),
        "exit_page": Carried("pageview_url", last=True),
    }


def test_columns_with_dots_in_their_names_are_columns(tmp_path: Path, engine: DuckDBEngine) -> None:
    path = tmp_path / "flat.csv"
    rows = [f"u{n % 3},2024-01-15 10:{n:02}:00,view,/a?q={n}" for n in range(30)]
    path.write_text("\n".join(["user.id,context.timestamp,event.name,page.url", *rows]))
    mapping = propose(engine, [path]).mapping
    assert (mapping.user, mapping.time, mapping.event) == ("user.id", "context.timestamp", "event.name")
    assert mapping.features["a_views"].where == (("page_path", ("/a", "/a/*")),)


def test_user_ids_may_hold_any_character(tmp_path: Path, engine: DuckDBEngine) -> None:
    ids = ["o'neil", 'say "hi"', "a.b.c", "🎉", "<b>x</b>", "two\nlines", "ü,;\t"]
    rows = [row | {"visitor": ids[n % 7], "action": ids[n // 7 % 5]} for n, row in enumerate(plain_rows(70))]
    proposal = propose(engine, [file(tmp_path, rows)])
    (tmp_path / "events.toml").write_text(proposal.events_toml())
    assert read_mapping(tmp_path / "events.toml", [f.name for f in proposal.features]) == proposal.mapping
    assert set(proposal.names) == set(ids[:5])
