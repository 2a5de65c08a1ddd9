"""From events that are cut to the features of sessions: what each event adds, and what that comes to."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from flywheel_assets.ingest.cutting import COPIES, CUT, START
from flywheel_assets.ingest.events import NAME, NATIVE, TIME, USER, among, value_column
from flywheel_assets.ingest.mapping import DURATION_UNITS, Definition, EventMapping
from flywheel_assets.ingest.times import SECOND


def sessions(cut_events: ir.Table, mapping: EventMapping, offsets: Sequence[tuple[int, int]] = ((0, 0),)) -> ir.Table:
    """The rows of the table from :func:`cut_events`, of whatever interval. ``offsets``: of the interval timezone from
    UTC, as :func:`utc_offsets` gives them, for the hour in which a session starts. A feature that no event of a session
    makes is 0; sums are rounded to 6 decimals, since engines add in any order."""
    features = list(mapping.features.items())
    rows = cut_events.mutate(
        _second=(cut_events[START] // SECOND).cast("int64"),
        **{f"_of_{i}": measured(cut_events, mapping, one) for i, (_, one) in enumerate(features)},
    )
    made = rows.group_by(USER, "_second").aggregate(
        **{f"_feature_{i}": aggregated(rows, f"_of_{i}", one) for i, (_, one) in enumerate(features)},
        **{f"_carried_{i}": end_value(rows, mapping, name) for i, name in enumerate(mapping.carried)},
        _events=rows.count(),
        _last=rows[TIME].max(),
        _cut=rows[CUT].max(),
        **({"_copied": rows[COPIES].sum()} if mapping.deduplicate else {}),
        **({"_native": rows[NATIVE].nunique()} if mapping.session else {}),
    )
    second = made["_second"]
    hour = ibis.cases(*((second >= since, (second + offset) // 3600 % 24) for since, offset in reversed(offsets)))
    return made.select(
        session_id=made[USER] + "." + second.cast("string"),
        user_id=made[USER],
        **{
            name: (hour if one.measure == "start_hour" else made[f"_feature_{i}"]).cast("float64")
            for i, (name, one) in enumerate(features)
        },
        events=made["_events"],
        # DuckDB sums to 128 bits, which parquet has not; Ibis takes that for 64 and would leave out a cast to them.
        copies=made["_copied"].cast("int32").cast("int64") if mapping.deduplicate else int64(0),
        session_end=(made["_last"] // SECOND).cast("int64").as_timestamp("s").cast("timestamp('UTC')"),
        likely_bot=made["_cut"],
        source_sessions=made["_native"].cast("int64") if mapping.session else int64(1),
        **{name: made[f"_carried_{i}"].cast("string") for i, name in enumerate(mapping.carried)},
        timestamp_unix=second,
    )


def int64(number: int) -> ir.IntegerScalar:
    """A number that engines take for 64 bits, too."""
    return ibis.literal(number, "int8").cast("int64")


def matched_by(events: ir.Table, mapping: EventMapping, one: Definition) -> ir.BooleanValue | None:
    """Whether an event counts for a feature or a kind; None where each does."""
    tests = [] if one.events is None else [among(events[NAME], one.events)]
    tests += [among(events[value_column(mapping, of)].cast("string"), texts) for of, texts in one.where]
    return ibis.and_(*tests) if tests else None


def measured(events: ir.Table, mapping: EventMapping, one: Definition) -> ir.Value:
    """What an event adds to a feature, so that no more than that is carried on."""
    matched = matched_by(events, mapping, one)
    if one.measure in ("duration", "start_hour"):
        return ibis.literal(0)
    if one.measure == "count":
        return ibis.literal(1) if matched is None else matched.cast("int8")
    value = events[value_column(mapping, one.of)]
    return value if matched is None else ibis.ifelse(matched, value, ibis.null(value.type()))


def aggregated(rows: ir.Table, column: str, one: Definition) -> ir.Scalar:
    value = rows[column]
    if one.measure == "duration":
        return (rows[TIME].max() - rows[TIME].min()).cast("float64") / DURATION_UNITS[one.of]
    if one.measure == "distinct":
        if isinstance(value, ir.ArrayValue):
            return value.collect().flatten().filter(lambda one: one.notnull()).unique().length().coalesce(0)
        return value.nunique()
    found = value.max() if one.measure in ("max", "start_hour") else value.sum()
    return found.coalesce(0).round(6) if one.measure == "sum" else found.coalesce(0)


def end_value(rows: ir.Table, mapping: EventMapping, name: str) -> ir.Scalar:
    """The value of the first or the last event of a session that has one; of several in one moment the least."""
    one = mapping.carried[name]
    value = rows[value_column(mapping, one.value)]
    order = ibis.struct({"time": -rows[TIME] if one.last else rows[TIME], "value": value.cast("string")})
    return value.argmin(order, where=value.notnull())


def mapped(events: ir.Table, mapping: EventMapping) -> ir.BooleanValue:
    """Whether an event makes some feature, is of some kind, or has a name that the mapping ignores. One without the
    value that a feature is of makes nothing of it."""
    tests = [among(events[NAME], mapping.ignored)]
    for one in dict.fromkeys([*mapping.features.values(), *mapping.kinds.values()]):  # most kinds are features
        if one.measure in ("duration", "start_hour"):
            continue
        matched = matched_by(events, mapping, one)
        counts = ibis.literal(True) if matched is None else matched
        tests.append(counts if one.measure == "count" else counts & events[value_column(mapping, one.of)].notnull())
    return ibis.or_(*tests)
