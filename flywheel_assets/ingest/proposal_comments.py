"""What a proposal says of each of its choices: what was seen, why, and how to change it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from flywheel_assets.ingest.column_roles import Sample
from flywheel_assets.ingest.events import events
from flywheel_assets.ingest.mapping import EventMapping
from flywheel_assets.ingest.times import SECOND, ZONE, microseconds

MOST_LISTED = 20
"""Names of events without a feature that are listed; the rest is counted."""


def warnings(sample: Sample, mapping: EventMapping) -> list[str]:
    """What a person has to know before anything is made of the mapping."""
    found = []
    who = mapping.user or mapping.session
    nobody = sample.count - sample.filled(who)[0]
    if nobody:
        found.append(f"{nobody:,} rows have no {who} and would be set aside")
    if not mapping.user:
        found.append(
            f"no column tells users apart: {mapping.session} stands for the user, so each user has one session, "
            "and user labels say no more than session labels"
        )
    return found


def comments(sample: Sample, mapping: EventMapping, names: Mapping[str, int], most_rows: int) -> dict[str, str]:
    """By choice, as :func:`mapping_text` takes them. ``names``: rows by name of event; ``most_rows``: how many are
    looked at."""
    limit = ": of a larger file, no more are looked at" if sample.count == most_rows else ""
    said = {"columns": f"{sample.count:,} rows{limit}."}
    for role, name in (("user", mapping.user), ("session", mapping.session)):
        if name:
            filled, different = sample.filled(name)
            gone = f"; {sample.count - filled:,} rows have none" if filled < sample.count else ""
            said[role] = f"{different:,} different{gone}."
    if not mapping.user:
        said["session"] += " No column tells users apart, so this stands for the user."
    elif mapping.session:
        said["session"] += " Sessions are those that the events have; without this line a pause ends one."
    if names:
        said["event"] = f"{len(names):,} different names."
    left = [name for name in names if not _counts(mapping, name) and not mapping.ignores(name)]
    if left:
        listed = ", ".join(f"{name!r} ({names[name]:,})" for name in left[:MOST_LISTED])
        more = f" and {len(left) - MOST_LISTED:,} more" if len(left) > MOST_LISTED else ""
        said["features"] = f"No feature counts: {listed}{more}.\nAdd a feature, or list them under ignore."
    if mapping.ignored:
        nameless = " '' is what has no name." if "" in mapping.ignored else ""
        said["ignore"] = f"Events that say nothing about a visit.{nameless}"
    if mapping.carried:
        said["carry"] = "Columns that go with a session; no model learns from them."
    return said | _of_time(sample, mapping) | {"deduplicate": _of_copies(sample, mapping)}


def _of_time(sample: Sample, mapping: EventMapping) -> dict[str, str]:
    when = sample.value(mapping.time)
    zoned = when.cast("string").strip().re_search(ZONE).sum().coalesce(0)
    at = microseconds(when, mapping.time_unit, mapping.timezone)
    row = sample.figures(first=at.min(), last=at.max(), filled=when.count(), zoned=zoned)
    first, last = (_shown(row[name]) for name in ("first", "last"))
    said = {"time": f"From {first} to {last}, UTC."}
    has_zone = row["zoned"] == row["filled"] if when.type().is_string() else getattr(when.type(), "timezone", None)
    if mapping.time_unit:
        said["time_unit"] = "Seen from how large the numbers are."
    elif not has_zone:
        said["timezone"] = (
            "Of times without a zone. Taken for UTC; name another, as in Europe/Berlin, if they are of it."
        )
    return said


def _shown(at: int) -> str:
    """To the second; a clock may have been so wrong that there is no such year."""
    try:
        return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return f"{at // SECOND} seconds after 1970"


def _of_copies(sample: Sample, mapping: EventMapping) -> str:
    if mapping.deduplicate == "event_id":
        filled, different = sample.filled(mapping.event_id)
        return f"{filled - different:,} rows repeat an id and are taken for copies."
    rows = events(sample.rows, mapping)
    once = rows.distinct()
    counts = (rows.aggregate(n=rows.count()), once.aggregate(n=once.count()))
    every, different = (int(sample.engine.collect(one)["n"][0].as_py()) for one in counts)
    return (
        f"No column is an id of events, so rows that are the same in all columns named here are taken for copies:\n"
        f"{every - different:,} rows are. To keep them all: deduplicate = false"
    )


def _counts(mapping: EventMapping, name: str) -> bool:
    """Whether a feature counts that name, or every event."""
    made = (mapping.features[feature] for feature in mapping.features_of(name))
    return any(one.events is not None or (one.measure == "count" and not one.where) for one in made)
