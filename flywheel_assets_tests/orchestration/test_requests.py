"""What to run: each rule by an example, and that they lead to the right tables by any schedule at all."""

from collections.abc import Collection, Mapping

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flywheel_assets.orchestration.requests import Request, landing_requests, table_requests
from flywheel_assets.warehouse.file_identity import FileIdentity, news

A, B = ("a.parquet", 10, 1), ("b.parquet", 20, 2)
A_AGAIN = ("a.parquet", 10, 5)


def asked(
    landed: Mapping[str, Collection[FileIdentity]],
    made_from: Mapping[str, Collection[FileIdentity]],
    closed: Collection[str] = ("01", "02", "03"),
    unfinished: Collection[str] = (),
    usable: Collection[FileIdentity] | None = None,
) -> list[str]:
    """The keys that are asked for; usable files are those that landed unless they are said."""
    files = [f for of_interval in landed.values() for f in of_interval] if usable is None else usable
    fingerprints = {key: repr(landed.get(key, ())) for key in closed}
    written = dict.fromkeys(made_from, 1)
    current = by_path(files)
    return [r.key for r in landing_requests(closed, landed, current, made_from, fingerprints, written, unfinished)]


def by_path(files: Collection[FileIdentity]) -> dict[str, FileIdentity]:
    return {identity[0]: identity for identity in files}


def run_key(landed: Collection[FileIdentity], made_from: Collection[FileIdentity], written: int) -> str:
    """The run key of the one request that there is for one interval."""
    (request,) = landing_requests(
        ["01"], {"01": landed}, by_path(landed), {"01": made_from}, {"01": repr(landed)}, {"01": written}, ()
    )
    return request.run_key


def test_a_new_file_runs_the_intervals_that_it_touches_and_no_other() -> None:
    assert asked({"01": [A], "02": [A, B], "03": [B]}, {"01": [A], "02": [A], "03": []}) == ["02", "03"]


def test_nothing_new_runs_nothing() -> None:
    assert asked({"01": [A]}, {"01": [A], "02": [], "03": []}) == []


def test_intervals_are_asked_for_oldest_first() -> None:
    assert asked({"02": [A], "03": [A], "01": [A]}, {}) == ["01", "02", "03"]


def test_a_late_file_runs_its_old_interval_again() -> None:
    assert asked({"01": [A, B], "03": [A]}, {"01": [A], "02": [], "03": [A]}) == ["01"]


def test_a_file_that_landed_again_runs_its_intervals_again() -> None:
    assert asked({"01": [A_AGAIN], "03": [B]}, {"01": [A], "02": [], "03": [B]}) == ["01"]


def test_a_landed_file_that_vanished_runs_nothing() -> None:
    assert asked({"01": [B]}, {"01": [A, B], "02": [], "03": []}) == []


def test_a_file_that_now_holds_nothing_of_the_interval_runs_it_again() -> None:
    assert asked({"02": [A_AGAIN]}, {"01": [A], "02": [A], "03": []}) == ["01", "02"]


def test_a_replacement_that_cannot_be_used_runs_nothing() -> None:
    assert asked({}, {"01": [A], "02": [], "03": []}, usable=[]) == []


def test_a_file_that_was_never_usable_and_now_is_runs_its_interval() -> None:
    assert asked({"01": [A_AGAIN]}, {"01": [], "02": [], "03": []}) == ["01"]


def test_an_interval_without_sessions_between_others_is_run_once() -> None:
    assert asked({"01": [A], "03": [A]}, {"01": [A], "03": [A]}) == ["02"]
    assert asked({"01": [A], "03": [A]}, {"01": [A], "02": [], "03": [A]}) == []


def test_an_open_interval_waits_and_runs_when_it_closes() -> None:
    landed = {"01": [A], "02": [A]}

    assert asked(landed, {"01": [A]}, closed=["01"]) == []
    assert asked(landed, {"01": [A]}, closed=["01", "02"]) == ["02"]


def test_an_unfinished_run_of_an_interval_holds_that_interval_alone() -> None:
    assert asked({"01": [A], "02": [A], "03": [A]}, {}, unfinished=["02"]) == ["01", "03"]


def test_without_a_closed_interval_there_is_nothing_to_run() -> None:
    assert asked({"01": [A]}, {}, closed=[]) == []


def test_an_interval_whose_run_failed_is_asked_for_under_the_same_key() -> None:
    assert run_key([B], made_from=[A], written=1) == run_key([B], made_from=[A], written=1)


