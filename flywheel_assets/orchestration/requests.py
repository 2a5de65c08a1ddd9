"""What to ask for: the difference between what there is and what was made of it. Pure; the sensors only carry it out.

A request's ``run_key`` holds the interval, what its tables are to be made from and what that replaces, so that the same
is never asked for twice: new data runs again, also data that was there before and came back, and so does a table that
was deleted; a run that failed, and so replaced nothing, waits for a person or for new data."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """A run to request, for the interval with that key, and why, in words."""

    key: str
    run_key: str
    because: str


def run_requests(
    because: Mapping[str, str],
    wanted: Mapping[str, str],
    replaced: Mapping[str, str],
    unfinished: Collection[str],
    concerned: Mapping[str, Collection[str]] | None = None,
) -> list[Request]:
    """A run for each interval that needs one, oldest first, unless a run of an interval that its tables are made from
    is unfinished. All by key of the interval:

    ``because``: why, in words; ``wanted``: what the tables are to be made from; ``replaced``: what stands in their
    place, or stood there before it was deleted; ``concerned``: the intervals that they are made from, their own
    included, which is all of them by default."""
    return [
        Request(key, f"{key}/{wanted[key]}/{replaced[key]}", why)
        for key, why in sorted(because.items())
        if not {*(concerned or {}).get(key, (key,))} & {*unfinished}
    ]
