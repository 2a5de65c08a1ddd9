"""The features that events seem to be good for, each with its definition and what was seen of it."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import ibis

from flywheel_assets.features import Feature
from flywheel_assets.ingest.column_roles import Sample, plain
from flywheel_assets.ingest.mapping import DURATION_UNITS, Definition

MOST_NAMES = 10
"""Names of events that become a feature each, conversions aside; the rest is listed in a comment."""

MOST_SECTIONS = 6
"""First parts of paths that become a feature each, conversions aside."""

_MOST_SECTIONS_SEEN = 20
_LEAST_SHARE = 0.01

_CONVERSION = re.compile(
    r"(purchase|transaction|order|payment|lead|checkout|sign_?up|subscribe|conver|booking|refund|trial)"
)
_PAID = re.compile(r"(purchase|transaction|order|payment|paid|sale|refund|booking|subscri)")
_VIEW = re.compile(
    r"(page|screen|pv|views?|visit|page_?load|views?_?(page|screen)|(page|screen)_?view(s|ed)?|(viewed|view)_page)"
)

_SAME_MEANING = {
    "pageviews": ("page_view", "pageview", "page", "screen_view", "view", "views", "page_viewed"),
    "detail_pageviews": ("view_item", "product_view", "item_view", "product_viewed", "detail_view"),
    "impressions": ("impression", "view_item_list", "item_impression", "product_list_viewed"),
    "favorites": ("favorite", "like", "bookmark", "add_to_wishlist", "wishlist", "save"),
    "shares": ("share",),
    "leads": ("lead", "generate_lead", "contact", "inquiry", "submit_form"),
    "carts": ("add_to_cart", "addtocart", "cart"),
    "purchases": ("purchase", "transaction", "order", "order_completed", "payment_done"),
}
"""Names of events that features of these names count, of a team that has `features.toml` already."""


@dataclass(frozen=True)
class Measured:
    """A feature, how events make it, and what was seen."""

    feature: Feature
    definition: Definition
    seen: str


def measures(
    sample: Sample, roles: Mapping[str, str], page: str, names: Mapping[str, int], ignored: Collection[str]
) -> Iterator[Measured]:
    """The features of events, the most telling first. ``page``: the value with a page's path, if there is one.
    ``names``: how many events have each name, the most frequent first."""
    counted = [name for name in names if name.strip() and name not in ignored]
    frequent = counted[:MOST_NAMES]
    frequent += [name for name in counted[MOST_NAMES:] if _CONVERSION.search(plain(name))][:MOST_NAMES]
    yield from _by_name(frequent, names)
    if page:
        yield from _of_pages(sample, roles, page, [name for name in counted if _VIEW.fullmatch(plain(name))])
    elif not counted:
        yield Measured(
            Feature("actions", "count", "events", "everything that happened"),
            Definition("count"),
            "events have no name, so each counts",
        )
    for role, unit in (("item", "items"), ("category", "categories")):
        if role in roles:
            feature = Feature(f"distinct_{unit}", "count", unit, f"different {unit}")
            yield Measured(feature, Definition("distinct", of=roles[role]), _different(sample, roles[role]))
    if "value" in roles:
        yield _value(sample, roles, counted)
    yield Measured(
        Feature("duration_minutes", "duration", "minutes", "from the first to the last event"),
        Definition("duration", of="minutes"),
        "",
    )


def fitted(features: Iterable[Feature], found: Sequence[Measured], names: Mapping[str, int]) -> Iterator[Measured]:
    """A definition for each feature that a team has stated: by its name, or by names of events that mean the same; none
    of its events where nothing fits."""
    by_name = {plain(one.feature.name): one for one in found}
    events: dict[str, list[str]] = {}
    for name in names:
        events.setdefault(plain(name), []).append(name)
    for feature in features:
        name = plain(feature.name)
        means = [event for wanted in (name, *_SAME_MEANING.get(name, ())) for event in events.get(wanted, ())]
        same_kind = [
            one for one in found if one.feature.kind == feature.kind and feature.kind in ("amount", "duration")
        ]
        if name in by_name:
            yield replace(by_name[name], feature=feature)
        elif means and feature.kind in ("count", ""):
            seen = f"by its name it counts {', '.join(means)}: {sum(names[one] for one in means):,} events"
            yield Measured(feature, Definition("count", tuple(dict.fromkeys(means))), seen)
        elif feature.kind == "duration" and feature.unit in DURATION_UNITS:
            yield Measured(feature, Definition("duration", of=feature.unit), "from the first to the last event")
        elif len(same_kind) == 1 and not (feature.unit and same_kind[0].feature.unit):
            yield replace(same_kind[0], feature=feature)
        else:
            yield Measured(feature, Definition("count", ()), "nothing in these events fits its name: it is always 0")


def _by_name(frequent: Sequence[str], names: Mapping[str, int]) -> Iterator[Measured]:
    """One count per name; names that are the same in snake case are counted together."""
    together: dict[str, list[str]] = {}
    for n, name in enumerate(frequent, 1):
        together.setdefault(plain(name) or f"event_{n}", []).append(name)
    for name, of in together.items():
        feature = Feature(name, "count", "events", f"events named {' or '.join(of)}")
        yield Measured(feature, Definition("count", tuple(of)), f"{sum(names[one] for one in of):,} events")


def _of_pages(sample: Sample, roles: Mapping[str, str], page: str, views: Sequence[str]) -> Iterator[Measured]:
    """Pages seen: all where no name of an event says so, the different ones, and those of the busiest sections."""
    events = tuple(views) if "event" in roles and views else None
    if "event" not in roles:
        feature = Feature("pageviews", "count", "pages", "pages seen")
        yield Measured(feature, Definition("count"), "each event is a page")
    yield Measured(
        Feature("distinct_pages", "count", "pages", "different pages seen"),
        Definition("distinct", of=page),
        _different(sample, page),
    )
    if "event" in roles and not views:
        return
    path = sample.value(page)
    rows = sample.rows.select(_section=path.re_extract("^/([^/]*)", 1), _name=_names(sample, roles))
    rows = rows.filter(rows["_section"].notnull(), *([rows["_name"].isin(events)] if events else []))
    counted = rows.group_by("_section").aggregate(views=rows.count())
    ordered = counted.order_by(counted["views"].desc(), counted["_section"]).limit(_MOST_SECTIONS_SEEN)
    lines = [
        line for line in sample.engine.collect(ordered).to_pylist() if plain(line["_section"]) or not line["_section"]
    ]
    busy = [line for line in lines[:MOST_SECTIONS] if line["views"] >= _LEAST_SHARE * sample.count]
    for line in busy + [one for one in lines if one not in busy and _CONVERSION.search(plain(one["_section"]))]:
        section = line["_section"]
        feature = Feature(f"{plain(section) or 'start_page'}_views", "count", "pages", f"pages under /{section}")
        under = (f"/{section}", f"/{section}/*") if section else ("/",)
        yield Measured(feature, Definition("count", events, ((page, under),)), f"{line['views']:,} events")


def _names(sample: Sample, roles: Mapping[str, str]) -> ibis.expr.types.StringValue:
    return sample.value(roles["event"]).cast("string") if "event" in roles else ibis.literal("")


def _different(sample: Sample, name: str) -> str:
    found = sample.value(name)
    if found.type().is_array():
        return f"of {name}"
    filled, different = sample.filled(name)
    return f"{different:,} different values of {name} in {filled:,} events"


def _value(sample: Sample, roles: Mapping[str, str], counted: Sequence[str]) -> Measured:
    """The sum of what was paid, where names of events say which are payments: prices of what was only seen are none."""
    name = roles["value"]
    number = sample.value(name).cast("string").strip().try_cast("float64")
    rows = sample.rows.select(_value=number, _name=_names(sample, roles))
    lines = rows.filter(rows["_value"] != 0).group_by("_name")
    of_name = {
        line["_name"]: line["n"]
        for line in sample.engine.collect(lines.aggregate(n=lambda t: t.count())).to_pylist()
        if line["_name"] in counted
    }
    paid = tuple(one for one in counted if one in of_name and _PAID.search(plain(one)))
    feature = Feature(
        "revenue" if paid else plain(name.rpartition(".")[2]), "amount", "", f"sum of {name.rpartition('.')[2]}"
    )
    by = paid or tuple(one for one in counted if one in of_name)
    seen = f"{sum(of_name[one] for one in by):,} events have one; say its currency under unit in features.toml"
    return Measured(feature, Definition("sum", by if by and len(by) < len(counted) else None, of=name), seen)
