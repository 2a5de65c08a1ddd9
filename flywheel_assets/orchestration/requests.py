"""What to run: the difference between what there is and what was made of it. Pure; the sensors only carry it out.

A request's ``run_key`` holds the interval, what it is to be made from and which table that replaces, so that the same
is never asked for twice: new data runs again, also data that was there before and came back; a run that failed, and
so replaced nothing, waits for a person or for new data."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from flywheel_assets.warehouse.file_identity import FileIdentity, news


@dataclass(frozen=True)
class Request:
    """A run to request, for the interval with that key, and why, in words."""

    key: str
    run_key: str
    because: str


def landing_requests(
    closed: Iterable[str],
    landed: Mapping[str, Collection[FileIdentity]],
    usable: Mapping[str, FileIdentity],
    made_from: Mapping[str, Collection[FileIdentity]],
    fingerprints: Mapping[str, str],
    written: Mapping[str, int],
    unfinished: Collection[str],
) -> list[Request]:
    """A run for each closed interval that has news, oldest first, unless one of it is unfinished.

    ``closed``: keys from the first interval with data to the last closed one; ``made_from``: the files that each
    interval's landed_sessions was made from, no entry for one that was never made: it is run though nothing landed;
    ``written``: when those tables were written, whatever the unit."""
    requests = []
    for key in closed:
        if key in unfinished:
            continue
        files = landed.get(key, ())
        because = news(files, usable, made_from[key]) if key in made_from else "it was never made"
        if because:
            requests.append(Request(key, _run_key(key, fingerprints[key], written), because))
    return requests


def table_requests(
    wanted: Mapping[str, str],
    made: Mapping[str, str],
    concerned: Mapping[str, Collection[str]],
    written: Mapping[str, int],
    changed: Mapping[str, str],
    unfinished: Collection[str],
) -> list[Request]:
    """A run of a job for each interval whose tables are missing or of another generation than they would have now,
    oldest first, unless a run of an interval that they are made from is unfinished.

    ``wanted``: the generation that the job's tables would have, for intervals where everything that they are made from
    is there; ``made``: the generation that they have, no entry where none is there; ``written``: when those that are of
    another one were, whatever the unit; ``changed``: what they are not made from as it is now, in words;
    ``concerned``: keys of the intervals that they are made from, their own included."""
    requests = []
    for key in sorted(wanted):
        if made.get(key) == wanted[key] or any(run in concerned[key] for run in unfinished):
            continue
        because = changed[key] if key in made else "it was never made"
        requests.append(Request(key, _run_key(key, wanted[key], written), because))
    return requests


def _run_key(key: str, source: str, written: Mapping[str, int]) -> str:
    return f"{key}/{source}/{written.get(key, 'new')}"
