"""What to run: each rule by an example, and that they lead to the right tables by any schedule at all."""

from collections.abc import Collection, Mapping
from datetime import date

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flywheel_assets.intervals import Calendar
from flywheel_assets.orchestration.requests import Request, run_requests
from flywheel_assets.warehouse.file_index import FileIdentity, FileIndex, LandedFile

A, B = ("a.parquet", 10, 1), ("b.parquet", 20, 2)
A_AGAIN = ("a.parquet", 10, 5)

INTERVAL = Calendar(date(2024, 1, 1), date(2024, 12, 31), 2, "UTC").number(1)


def news(
    landed: Collection[FileIdentity],
    made_from: Collection[FileIdentity],
    usable: Collection[FileIdentity] | None = None,
) -> str:
    """What an interval has news of; usable files are those that landed unless they are said."""
    rows = {INTERVAL.key: 1}
    files = [LandedFile(*f, "schema", rows if f in landed else {}) for f in (landed if usable is None else usable)]
    return FileIndex(tuple(files)).news(INTERVAL, made_from)


def asked(
    because: Mapping[str, str],
    unfinished: Collection[str] = (),
    concerned: Mapping[str, Collection[str]] | None = None,
) -> list[str]:
    """The keys that are asked for."""
    wanted, replaced = dict.fromkeys(because, "wanted"), dict.fromkeys(because, "1")
    return [r.key for r in run_requests(because, wanted, replaced, unfinished, concerned)]


def test_news_say_which_files_landed_and_which_changed() -> None:
    assert news([A, B], []) == "a.parquet and 1 more landed"
    assert news([A_AGAIN], [A]) == "a.parquet changed"
    assert news([A_AGAIN, B], [A]) == "b.parquet landed and a.parquet changed"
    assert news([A], [A]) == news([], []) == ""


def test_a_file_that_vanished_or_can_no_longer_be_used_is_no_news() -> None:
    assert news([B], [A, B]) == ""
    assert news([], [A], usable=[]) == ""


def test_a_file_that_now_holds_nothing_of_the_interval_is_news() -> None:
    assert news([], [A], usable=[A_AGAIN]) == "a.parquet changed"


def test_a_file_that_was_never_usable_and_now_is_is_news() -> None:
    assert news([A_AGAIN], []) == "a.parquet landed"


def test_intervals_are_asked_for_oldest_first() -> None:
    assert asked({"02": "new", "03": "new", "01": "new"}) == ["01", "02", "03"]


def test_an_unfinished_run_of_an_interval_holds_that_interval_alone() -> None:
    assert asked({"01": "new", "02": "new", "03": "new"}, unfinished=["02"]) == ["01", "03"]


def test_a_table_waits_while_any_interval_that_it_rests_on_is_unfinished() -> None:
    concerned = {"01": {"01"}, "03": {"01", "02", "03"}}

    def keys(unfinished: Collection[str]) -> list[str]:
        return asked({"01": "new", "03": "new"}, unfinished, concerned)

    assert keys(["02"]) == ["01"]
    assert keys(["01"]) == []
    assert keys(["04"]) == ["01", "03"]


def test_a_run_key_holds_the_interval_what_is_wanted_and_what_that_replaces() -> None:
    assert run_requests({"01": "a.parquet landed"}, {"01": "f"}, {"01": "7"}, ()) == [
        Request("01", "01/f/7", "a.parquet landed")
    ]


KEYS = ("01", "02", "03", "04")
"""Two digits, so that they sort as dates do."""