def test_new_files_are_asked_for_under_another_key() -> None:
    assert run_key([B], made_from=[A], written=1) != run_key([B, A_AGAIN], made_from=[A], written=1)


def test_a_file_that_came_back_as_it_was_before_its_replacement_is_asked_for_under_another_key() -> None:
    first = run_key([A], made_from=[], written=1)
    replaced = run_key([A_AGAIN], made_from=[A], written=2)
    back = run_key([A], made_from=[A_AGAIN], written=3)
    replaced_again = run_key([A_AGAIN], made_from=[A], written=4)

    assert len({first, replaced, back, replaced_again}) == 4


def test_a_run_key_begins_with_its_interval() -> None:
    (request,) = landing_requests(["01"], {}, {}, {}, {"01": "f"}, {}, ())

    assert request == Request("01", "01/f/new", "it was never made")


def test_news_say_which_files_landed_and_which_changed() -> None:
    assert news([A, B], by_path([A, B]), []) == "a.parquet and 1 more landed"
    assert news([A_AGAIN], by_path([A_AGAIN]), [A]) == "a.parquet changed"
    assert news([A_AGAIN, B], by_path([A_AGAIN, B]), [A]) == "b.parquet landed and a.parquet changed"
    assert news([], {}, [A]) == ""


def transitions(
    wanted: Mapping[str, str], made: Mapping[str, str], unfinished: Collection[str] = (), first: str = "01"
) -> list[str]:
    """The keys whose transitions are asked for."""
    concerned = {key: {key} if key == first else {key, f"{int(key) - 1:02}"} for key in wanted}
    changed = dict.fromkeys(made, "user_labels changed")
    return [r.key for r in table_requests(wanted, made, concerned, dict.fromkeys(made, 1), changed, unfinished)]


def test_missing_transitions_are_asked_for_where_both_user_labels_are_there() -> None:
    assert transitions({"01": "x", "02": "y"}, {}) == ["01", "02"]
    assert transitions({"02": "y"}, {}) == ["02"]


def test_transitions_of_another_generation_are_asked_for_again() -> None:
    assert transitions({"01": "x", "02": "changed"}, {"01": "x", "02": "y"}) == ["02"]


def test_transitions_of_the_generation_that_they_would_have_are_left() -> None:
    assert transitions({"01": "x", "02": "y"}, {"01": "x", "02": "y"}) == []


def test_transitions_wait_while_their_interval_or_the_previous_one_is_unfinished() -> None:
    wanted = {"01": "x", "02": "y", "03": "z"}

    assert transitions(wanted, {}, unfinished=["01"]) == ["03"]
    assert transitions(wanted, {}, unfinished=["03"]) == ["01", "02"]


def test_transitions_of_the_first_interval_wait_for_no_other() -> None:
    assert transitions({"02": "y"}, {}, unfinished=["01"], first="02") == ["02"]


def test_a_table_waits_while_any_interval_that_it_rests_on_is_unfinished() -> None:
    concerned = {"01": {"01"}, "03": {"01", "02", "03"}}

    def keys(unfinished: Collection[str]) -> list[str]:
        return [r.key for r in table_requests({"01": "x", "03": "y"}, {}, concerned, {}, {}, unfinished)]

    assert keys(["02"]) == ["01"]
    assert keys(["01"]) == []
    assert keys(["04"]) == ["01", "03"]


def test_transitions_say_why() -> None:
    concerned, changed = {"01": {"01"}, "02": {"01", "02"}}, {"02": "user_labels changed"}
    requests = table_requests({"01": "x", "02": "y"}, {"02": "old"}, concerned, {"02": 7}, changed, ())

    assert requests == [
        Request("01", "01/x/new", "it was never made"),
        Request("02", "02/y/7", "user_labels changed"),
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
        return landing_requests(
            keys,
            {key: self.landed(key) for key in keys},
            by_path(self.usable()),
            {key: files for key, files in self.made_from.items() if key in keys},
            {key: repr(self.landed(key)) for key in keys},
            {key: at for (table, key), at in self.written.items() if table == "landed"},
            unfinished,
        )

    def transitions_want(self, unfinished: Collection[str]) -> list[Request]:
        keys = [k for k in self.to_run() if all(p in self.labels for p in (k, self.previous(k)) if p)]
        return table_requests(
            {key: self.generation(key) for key in keys},
            self.transitions,
            {key: {k for k in (key, self.previous(key)) if k} for key in keys},
            {key: at for (table, key), at in self.written.items() if table == "transitions"},
            dict.fromkeys(self.transitions, "user_labels changed"),
            unfinished,
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
