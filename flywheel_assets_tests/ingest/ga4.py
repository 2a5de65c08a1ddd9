"""A small export of GA4 as BigQuery writes it to parquet, after the published schema (support.google.com/analytics/
answer/7029846): nested as it is, columns that a mapping has no use for included."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

VALUE = pa.struct(
    [
        ("string_value", pa.string()),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("double_value", pa.float64()),
    ]
)
PARAMETER = pa.struct([("key", pa.string()), ("value", VALUE)])
ITEM = pa.struct(
    [
        ("item_id", pa.string()),
        ("item_name", pa.string()),
        ("item_brand", pa.string()),
        ("item_variant", pa.string()),
        ("item_category", pa.string()),
        ("item_category2", pa.string()),
        ("price_in_usd", pa.float64()),
        ("price", pa.float64()),
        ("quantity", pa.int64()),
        ("item_revenue", pa.float64()),
        ("item_list_name", pa.string()),
        ("item_params", pa.list_(PARAMETER)),
    ]
)


def schema(wrapped: bool = False) -> pa.Schema:
    """``wrapped``: repeated columns as ``{list: [{element: ...}]}``."""

    def repeated(of: pa.DataType) -> pa.DataType:
        return pa.struct([("list", pa.list_(pa.struct([("element", of)])))]) if wrapped else pa.list_(of)

    traffic = pa.struct([("name", pa.string()), ("medium", pa.string()), ("source", pa.string())])
    device = pa.struct(
        [
            ("category", pa.string()),
            ("mobile_brand_name", pa.string()),
            ("operating_system", pa.string()),
            ("language", pa.string()),
            ("web_info", pa.struct([("browser", pa.string()), ("hostname", pa.string())])),
        ]
    )
    return pa.schema(
        [
            ("event_date", pa.string()),
            ("event_timestamp", pa.int64()),
            ("event_name", pa.string()),
            ("event_params", repeated(PARAMETER)),
            ("event_previous_timestamp", pa.int64()),
            ("event_value_in_usd", pa.float64()),
            ("event_bundle_sequence_id", pa.int64()),
            ("user_id", pa.string()),
            ("user_pseudo_id", pa.string()),
            ("user_properties", repeated(PARAMETER)),
            ("user_first_touch_timestamp", pa.int64()),
            ("user_ltv", pa.struct([("revenue", pa.float64()), ("currency", pa.string())])),
            ("device", device),
            ("geo", pa.struct([("continent", pa.string()), ("country", pa.string()), ("city", pa.string())])),
            ("traffic_source", traffic),
            ("stream_id", pa.string()),
            ("platform", pa.string()),
            (
                "ecommerce",
                pa.struct(
                    [
                        ("total_item_quantity", pa.int64()),
                        ("purchase_revenue_in_usd", pa.float64()),
                        ("purchase_revenue", pa.float64()),
                        ("refund_value", pa.float64()),
                        ("transaction_id", pa.string()),
                    ]
                ),
            ),
            ("items", repeated(ITEM)),
            ("is_active_user", pa.bool_()),
            ("batch_event_index", pa.int64()),
        ]
    )


def parameters(**values: str | int | float | None) -> list[dict[str, Any]]:
    fields = {str: "string_value", int: "int_value", float: "double_value"}
    empty = dict.fromkeys(("string_value", "int_value", "float_value", "double_value"))
    return [{"key": key, "value": {**empty, fields[type(value)]: value}} for key, value in values.items() if value]


def event(
    user: str | None,
    second: int,
    name: str,
    session: int | None,
    page: str | None = None,
    engaged: int | None = None,
    source: str | None = None,
    items: Sequence[tuple[str | None, str | None]] = (),
    revenue: float | None = None,
) -> dict[str, Any]:
    """``second``: of the event, since 1970. ``items``: id and category of each."""
    given = parameters(ga_session_id=session, page_location=page, engagement_time_msec=engaged, source=source)
    return {
        "event_date": "20240115",
        "event_timestamp": second * 1_000_000,
        "event_name": name,
        "event_params": given,
        "user_pseudo_id": user,
        "device": {"category": "mobile", "web_info": {"browser": "Chrome"}},
        "ecommerce": {"purchase_revenue": revenue},
        "items": [{"item_id": one, "item_category": category, "quantity": 1} for one, category in items],
        "user_ltv": {"revenue": 999.0, "currency": "USD"},
    }


def table(events: Sequence[dict[str, Any]], wrapped: bool = False) -> pa.Table:
    made = schema(wrapped)
    if not wrapped:
        return pa.Table.from_pylist(list(events), made)
    return pa.Table.from_pylist([dict(_wrapped(one)) for one in events], made)


def _wrapped(one: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in one.items():
        yield name, {"list": [{"element": e} for e in value]} if isinstance(value, list) else value


T = 1_705_312_800
"""2024-01-15 10:00 UTC."""

EVENTS = [
    event("a.1", T, "session_start", T, "https://shop.example/?utm_source=mail", source="mail"),
    event("a.1", T, "page_view", T, "https://shop.example/?utm_source=mail", source="mail"),
    event("a.1", T + 9, "user_engagement", T, "https://shop.example/", engaged=8_500),
    event("a.1", T + 10, "page_view", T, "https://shop.example/toys/bear?x=1#top"),
    event("a.1", T + 11, "view_item", T, "https://shop.example/toys/bear", items=[("bear", "toys")]),
    event("a.1", T + 12, "view_item_list", T, "https://shop.example/toys", items=[("bear", "toys"), ("bus", "cars")]),
    event("a.1", T + 3_000, "add_to_cart", T, "https://shop.example/toys/bear", items=[("bear", "toys")]),
    event("a.1", T + 3_060, "purchase", T, "https://shop.example/pay", 1_500, None, [("bear", "toys")], 49.9),
    event("a.1", T + 3_060, "purchase", T, "https://shop.example/pay", 1_500, None, [("bear", "toys")], 49.9),
    event("a.1", T + 3_061, "page_view", T + 3_061, "https://shop.example/toys/bus"),
    event("b.2", T + 5, "first_visit", T + 5, "https://shop.example/toys"),
    event("b.2", T + 5, "page_view", T + 5, "https://shop.example/toys", items=[(None, None)]),
    event(None, T + 6, "page_view", None, "https://shop.example/toys"),
]
"""Two users, one with two sessions, the first over a pause of 49 minutes; a copy, and an event without a user."""