class Schedule(RuleBasedStateMachine):
    """Files come, change and go, the clock goes on, runs succeed and fail, a person runs intervals; between them the
    sensors tick. The model: a table is what its last run read."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0
        self.closed = 1
        self.files: dict[str, tuple[FileIdentity, frozenset[str] | None]] = {}
        """By path: identity, and the intervals it has sessions of; None for one that cannot be used."""
        self.before: dict[str, list[tuple[FileIdentity, frozenset[str] | None]]] = {}
        self.made_from: dict[str, list[FileIdentity]] = {}
        self.labels: dict[str, str] = {}
        self.transitions: dict[str, str] = {}
        self.written: dict[tuple[str, str], int] = {}
        self.running: list[tuple[str, Request]] = []
        self.asked: dict[tuple[str, str], str] = {}
        self.failed: set[tuple[str, str, str]] = set()

    # What the wrappers gather

    def landed(self, key: str) -> list[FileIdentity]:
        return sorted(identity for identity, keys in self.files.values() if keys and key in keys)

    def usable(self) -> list[FileIdentity]:
        return [identity for identity, keys in self.files.values() if keys is not None]

    def first(self) -> str | None:
        landed = {key for _, keys in self.files.values() for key in keys or ()}
        return min({*landed, *(key for key, files in self.made_from.items() if files)}, default=None)

    def to_run(self) -> list[str]:
        first = self.first()
        return [key for key in KEYS[: self.closed] if first and key >= first]

    def previous(self, key: str) -> str | None:
        first = self.first()
        return None if first is None or key <= first else KEYS[KEYS.index(key) - 1]

    def generation(self, key: str) -> str:
        previous = self.previous(key)
        return f"{self.labels.get(key)}-{self.labels.get(previous) if previous else None}"

    def landing_wants(self, unfinished: Collection[str]) -> list[Request]:
        keys = self.to_run()
        because = {key: self.landing_lacks(key) for key in keys if self.landing_lacks(key)}
        fingerprints = {key: repr(self.landed(key)) for key in keys}
        return run_requests(because, fingerprints, {key: self.replaced("landed", key) for key in keys}, unfinished)

    def landing_lacks(self, key: str) -> str:
        """Why labels of an interval are asked for."""
        if key not in self.made_from:
            return "it was never made"
        made_from, usable = self.made_from[key], {path: (path, *rest) for path, *rest in self.usable()}
        new = {path for path, *_ in self.landed(key)} - {path for path, *_ in made_from}
        changed = [i for i in made_from if usable.get(i[0], i) != i]
        return "news" if new or changed else "" if key in self.labels else "it was deleted"

    def replaced(self, table: str, key: str) -> str:
        """When what stands in its place was written, or last stood there."""
        there = key in (self.labels if table == "landed" else self.transitions)
        return f"{'at' if there else 'gone'} {self.written.get((table, key), 'new')}"

    def transitions_want(self, unfinished: Collection[str]) -> list[Request]:
        keys = [k for k in self.to_run() if all(p in self.labels for p in (k, self.previous(k)) if p)]
        return run_requests(
            {key: "changed" for key in keys if self.transitions.get(key) != self.generation(key)},
            {key: self.generation(key) for key in keys},
            {key: self.replaced("transitions", key) for key in keys},
            unfinished,
            {key: {k for k in (key, self.previous(key)) if k} for key in keys},
        )

    def unfinished(self) -> set[str]:
        return {request.key for _, request in self.running}

    def tick(self) -> bool:
        """Both sensors, one after the other; whether anything was asked for."""
        new = [("landing", r) for r in self.landing_wants(self.unfinished())]
        new = [(job, r) for job, r in new if (job, r.run_key) not in self.asked]
        self.started(new)
        more = [("transitions", r) for r in self.transitions_want(self.unfinished())]
        more = [(job, r) for job, r in more if (job, r.run_key) not in self.asked]
        self.started(more)
        return bool(new or more)

    def started(self, new: list[tuple[str, Request]]) -> None:
        for job, request in new:
            assert request.key not in self.unfinished(), "two unfinished runs of an interval"
            assert (job, request.run_key) not in self.asked, "asked for twice"
            assert request.key in KEYS[: self.closed], "asked for before it closed"
            self.asked[job, request.run_key] = self.state(job, request.key)
            self.running.append((job, request))

    def succeed(self, job: str, key: str) -> bool:
        """What a run does; it fails where sessions of a file that is gone would be lost."""
        self.time += 1
        if job == "landing":
            if not {path for path, *_ in self.made_from.get(key, [])} <= {path for path, *_ in self.usable()}:
                return False
            self.labels[key] = repr(self.landed(key))
            self.made_from[key] = self.landed(key)
            self.written["landed", key] = self.time
        else:
            self.transitions[key] = self.generation(key)
            self.written["transitions", key] = self.time
        return True

    def finish(self, number: int, fails: bool) -> None:
        job, request = self.running.pop(number % len(self.running))
        if fails or not self.succeed(job, request.key):
            # Both what it was asked for and what it found: files may have changed, and been put back, meanwhile.
            self.failed.add((job, request.key, self.asked.get((job, request.run_key), "")))
            self.failed.add((job, request.key, self.state(job, request.key)))

    def state(self, job: str, key: str) -> str:
        """What a run of the interval would read; after one failed, no other is asked for until this changes."""
        return repr(self.landed(key)) if job == "landing" else self.generation(key)

    # What happens

    @rule(path=st.sampled_from(["a", "b", "c"]), keys=st.frozensets(st.sampled_from(KEYS), max_size=3))
    def land(self, path: str, keys: frozenset[str]) -> None:
        self.time += 1
        if path in self.files:
            self.before.setdefault(path, []).append(self.files[path])
        self.files[path] = ((path, 1, self.time), keys)

    @rule(path=st.sampled_from(["a", "b", "c"]))
    def land_what_cannot_be_used(self, path: str) -> None:
        self.land(path, frozenset())
        self.files[path] = (self.files[path][0], None)

    @precondition(lambda self: self.files)
    @rule(number=st.integers(0, 9))
    def delete(self, number: int) -> None:
        path = sorted(self.files)[number % len(self.files)]
        self.before.setdefault(path, []).append(self.files.pop(path))

    @precondition(lambda self: self.before)
    @rule(number=st.integers(0, 9), which=st.integers(0, 9))
    def put_back_as_it_was(self, number: int, which: int) -> None:
        path = sorted(self.before)[number % len(self.before)]
        back = self.before[path][which % len(self.before[path])]
        if path in self.files:
            self.before[path].append(self.files[path])
        self.files[path] = back

    @precondition(lambda self: self.closed < len(KEYS))
    @rule()
    def an_interval_closes(self) -> None:
        self.closed += 1

    @rule()
    def sensors_tick(self) -> None:
        self.tick()

    @precondition(lambda self: self.running)
    @rule(number=st.integers(0, 9), fails=st.booleans())
    def a_run_finishes(self, number: int, fails: bool) -> None:
        self.finish(number, fails)

    @rule(key=st.sampled_from(KEYS))
    def a_person_runs_an_interval(self, key: str) -> None:
        if key not in self.unfinished() and self.succeed("landing", key):
            previous = self.previous(key)
            if previous is None or previous in self.labels:
                self.succeed("transitions", key)

    @rule(key=st.sampled_from(KEYS), labels=st.booleans())
    def a_table_is_deleted(self, key: str, labels: bool) -> None:
        if (labels and self.labels.pop(key, None)) or (not labels and self.transitions.pop(key, None)):
            # What failed before may be asked for again: it is another state than the one that failed.
            self.failed -= {one for one in self.failed if one[1] == key}

    @rule()
    def all_is_left_alone(self) -> None:
        """Ticks, and runs that succeed, until nothing is asked for: then everything is right."""
        for _ in range(50):
            while self.running:
                self.finish(0, fails=False)
            if not self.tick():
                break
        else:
            raise AssertionError("the sensors ask for ever")
        for key in self.to_run():
            if ("landing", key, self.state("landing", key)) not in self.failed:
                self.landed_is_right(key)
            previous = self.previous(key)
            there = all(k in self.labels for k in (key, previous) if k)
            if there and ("transitions", key, self.state("transitions", key)) not in self.failed:
                assert self.transitions.get(key) == self.generation(key), key

    def landed_is_right(self, key: str) -> None:
        """The table is of what has landed, but for files that vanished or can no longer be used."""
        made, landed = self.made_from[key], self.landed(key)
        usable = {path for path, *_ in self.usable()}
        assert [f for f in made if f[0] in usable] == landed, key

    @invariant()
    def no_interval_has_two_unfinished_runs(self) -> None:
        assert len(self.unfinished()) == len(self.running)


Schedule.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestAnySchedule = Schedule.TestCase
