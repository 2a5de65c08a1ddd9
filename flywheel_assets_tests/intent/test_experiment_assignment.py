from collections import Counter
from fractions import Fraction

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.intent import experiment_assignment as assignment
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import frame, records
from flywheel_assets_tests.intent.experiments import HALVES, experiment

NOBODY = pa.array([], pa.string())
ODD = ["o'neil", '"quoted"', "<b>", "a,b", "two\nlines", "=1+1", "é"]

User = tuple[str, str, str]
USERS = st.lists(
    st.tuples(st.sampled_from(ODD) | st.text(), st.sampled_from(["High", "Low"]), st.sampled_from(["Engaged", ABSENT])),
    unique_by=lambda user: user[0],
)


def users(*rows: User) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return pa.table(
        dict(
            zip(("user_id", "stratum_tier", "stratum_label"), (pa.array(c, pa.string()) for c in columns), strict=True)
        )
    )


def arms(of: pa.Table) -> dict[str, str]:
    return dict(zip(of["user_id"].to_pylist(), of["arm"].to_pylist(), strict=True))


@given(USERS, st.data())
def test_the_same_users_get_the_same_arms_in_any_order(rows: list[User], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rows))
    first, second = (assignment.assigned(experiment(), users(*some), NOBODY) for some in (rows, shuffled))
    assert arms(first) == arms(second)
    assert set(arms(first)) == {user for user, _, _ in rows}


@given(USERS)
def test_arms_have_their_shares_in_each_tier_and_label(rows: list[User]) -> None:
    shares = {"a": Fraction(1, 4), "b": Fraction(1, 4), "c": Fraction(3, 10), "hold_out": Fraction(1, 5)}
    made = assignment.assigned(experiment(shares=shares), users(*rows), NOBODY).to_pylist()
    for stratum in {(row["stratum_tier"], row["stratum_label"]) for row in made} | {None}:
        of = [row for row in made if stratum in (None, (row["stratum_tier"], row["stratum_label"]))]
        counts = Counter(row["arm"] for row in of)
        for arm, share in shares.items():
            assert abs(counts[arm] - share * len(of)) < 1


@given(USERS, st.text(min_size=1))
def test_another_experiment_moves_nobody(rows: list[User], name: str) -> None:
    before = arms(assignment.assigned(experiment(), users(*rows), NOBODY))
    assignment.assigned(experiment(name), users(*rows), NOBODY)
    assert arms(assignment.assigned(experiment(), users(*rows), NOBODY)) == before


def test_who_is_left_out_or_of_another_tier_is_in_no_arm() -> None:
    rows = users(("ann", "High", ABSENT), ("bob", "Low", ABSENT), ("cy", "High", "Engaged"), ("dan", "Medium", ABSENT))
    made = assignment.assigned(experiment(tiers=("High", "Medium")), rows, pa.array(["cy"]))
    assert sorted(arms(made)) == ["ann", "dan"]


def test_a_row_holds_what_was_stated_when_it_was_made() -> None:
    (row,) = assignment.assigned(experiment(), users(("a,b", "High", ABSENT)), NOBODY).to_pylist()
    assert row.pop("arm") in HALVES
    assert row == {
        "experiment": "pricing",
        "user_id": "a,b",
        "share": 0.5,
        "stratum_tier": "High",
        "stratum_label": ABSENT,
        "shares": "control 0.5, email 0.5",
        "until": "2024-02-26",
    }


def test_bots_are_no_candidates_and_users_without_a_label_are_absent(engine: DuckDBEngine) -> None:
    scores = frame({"user_id": "string", "tier": "string"}, [("ann", "High"), ("bob", "Low"), ("bot", "High")])
    features = frame({"user_id": "string", "likely_bot": "bool"}, [("ann", False), ("bob", False), ("bot", True)])
    labels = frame({"user_id": "string", "user_flywheel_label": "string"}, [("ann", "Engaged"), ("bot", "Passive")])
    found = records(engine, assignment.candidates(scores, features, labels), "user_id")
    assert [tuple(row.values()) for row in found] == [("ann", "High", "Engaged"), ("bob", "Low", ABSENT)]
    without = records(engine, assignment.candidates(scores, features, None), "user_id")
    assert [row["stratum_label"] for row in without] == [ABSENT, ABSENT]


def test_an_arm_without_users_is_named() -> None:
    assert assignment.every_arm([{"experiment": "e", "arm": "control"}], []).passed
    said = assignment.every_arm([{"experiment": "e", "arm": "control"}], [experiment("e"), experiment()])
    assert said.state == "warned"
    assert said.summary == (
        "nobody is in e: email; pricing: control and email; few users are eligible by tiers and leave_out, or none"
    )


def test_users_in_two_exclusive_experiments_fail() -> None:
    assert assignment.exclusive({("a", "b"): 0}).passed
    verdict = assignment.exclusive({("a", "b"): 3, ("a", "c"): 0})
    assert (verdict.passed, verdict.summary) == (False, "3 users in both a and b")


def test_a_user_twice_or_a_null_breaks_the_contract(engine: DuckDBEngine) -> None:
    made = assignment.assigned(experiment(), users(("ann", "High", ABSENT), ("bob", "Low", ABSENT)), NOBODY)

    def summary(rows: pa.Table) -> str:
        import ibis

        table = ibis.memtable(rows)
        return assignment.contract(
            records(engine, table.aggregate(**assignment.figures(table)))[0], table.schema()
        ).summary

    assert summary(made) == "1 experiment, 2 users assigned"
    assert summary(pa.concat_tables([made, made.slice(0, 1)])) == "1 further row of a user already in the experiment"
    nulls = made.set_column(2, "arm", pa.array(["email", None], pa.string()))
    assert summary(nulls) == "1 row with a null"
