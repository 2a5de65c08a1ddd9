"""The events behind a sample: those that its sessions count, and those that show what its users intend to buy."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flywheel_assets.simulation.intent_world import IntentWorld
from flywheel_assets.simulation.intents import Signals, signals
from flywheel_assets.simulation.sample import Sample, user_ids
from flywheel_assets.simulation.world import FEATURES, IntArray, World

SECOND = 10**6
MAPPING = Path(__file__).with_name("events.toml")
"""What the events hold: the sessions that it makes of them are those of the sample, count by count."""

PLAIN_PATHS = ("/", "/search", "/docs", "/blog", "/features")
PRICING_PATH = "/pricing"
IN_SESSIONS = ("demo_request", "signup")
OUTSIDE = ("booking", "purchase", "email_open", "email_click")

_LEAST_GAP, _MOST_GAP = 4.0, 40.0
_LONGEST = 3 * 3600.0


def with_events(
    world: World, intent: IntentWorld, samples: Iterable[Sample], seed: int
) -> Iterator[tuple[Sample, pa.Table]]:
    """Each sample, oldest first, with its events. Its ``user_truth`` gets ``intent`` and ``conversion_probability``,
    the chance to purchase in the next interval, both float64; its ``session_truth`` gets ``lead_probability``, float64,
    the chance that a session of its quality has a lead.

    Events, in order of time, copies none: ``event_id`` int64, ``event_time`` timestamp[us, UTC], ``user_id`` string,
    ``session`` string (null for those outside of any), ``event_name`` string, ``path`` string, ``impressions`` int64,
    ``item_id`` and ``category_id`` string, ``device`` and ``country`` string; null where an event has none."""
    names = pa.array([name for name, _ in intent.countries])
    order = {label: position for position, label in enumerate(world.user_labels)}
    countries, before = np.empty(0, np.int64), None
    for position, sample in enumerate(samples, start=1):
        rng = np.random.default_rng([seed, position, 1])
        states = np.array([order[label] for label in sample.user_truth["user_flywheel_label"].to_pylist()])
        if before is None:  # twice as many as users, for the bots
            shares = [share for _, share in intent.countries]
            countries = rng.choice(len(names), 2 * len(states) + 1, p=shares)
        before = signals(intent, states, before, rng)
        events = _events(sample, before, rng, np.random.default_rng([seed, position, 2]))
        user = pc.utf8_slice_codeunits(events["user_id"], 1).cast(pa.int64()).to_numpy() - 1
        truth = sample.user_truth.append_column("intent", pa.array(before.intents))
        truth = truth.append_column("conversion_probability", pa.array(before.chances))
        events = events.append_column("country", names.take(pa.array(countries[user])))
        yield replace(sample, session_truth=_with_lead_chances(world, sample), user_truth=truth), events


def _with_lead_chances(world: World, sample: Sample) -> pa.Table:
    qualities = pc.index_in(sample.session_truth["session_quality_label"], pa.array(world.session_labels))
    chances = pa.array(world.lead_chances()).take(qualities)
    return sample.session_truth.append_column("lead_probability", chances)


def _events(sample: Sample, shown: Signals, rng: np.random.Generator, pages_rng: np.random.Generator) -> pa.Table:
    rows, start_us, end_us = sample.sessions, sample.interval.start_unix * SECOND, sample.interval.end_unix * SECOND
    counts = {name: rows[name].to_numpy().astype(np.int64) for name in FEATURES}
    users = pc.utf8_slice_codeunits(rows["user_id"], 1).cast(pa.int64()).to_numpy() - 1
    starts = pc.list_element(pc.split_pattern(rows["session_id"], "."), 1).cast(pa.int64()).to_numpy() * SECOND
    pages = counts["pageviews"]
    gaps = np.minimum(rng.uniform(_LEAST_GAP, _MOST_GAP, len(rows)), _LONGEST / pages)
    lengths = np.minimum(gaps * pages * SECOND, end_us - 1 - starts)

    views = _views(counts, users, shown.counts["pricing_visit"], rng, pages_rng)
    session = [views.pop("session")]
    names = [np.full(len(session[0]), "page_view", object)]
    times = [starts[session[0]] + (views.pop("place") / pages[session[0]] * lengths[session[0]]).astype(np.int64)]
    for name, column in (("favorite", "favorites"), ("share", "shares"), ("lead", "leads")):
        session.append(np.repeat(np.arange(len(rows)), counts[column]))
        names.append(np.full(len(session[-1]), name, object))
    for name in IN_SESSIONS:
        session.append(_one_session(users, shown.counts[name], rng))
        names.append(np.full(len(session[-1]), name, object))
    for of in session[1:]:
        times.append(starts[of] + (rng.random(len(of)) * lengths[of]).astype(np.int64))
    outside = [np.repeat(np.arange(len(shown.intents)), shown.counts[name]) for name in OUTSIDE]
    names += [np.full(len(of), name, object) for name, of in zip(OUTSIDE, outside, strict=True)]
    times += [start_us + rng.integers(0, end_us - start_us, len(of)) for of in outside]

    inside, apart = np.concatenate(session), np.concatenate(outside)
    ids = user_ids(len(shown.intents)).take(pa.array(apart))
    table = {
        "event_time": pa.array(np.concatenate(times), pa.timestamp("us", "UTC")),
        "user_id": pa.concat_arrays([_plain(rows["user_id"]).take(pa.array(inside)), ids]),
        "session": _padded(_plain(rows["session_id"]).take(pa.array(inside)), len(apart)),
        "event_name": pa.array(np.concatenate(names), pa.string()),
        **{name: _padded(column, len(inside) + len(apart) - len(column)) for name, column in views.items()},
        "device": _padded(_plain(rows["device"]).take(pa.array(inside)), len(apart)),
    }
    ordered = pa.table(table).sort_by([("event_time", "ascending"), ("user_id", "ascending")])
    return ordered.add_column(0, "event_id", pa.array(sample.interval.number * 10**9 + np.arange(len(ordered))))


def _views(
    counts: dict[str, IntArray],
    users: IntArray,
    pricing_visits: IntArray,
    rng: np.random.Generator,
    pages_rng: np.random.Generator,
) -> dict[str, pa.Array]:
    """A page view per page of each session: ``session`` and ``place`` in it as arrays, and columns of events. Pages
    that show an item stand anywhere among the others, and impressions are spread over all: so the first pages say
    something of a session's quality, as they do on a real site, and no page says what is to come. Of the pages that
    show no item, as many are of prices as the user is to see, where there are so many."""
    pages, details = counts["pageviews"], counts["detail_pageviews"]
    session = np.repeat(np.arange(len(pages)), pages)
    place = np.arange(len(session)) - np.repeat(np.cumsum(pages) - pages, pages)
    detail = _rank(session, pages_rng) - (pages - details)[session]
    shows_item = detail >= 0
    item = np.minimum(detail, counts["distinct_items"][session] - 1)
    category = np.minimum(item, counts["distinct_categories"][session] - 1)
    first_item = rng.integers(0, 90_000, len(pages))[session]

    path = np.array(PLAIN_PATHS, object)[rng.integers(0, len(PLAIN_PATHS), len(session))]
    plain = np.flatnonzero(~shows_item & (users[session] < len(pricing_visits)))
    rank = _rank(users[session[plain]], rng)
    path[plain[rank < pricing_visits[users[session[plain]]]]] = PRICING_PATH
    each, rest = counts["impressions"] // pages, counts["impressions"] % pages
    item_ids = pc.binary_join_element_wise("i", pa.array(first_item + item).cast(pa.string()), "")
    category_ids = pc.binary_join_element_wise("c", pa.array(category).cast(pa.string()), "")
    shown = pa.array(shows_item)
    return {
        "session": session,
        "place": place,
        "path": pc.if_else(shown, pc.binary_join_element_wise("/items/", item_ids, ""), pa.array(path, pa.string())),
        "impressions": pa.array(each[session] + (place < rest[session])),
        "item_id": pc.if_else(shown, item_ids, None),
        "category_id": pc.if_else(shown, category_ids, None),
    }


def _rank(of: IntArray, rng: np.random.Generator) -> IntArray:
    """A random order among the entries of each user or session, from 0."""
    order = np.lexsort((rng.random(len(of)), of))
    ranks = np.empty(len(of), np.int64)
    ordered = of[order]
    ranks[order] = np.arange(len(of)) - np.searchsorted(ordered, ordered, side="left")
    return ranks


def _one_session(users: IntArray, counts: IntArray, rng: np.random.Generator) -> IntArray:
    """A random session of each user who is to have one; users without a session have none."""
    human = np.flatnonzero(users < len(counts))
    return human[(_rank(users[human], rng) == 0) & (counts[users[human]] > 0)]


def _plain(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _padded(column: pa.Array, count: int) -> pa.Array:
    return pa.concat_arrays([column, pa.nulls(count, column.type)])
