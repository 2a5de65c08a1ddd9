"""Presets: where the events of well-known sources hold what a mapping asks for. Data, and which of them
a file is of.

The columns are those of the published schemas:
ga4: support.google.com/analytics/answer/7029846 (BigQuery Export schema);
snowplow: docs.snowplow.io/docs/fundamentals/canonical-event (atomic.events);
segment: segment.com/docs/connections/storage/warehouses/schema, and the common fields of connections/spec there;
matomo: developer.matomo.org/guides/database-schema (log_link_visit_action); actions of Live.getLastVisitsDetails;
retailrocket: events.csv of kaggle.com/datasets/retailrocket/ecommerce-dataset."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from flywheel_assets.errors import EventsError
from flywheel_assets.features import Feature
from flywheel_assets.ingest.mapping import Definition, Value

ROLES = ("user", "session", "event_id", "time", "event", "page", "item", "category", "value", "source", "device")
"""What a column can be, in the order in which columns are given to them: one column has one role."""


@dataclass(frozen=True)
class Preset:
    """``recognized_by``: sets of columns, each of which tells this source from others. ``columns``: per role the
    columns that may hold it, the best first: of a repeated column or a struct a field, as in ``items.item_id``, or one
    of ``values``. ``ignored``: names of events that say nothing about a visit. ``features``: measures beside those that
    are guessed of any events. ``open``: whether a team adds columns of its own, which are guessed by name then."""

    name: str
    recognized_by: tuple[tuple[str, ...], ...]
    columns: Mapping[str, tuple[str, ...]]
    values: Mapping[str, Value] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    features: tuple[tuple[Feature, Definition], ...] = ()
    open: bool = False


def _parameter(key: str, of: str) -> Value:
    return Value(within="event_params", key=key, field=of)


GA4 = Preset(
    "ga4",
    (("event_params", "user_pseudo_id"),),
    {
        "user": ("user_pseudo_id",),
        "session": ("ga_session_id",),
        "time": ("event_timestamp",),
        "event": ("event_name",),
        "page": ("page_location",),
        "item": ("items.item_id",),
        "category": ("items.item_category",),
        "value": ("ecommerce.purchase_revenue",),
        "source": ("source", "collected_traffic_source.manual_source", "traffic_source.source"),
        "device": ("device.category",),
    },
    values={
        "ga_session_id": _parameter("ga_session_id", "int_value"),
        "page_location": _parameter("page_location", "string_value"),
        "engagement_time_msec": _parameter("engagement_time_msec", "int_value"),
        "source": _parameter("source", "string_value"),
    },
    ignored=("session_start", "first_visit", "first_open", "user_engagement"),
    features=(
        (
            Feature("engaged_milliseconds", "duration", "milliseconds", "time that the page had the focus"),
            Definition("sum", of="engagement_time_msec"),
        ),
    ),
)

SNOWPLOW = Preset(
    "snowplow",
    (("domain_userid", "event_id"), ("domain_userid", "domain_sessionid")),
    {
        "user": ("domain_userid", "network_userid", "user_id"),
        "session": ("domain_sessionid",),
        "event_id": ("event_id",),
        "time": ("derived_tstamp", "collector_tstamp"),
        "event": ("event_name", "event"),
        "page": ("page_urlpath", "page_url"),
        "item": ("ti_sku",),
        "category": ("ti_category",),
        "value": ("tr_total", "se_value"),
        "source": ("mkt_source", "refr_source"),
        "device": ("dvce_type",),
    },
)

SEGMENT = Preset(
    "segment",
    (("anonymous_id", "original_timestamp"), ("anonymous_id", "message_id"), ("anonymous_id", "received_at")),
    {
        "user": ("anonymous_id", "user_id"),
        "event_id": ("message_id", "id"),
        "time": ("timestamp", "original_timestamp", "received_at"),
        "event": ("event", "event_text"),
        "page": ("context.page.path", "context_page_path", "path", "properties.path"),
        "value": ("properties.revenue", "revenue", "properties.value"),
        "source": ("context.campaign.source", "context_campaign_source"),
        "device": ("context.device.type", "context_device_type"),
    },
    features=(
        (
            Feature("page_calls", "count", "pages", "calls of page and screen"),
            Definition("count", where=(("type", ("page", "screen")),)),
        ),
    ),
    open=True,
)

MATOMO = Preset(
    "matomo",
    (("idvisit", "visitorid"), ("idvisit", "idvisitor")),
    {
        "user": ("visitorid", "idvisitor"),
        "session": ("idvisit",),
        "event_id": ("idlink_va",),
        "time": ("timestamp", "server_time", "servertimestamp"),
        "event": ("type", "action_type"),
        "page": ("url", "action_url"),
        "item": ("product_sku", "itemsku"),
        "category": ("event_category", "product_category"),
        "value": ("revenue", "product_price"),
        "source": ("referrer_name", "referer_name"),
        "device": ("device_type", "config_device_type"),
    },
)

RETAILROCKET = Preset(
    "retailrocket",
    (("visitorid", "event", "itemid", "transactionid"),),
    {"user": ("visitorid",), "time": ("timestamp",), "event": ("event",), "item": ("itemid",)},
)

PLAIN = Preset(
    "plain",
    (),
    {
        "user": (
            *("user_id", "user", "visitor_id", "visitor", "customer_id", "customer", "client_id", "anonymous_id"),
            *("member_id", "person_id", "account_id", "distinct_id", "uid", "cookie_id", "device_id", "subscriber_id"),
        ),
        "session": ("session_id", "session", "visit_id"),
        "event_id": (
            *("event_id", "message_id", "hit_id", "insert_id", "pageview_id", "page_view_id", "action_id", "log_id"),
            *("event_uuid", "uuid", "id"),
        ),
        "time": (
            *("event_time", "event_timestamp", "timestamp", "timestamp_utc", "occurred_at", "created_at", "time", "ts"),
            *("datetime", "date_time", "server_time", "event_date_time", "visit_time", "received_at", "event_date"),
            *("date", "unix_time", "epoch"),
        ),
        "event": ("event_name", "event", "event_type", "action", "action_type", "type", "activity", "name"),
        "page": ("page_path", "path", "page_url", "url", "page_location", "pageview_url", "page", "uri"),
        "item": ("item_id", "product_id", "content_id", "article_id", "listing_id", "sku", "item", "product"),
        "category": ("category", "category_id", "item_category", "product_category", "category_code"),
        "value": ("revenue", "value", "price", "amount", "total", "order_value", "purchase_revenue"),
        "source": ("utm_source", "source", "traffic_source", "channel", "referrer", "referer"),
        "device": ("device_type", "device_category", "device", "platform"),
    },
    open=True,
)

PRESETS = {one.name: one for one in (GA4, SNOWPLOW, SEGMENT, MATOMO, RETAILROCKET, PLAIN)}
"""By name; of those whose columns a file has the first is taken, the last of any file."""


def preset_of(name: str | None, columns: Collection[str]) -> Preset:
    """The preset of that name, or the one that the columns tell. Raises EventsError where they are of another source
    than the name says, or of none that has one event per row."""
    squeezed = {_squeezed(column) for column in columns}

    def has(wanted: Iterable[str]) -> bool:
        return all(_squeezed(one) in squeezed for one in wanted)

    recognized = [one for one in PRESETS.values() if any(map(has, one.recognized_by))]
    if "actiondetails" in squeezed:
        raise EventsError(
            "these are visits, with what happened in a repeated column, actionDetails; expected one row per action. "
            'To make them of it: duckdb -c "copy (select visitorId, idVisit, unnest(actionDetails, recursive := true) '
            "from 'FILE') to 'actions.parquet'\""
        )
    if name is None:
        return recognized[0] if recognized else PLAIN
    asked = PRESETS[name]
    if asked.recognized_by and asked not in recognized:
        expected = " or ".join(" with ".join(one) for one in asked.recognized_by)
        raise EventsError(
            f"the preset {name} reads columns that are not there; expected {expected}; found: "
            f"{', '.join(columns)}. Leave --preset out to have the columns looked at"
        )
    return asked


def _squeezed(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
