"""Each preset, from a small file in the shape that its source publishes to the sessions that come of it."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.errors import EventsError
from flywheel_assets.ingest.proposal import propose
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.ingest import ga4
from flywheel_assets_tests.ingest.proposed import cut

T = 1_705_312_800  # 2024-01-15 10:00 UTC


def write(tmp_path: Path, rows: Sequence[dict[str, Any]], name: str = "export.parquet") -> Path:
    path = tmp_path / name
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


@pytest.mark.parametrize("wrapped", [False, True], ids=["lists", "list.element"])
def test_ga4s_export_is_read_as_it_is_nested(tmp_path: Path, engine: DuckDBEngine, wrapped: bool) -> None:
    path = tmp_path / "ga4.parquet"
    pq.write_table(ga4.table(ga4.EVENTS, wrapped), path)
    proposal = propose(engine, [path])
    assert proposal.preset == "ga4"
    assert proposal.mapping.time_unit == "microseconds"
    assert proposal.comments["time"] == "From 2024-01-15 10:00:00 to 2024-01-15 10:51:01, UTC."
    assert [one for one in proposal.warnings if "1 rows have no user_pseudo_id" in one]
    found = cut(engine, path, proposal)
    assert set(found) == {
        f"a.1.{T}",
        f"a.1.{T + 3061}",
        f"b.2.{T + 5}",
    }  # the native session, over a pause of 49 minutes
    first = found[f"a.1.{T}"]
    expected = {
        "page_view": 2,
        "view_item": 1,
        "view_item_list": 1,
        "add_to_cart": 1,
        "purchase": 1,  # its copy aside
        "distinct_pages": 4,  # /, /toys/bear, /toys, /pay
        "distinct_items": 2,
        "distinct_categories": 2,
        "revenue": 49.9,
        "engaged_milliseconds": 10_000,
        "duration_minutes": 51,
        "toys_views": 1,
        "start_page_views": 1,
        "events": 8,
        "first_source": "mail",
        "first_device": "mobile",
        "landing_page": "/",
        "exit_page": "/pay",
    }
    assert {name: first[name] for name in expected} == expected
    assert not {"session_start", "first_visit", "user_engagement"} & set(first)
    assert proposal.mapping.ignored == ("first_visit", "session_start", "user_engagement")
    assert found[f"b.2.{T + 5}"]["distinct_items"] == 0


def test_ga4s_sessions_are_those_of_a_loop_over_its_rows(tmp_path: Path, engine: DuckDBEngine) -> None:
    names = ["page_view", "scroll", "click", "purchase"]
    rows = [
        ga4.event(
            f"u{n % 7}",
            T + (n * 7_919) % 40_000,
            names[n % 4],
            T + (n % 7) * 10 + 1_000 * (n % 3),
            f"https://x.example/{'abc'[n % 3]}?n={n}",
            engaged=n,
            items=[(f"i{n % 5}", "c"), (f"i{n % 3}", "d")],
            revenue=n / 4 if names[n % 4] == "purchase" else None,
        )
        for n in range(400)
    ]
    path = tmp_path / "ga4.parquet"
    pq.write_table(ga4.table(rows), path)
    found = cut(engine, path, propose(engine, [path], "ga4"))

    groups: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for n, row in enumerate(rows):
        groups[row["user_pseudo_id"], T + (n % 7) * 10 + 1_000 * (n % 3)].append(row)
    expected = {}
    for (user, _), of in groups.items():
        first = min(row["event_timestamp"] for row in of)
        expected[f"{user}.{first // 1_000_000}"] = {
            "events": len(of),
            **{name: sum(row["event_name"] == name for row in of) for name in names},
            "revenue": sum(row["ecommerce"]["purchase_revenue"] or 0 for row in of),
            "distinct_items": len({item["item_id"] for row in of for item in row["items"]}),
            "duration_minutes": (max(row["event_timestamp"] for row in of) - first) / 60e6,
        }
    assert len(expected) == len(groups)
    assert {key: {name: row[name] for name in expected[key]} for key, row in found.items()} == expected


def test_snowplow_is_read_from_atomic_events(tmp_path: Path, engine: DuckDBEngine) -> None:
    def event(n: int, user: str, name: str, path: str, **others: Any) -> dict[str, Any]:
        return {
            "app_id": "shop",
            "collector_tstamp": f"2024-01-15 10:{n:02}:05.123+00",
            "derived_tstamp": f"2024-01-15 10:{n:02}:00.000+00",
            "event": "struct",
            "event_id": f"id-{n}",
            "event_name": name,
            "user_id": None,
            "domain_userid": user,
            "domain_sessionidx": 1,
            "domain_sessionid": f"s-{user}",
            "page_urlpath": path,
            "mkt_source": "news",
            "dvce_type": "Computer",
            "tr_total": None,
            **others,
        }

    rows = [
        event(0, "u1", "page_view", "/"),
        event(1, "u1", "page_ping", "/"),
        event(55, "u1", "transaction", "/pay", tr_total=12.5),
        event(2, "u2", "page_view", "/toys"),
        event(0, "u1", "page_view", "/"),
    ]
    # An id that repeats, 1 of 25: what repeats more often is no id.
    rows += [event(n, "u3", "page_view", "/toys") for n in range(10, 30)]
    path = write(tmp_path, rows)
    proposal = propose(engine, [path])
    assert (proposal.preset, proposal.mapping.event_id, proposal.mapping.time) == (
        "snowplow",
        "event_id",
        "derived_tstamp",
    )
    found = cut(engine, path, proposal)
    first = found[f"u1.{T}"]
    assert [first[name] for name in ("page_view", "page_ping", "transaction", "revenue", "events")] == [
        1,
        1,
        1,
        12.5,
        3,
    ]
    assert (first["first_source"], first["first_device"], first["landing_page"]) == ("news", "Computer", "/")
    assert set(found) == {f"u1.{T}", f"u2.{T + 120}", f"u3.{T + 600}"}


def segment_call(minute: int, of: str, path: str, anonymous: str = "a", **others: Any) -> dict[str, Any]:
    return {
        "anonymousId": anonymous,
        "messageId": f"m{minute}",
        "type": of,
        "timestamp": f"2024-01-15T10:0{minute}:00.000Z",
        "originalTimestamp": f"2024-01-15T10:0{minute}:03.000Z",
        "context": {"page": {"path": path}, "campaign": {"source": "ads"}},
        **others,
    }


SEGMENT_CALLS = [
    segment_call(0, "page", "/", properties={}),
    segment_call(1, "track", "/p", event="Product Viewed", properties={"product_id": "p1"}),
    segment_call(2, "track", "/pay", event="Order Completed", properties={"revenue": 25.5, "product_id": "p1"}),
    segment_call(3, "identify", "/p", "b", userId="7"),
]


def test_segments_calls_are_read_from_json_lines(tmp_path: Path, engine: DuckDBEngine) -> None:
    path = tmp_path / "segment.jsonl"
    path.write_text("\n".join(map(json.dumps, SEGMENT_CALLS)))
    proposal = propose(engine, [path])
    assert (proposal.preset, proposal.mapping.user) == ("segment", "anonymousId")
    first = cut(engine, path, proposal)[f"a.{T}"]
    expected = {"product_viewed": 1, "order_completed": 1, "revenue": 25.5, "page_calls": 1, "distinct_items": 1}
    assert {name: first[name] for name in expected} == expected
    assert (first["landing_page"], first["exit_page"], first["first_source"]) == ("/", "/pay", "ads")
    assert "" in proposal.mapping.ignored  # identify and page have no event


def test_segments_table_of_pages_counts_each(tmp_path: Path, engine: DuckDBEngine) -> None:
    rows = [
        {
            "id": f"m{n}",
            "anonymous_id": "a",
            "path": f"/{n}",
            "original_timestamp": f"2024-01-15 10:0{n}:00",
            "name": None,
        }
        for n in range(3)
    ]
    path = write(tmp_path, rows)
    found = cut(engine, path, propose(engine, [path], "segment"))
    assert (found[f"a.{T}"]["pageviews"], found[f"a.{T}"]["distinct_pages"]) == (3, 3)


def test_matomos_actions_are_read_one_per_row(tmp_path: Path, engine: DuckDBEngine) -> None:
    def action(visitor: str, visit: int, second: int, type_: str, url: str) -> dict[str, Any]:
        return {"visitorId": visitor, "idVisit": visit, "type": type_, "url": url, "timestamp": T + second}

    rows = [
        action("f00d", 1, 0, "action", "https://m.example/"),
        action("f00d", 1, 60, "download", "https://m.example/list.pdf"),
        action("f00d", 2, 70, "action", "https://m.example/a"),
        action("beef", 3, 0, "outlink", "https://other.example/"),
    ]
    path = write(tmp_path, rows)
    proposal = propose(engine, [path])
    assert (proposal.preset, proposal.mapping.time_unit) == ("matomo", "seconds")
    found = cut(engine, path, proposal)
    assert {key: (row["action"], row["download"], row["outlink"]) for key, row in found.items()} == {
        f"f00d.{T}": (1, 1, 0),
        f"f00d.{T + 70}": (1, 0, 0),
        f"beef.{T}": (0, 0, 1),
    }


def test_matomos_visits_with_nested_actions_say_how_to_make_rows_of_them(tmp_path: Path, engine: DuckDBEngine) -> None:
    path = write(tmp_path, [{"visitorId": "f", "idVisit": 1, "actionDetails": [{"type": "action", "timestamp": T}]}])
    with pytest.raises(EventsError, match=r"export.parquet: these are visits.*one row per action.*unnest"):
        propose(engine, [path])


def test_retailrockets_csv_is_read_with_its_epochs(tmp_path: Path, engine: DuckDBEngine) -> None:
    path = tmp_path / "events.csv"
    path.write_text(
        "timestamp,visitorid,event,itemid,transactionid\n"
        f"{T}000,257597,view,355908,\n{T + 60}500,257597,addtocart,355908,\n"
        f"{T + 90}000,257597,transaction,355908,4000\n"
        f"{T + 90}000,992329,view,248676,\n"
    )
    proposal = propose(engine, [path])
    assert (proposal.preset, proposal.mapping.time_unit) == ("retailrocket", "milliseconds")
    found = cut(engine, path, proposal)
    first = found[f"257597.{T}"]
    assert [first[name] for name in ("view", "addtocart", "transaction", "distinct_items")] == [1, 1, 1, 1]
    assert (first["duration_minutes"], len(found)) == (1.5, 2)


def test_a_preset_whose_columns_are_missing_says_which_it_expects(tmp_path: Path, engine: DuckDBEngine) -> None:
    path = write(tmp_path, [{"user_id": "a", "time": T, "event": "view"}])
    with pytest.raises(
        EventsError, match=r"export.parquet: the preset ga4 .*expected event_params with user_pseudo_id"
    ):
        propose(engine, [path], "ga4")
