"""changes: what a re-run changed in a table, key by key: rows added, removed, and given another label.

Not here: when a table is compared and where notes of it are kept (`sessions.changes`)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir


@dataclass(frozen=True)
class Relabelled:
    """How many keys went from one label to another. None is a label too: that of a row without any."""

    from_label: str | None
    to_label: str | None
    count: int


@dataclass(frozen=True)
class Changes:
    """Keys by what became of them: ``added + relabelled + unchanged`` are those of the table after,
    ``removed + relabelled + unchanged`` those of the table before. ``pairs``: the relabelled, most frequent first."""

    added: int
    removed: int
    relabelled: int
    unchanged: int
    pairs: tuple[Relabelled, ...]


def moves(before: ir.Table, after: ir.Table, key: str, label: str) -> ir.Table:
    """Keys counted by whether they are in each table and by their label there, in one join.

    ``key`` is neither null nor twice in a table; ``label`` may be null. Gives ``was, is_now`` boolean, ``from_label,
    to_label`` as the label (null also where the key is not), ``count`` int64. Two empty tables give no rows. Joined by
    the key itself: a hash of it would take half of the memory, and be wrong one day. 10 M keys complete in 1 GB."""
    old = before.select(key_before=before[key], from_label=before[label])
    new = after.select(key_after=after[key], to_label=after[label])
    joined = old.outer_join(new, old.key_before == new.key_after)
    found = joined.select("from_label", "to_label", was=joined.key_before.notnull(), is_now=joined.key_after.notnull())
    return found.group_by("was", "is_now", "from_label", "to_label").aggregate(count=found.count())


def changes(rows: Iterable[Mapping[str, Any]]) -> Changes:
    """The totals of the rows of :func:`moves`.

    With before ``a: Low, b: Low, c: High`` and after ``b: Low, c: Low, d: High``: d is added, a removed, c relabelled
    (High to Low), b unchanged."""
    counts = dict.fromkeys(("added", "removed", "relabelled", "unchanged"), 0)
    pairs = []
    for row in rows:
        if not row["was"]:
            kind = "added"
        elif not row["is_now"]:
            kind = "removed"
        elif row["from_label"] == row["to_label"]:
            kind = "unchanged"
        else:
            kind = "relabelled"
            pairs.append(Relabelled(row["from_label"], row["to_label"], row["count"]))
        counts[kind] += row["count"]
    pairs.sort(key=lambda pair: (-pair.count, pair.from_label or "", pair.to_label or ""))
    return Changes(**counts, pairs=tuple(pairs))


def happened(history: Sequence[dict[str, Any]], digests: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """The history, oldest first, less the changes that did not come to be.

    A change is noted just before the table is replaced, so that no replacement goes unnoted. A run killed in between
    leaves a last note of a table that still is of the generation before it. ``digests``: those of the tables now."""
    last = {note["table_name"]: note for note in history}
    return [
        note
        for note in history
        if note is not last[note["table_name"]] or note["digest_before"] != digests.get(note["table_name"])
    ]
