"""Causal features of interactions: what was known strictly before each one.

Everything is a window that ends one second before the interaction, so that interactions of the same second never see
each other, whether they share a user or an item. Global means are those of the days before. Only windows and joins are
used, so the same expressions run out of core on both engines.

What costs, of 20 M interactions on 2 cores: sorting wide rows. So each step carries what a later one needs and no more;
counts are ranks and recencies the last value before, which need no aggregate; ids are numbers; the decade of an item is
one more of its groups; shares are float32, which is what a model reads."""

from collections.abc import Callable, Sequence

import ibis
import ibis.expr.types as ir

from flywheel_assets.tables.contract import Column

PRIOR_STRENGTH, PRIOR_RATE, PRIOR_WEIGHT = 3.5, 0.5, 20
"""The global mean before the first day has passed, and how many interactions it counts for later on."""

ITEM_WEIGHT, USER_WEIGHT, BIAS_WEIGHT, AFFINITY_WEIGHT = 5, 5, 3, 5
"""How many earlier interactions it takes to lean on them as much as on what is known without them."""

RECENT, RECENT_ABOVE = (1, 5, 20), (5, 20)
"""Different seconds, not interactions: those of one second have no order."""

KEYS = ("user", "position")

FEATURES = (
    Column("global_rate", "float32", "Share engaged of all interactions on earlier days, smoothed."),
    Column("item_count", "int32", "Earlier interactions with the item."),
    Column("item_mean", "float32", "Their mean strength, smoothed toward the global mean."),
    Column("item_rate", "float32", "Share engaged of them, smoothed toward the global rate."),
    Column("item_recency_seconds", "int64", "Seconds since the last of them; null without one."),
    Column("user_count", "int32", "Earlier interactions of the user."),
    Column("user_rate", "float32", "Share engaged of them, smoothed toward the global rate."),
    Column("user_bias", "float32", "By how much the user engaged more than others with the same items, smoothed to 0."),
    Column("user_strength_bias", "float32", "The same of strength."),
    Column("user_recency_seconds", "int64", "Seconds since the user's last interaction; null without one."),
    *(
        Column(f"rate_of_last_{n}", "float32", f"Share engaged of the user's last {n} seconds with any; null without.")
        for n in RECENT
    ),
    *(
        Column(f"bias_of_last_{n}", "float32", f"user_bias, unsmoothed, of the last {n} seconds with any.")
        for n in RECENT_ABOVE
    ),
    Column("expected", "float32", "item_rate + user_bias."),
    Column("expected_strength", "float32", "item_mean + user_strength_bias."),
    Column("group_count", "float32", "Earlier interactions of the user by group of the item, mean over its groups."),
    Column("group_affinity", "float32", "By how much these exceeded what was expected, mean over the item's groups."),
    Column("group_affinity_max", "float32", "The highest of the item's groups."),
    Column("group_affinity_min", "float32", "The lowest."),
    Column("group_affinity_weighted", "float32", "Their mean weighted by the number of interactions."),
    Column("decade_count", "int32", "Earlier interactions of the user with items of the same decade."),
    Column("decade_affinity", "float32", "By how much these exceeded what was expected; null without a year."),
    Column("year", "int32", "The item's year; null where unknown."),
    Column("item_age_years", "int32", "The interaction's year less the item's."),
    Column("hour", "int32", "Hour of the day in the interval timezone, 0 to 23."),
    Column("weekday", "int32", "Day of the week there, 0 for Monday to 6 for Sunday."),
    Column("group_is_<group>", "boolean", "Whether the item is of the group."),
)
"""Features of an interaction, all from strictly earlier ones or known of the item. What is exceeded is `expected`."""

Stage = Callable[[ir.Table], ir.Table]


def interaction_features(
    interactions: ir.Table,
    items: ir.Table,
    groups: Sequence[tuple[str, str]],
    stage: Stage,
    engaged_from: float,
    offsets: Sequence[tuple[int, int]] = ((0, 0),),
) -> ir.Table:
    """One row per interaction: `user_id`, `item_id`, `timestamp_unix`, `strength`, `engaged` boolean, FEATURES, and
    what places it among the user's: `from_last` int32, 0 for the last (of one second by item_id).

    ``interactions`` and ``items`` as in :mod:`interactions`; every item is among ``items``. ``groups``: pairs of a
    group and the ending of its column. ``offsets`` of the interval timezone from UTC as :func:`utc_offsets` gives them.
    ``stage`` writes an expression and returns it as a table: without it each branch computes every window again, and
    the windows hold their rows in memory together."""
    users = stage(_numbered(interactions.select("user_id").distinct(), "user_id", "user"))
    things = stage(_numbered(items, "item_id", "item"))
    rows = stage(_with_item_history(interactions, users, things, engaged_from))
    rows = stage(_with_user_history(rows))
    affinities = stage(_affinities(rows, things))
    rows = rows.left_join(affinities, KEYS).drop("user_right", "position_right")
    known = things.select("item", "item_id", "year", **{f"group_is_{to}": _is_of(things, g) for g, to in groups})
    rows = rows.inner_join(known, "item").inner_join(users, "user")
    local = rows.second + ibis.cases(*((rows.second >= since, offset) for since, offset in reversed(offsets)))
    return rows.select(
        "user_id",
        "item_id",
        timestamp_unix=rows.second,
        strength=rows.strength.cast("float64"),
        engaged=rows.engaged == 1,
        from_last=rows.from_last,
        **{
            one.name: rows[one.name].cast(one.dtype)
            for one in FEATURES
            if one.name in rows.columns and one.name not in ("group_count", "decade_count")
        },
        group_count=rows.group_count.fill_null(0),
        decade_count=rows.decade_count.fill_null(0),
        expected=rows.item_rate + rows.user_bias,
        expected_strength=rows.item_mean + rows.user_strength_bias,
        item_age_years=(rows.second.as_timestamp("s").year() - rows.year).cast("int32"),
        hour=(local // 3600 % 24).cast("int32"),
        weekday=((local // 86400 + 3) % 7).cast("int32"),
        **{f"group_is_{to}": rows[f"group_is_{to}"] for _, to in groups},
    )


def _numbered(rows: ir.Table, key: str, name: str) -> ir.Table:
    return rows.mutate(ibis.row_number().over(order_by=key).cast("int32").name(name))


def _is_of(items: ir.Table, group: str) -> ir.BooleanValue:
    return items.groups.contains(group).fill_null(False)


def _before(by: str | list[str], order: str, reach: int | None = None):  # type: ignore[no-untyped-def]
    """Rows with a strictly smaller ``order``, at most ``reach`` back. Rows that tie with the current one are out."""
    return ibis.range_window(group_by=by, order_by=order, preceding=(reach, 1))


def _with_item_history(interactions: ir.Table, users: ir.Table, items: ir.Table, engaged_from: float) -> ir.Table:
    rows = interactions.select(
        "user_id",
        "item_id",
        second=interactions.timestamp_unix,
        day=(interactions.timestamp_unix // 86400).cast("int32"),
        strength=interactions.strength.cast("float32"),
        engaged=(interactions.strength >= engaged_from).cast("int8"),
    )
    days = _global_means(rows)
    rows = rows.inner_join(users, "user_id").inner_join(items.select("item_id", "item"), "item_id")
    rows = rows.inner_join(days, "day").drop("user_id", "item_id", "day")
    earlier = _before("item", "second")
    rows = rows.mutate(
        item_count=ibis.rank().over(group_by="item", order_by="second").cast("int32"),
        item_recency_seconds=rows.second - rows.second.last().over(earlier),
        item_total=rows.strength.sum().over(earlier).fill_null(0),
        item_hits=rows.engaged.sum().over(earlier).fill_null(0),
    )
    weight = rows.item_count + ITEM_WEIGHT
    return rows.mutate(
        global_rate=rows.global_rate.cast("float32"),
        item_mean=((rows.item_total + ITEM_WEIGHT * rows.global_mean) / weight).cast("float32"),
        item_rate=((rows.item_hits + ITEM_WEIGHT * rows.global_rate) / weight).cast("float32"),
    ).drop("item_total", "item_hits", "global_mean")


def _global_means(rows: ir.Table) -> ir.Table:
    days = rows.group_by("day").agg(total=rows.strength.sum(), hits=rows.engaged.sum(), count=rows.count())
    earlier = ibis.window(order_by="day", preceding=(None, 1))
    count = days["count"].sum().over(earlier).fill_null(0) + PRIOR_WEIGHT
    total = days.total.sum().over(earlier).fill_null(0) + PRIOR_WEIGHT * PRIOR_STRENGTH
    hits = days.hits.sum().over(earlier).fill_null(0) + PRIOR_WEIGHT * PRIOR_RATE
    return days.select("day", global_mean=total / count, global_rate=hits / count)


def _with_user_history(rows: ir.Table) -> ir.Table:
    rows = rows.mutate(above=rows.engaged - rows.item_rate, strength_above=rows.strength - rows.item_mean)
    earlier = _before("user", "second")
    rows = rows.mutate(
        moment=ibis.dense_rank().over(group_by="user", order_by="second").cast("int32"),
        position=ibis.row_number().over(group_by="user", order_by=["second", "item"]).cast("int32"),
        of_user=rows.count().over(group_by="user").cast("int32"),
        user_count=ibis.rank().over(group_by="user", order_by="second").cast("int32"),
        user_recency_seconds=rows.second - rows.second.last().over(earlier),
        user_hits=rows.engaged.sum().over(earlier).fill_null(0),
        user_above=rows.above.sum().over(earlier).fill_null(0),
        user_strength_above=rows.strength_above.sum().over(earlier).fill_null(0),
    )
    rows = rows.mutate(
        from_last=rows.of_user - 1 - rows.position,
        user_rate=((rows.user_hits + USER_WEIGHT * rows.global_rate) / (rows.user_count + USER_WEIGHT)).cast("float32"),
        user_bias=(rows.user_above / (rows.user_count + BIAS_WEIGHT)).cast("float32"),
        user_strength_bias=(rows.user_strength_above / (rows.user_count + BIAS_WEIGHT)).cast("float32"),
    ).drop("of_user", "user_hits", "user_above", "user_strength_above", "strength_above")
    rows = rows.mutate(
        **{f"rate_of_last_{n}": rows.engaged.mean().over(_before("user", "moment", n)) for n in RECENT},
        **{f"bias_of_last_{n}": rows.above.mean().over(_before("user", "moment", n)) for n in RECENT_ABOVE},
    ).drop("above")
    recent = [name for name in rows.columns if "_of_last_" in name]
    return rows.mutate(**{name: rows[name].cast("float32") for name in recent})


def _affinities(rows: ir.Table, items: ir.Table) -> ir.Table:
    """By how much the user exceeded what was expected in each of the item's groups, and in its decade, shrunk to 0."""
    decade = (items.year // 10).cast("string")
    of = items.select("item", group=items.groups.fill_null([]).map(lambda one: "g" + one).unnest())
    of = of.union(items.filter(items.year.notnull()).select("item", group="d" + decade))
    numbered = of.select("item", is_decade=of.group.startswith("d"), group=ibis.dense_rank().over(order_by=of.group))
    residual = rows.engaged - rows.item_rate - rows.user_bias
    flat = rows.select("user", "item", "position", "moment", residual=residual).inner_join(numbered, "item")
    earlier = _before(["user", "group"], "moment")
    flat = flat.mutate(
        count=ibis.rank().over(group_by=["user", "group"], order_by="moment").cast("int32"),
        total=flat.residual.sum().over(earlier).fill_null(0),
    )
    flat = flat.mutate(affinity=flat.total / (flat["count"] + AFFINITY_WEIGHT))
    genre = ~flat.is_decade
    counts = flat["count"]
    made = flat.group_by(KEYS).agg(
        group_count=counts.mean(where=genre),
        group_affinity=flat.affinity.mean(where=genre),
        group_affinity_max=flat.affinity.max(where=genre),
        group_affinity_min=flat.affinity.min(where=genre),
        group_affinity_weighted=(counts * flat.affinity).sum(where=genre) / (counts.sum(where=genre) + 1),
        decade_count=counts.max(where=flat.is_decade),
        decade_affinity=flat.affinity.max(where=flat.is_decade),
    )
    dtypes = {one.name: one.dtype for one in FEATURES}
    return made.mutate(**{name: made[name].cast(dtypes[name]) for name in made.columns if name not in KEYS})
