from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flywheel_assets.intent.experiment_readout import (
    BETTER,
    DIFFERENT,
    MOVE,
    NOT_SHOWN,
    NOT_YET,
    WORSE,
    readout,
    verdicts,
)
from flywheel_assets.intent.experiment_sentences import headline, rate_lines, sentences
from flywheel_assets.intent.experiments_file import Experiment
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets_tests.frames import CALENDAR
from flywheel_assets_tests.intent.experiments import HALVES, experiment

ORDER = ("Passive", "Engaged")


def cohort(
    seed: int = 1, users: int = 2000, looks: int = 1, lift: float = 0.0, arms: Sequence[str] = ("control", "email")
) -> pd.DataFrame:
    """Users of whom about a tenth convert in an interval, those with a higher score more; the last arm with a lift."""
    random = np.random.default_rng(seed)
    rate = random.beta(2, 18, users)
    arm = np.array(arms)[random.permutation(users) % len(arms)]
    likely = rate * np.where(arm == arms[-1], 1 + lift, 1)
    did = {f"did_{look}": random.random(users) < (rate if look == 0 else likely) for look in range(looks + 1)}
    labels = np.array([ABSENT, *ORDER])
    return pd.DataFrame(
        {
            "arm": arm,
            "score": 100 * rate + random.normal(0, 3, users),
            "from_label": labels[random.integers(0, 3, users)],
            "to_label": labels[random.integers(0, 3, users)],
            **did,
        }
    )


def read(of: Experiment, rows: pd.DataFrame, order: Sequence[str] | None = None) -> list[dict[str, Any]]:
    keys = [interval.key for interval in CALENDAR.between(of.assign, of.until)]
    return readout(of, rows, order, keys)


def of_measure(rows: Sequence[dict[str, Any]], measure: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["measure"] == measure]


def test_conversions_count_users_from_the_interval_after_the_assignment_on() -> None:
    rows = pd.DataFrame(
        {
            "arm": ["control", "control", "email", "email"],
            "score": [1.0, 2.0, 3.0, None],
            "from_label": ABSENT,
            "did_0": [True, True, None, None],
            "did_1": [None, False, True, None],
            "did_2": [True, None, True, None],
        }
    )
    control, email = read(experiment(), rows)
    assert (control["counted"], control["users"], control["rate"], control["active_users"]) == (1, 2, 0.5, 2)
    assert (email["counted"], email["users"], email["rate"], email["active_users"]) == (1, 2, 0.5, 1)
    assert (email["look"], email["looks"], email["difference"]) == (2, 3, 0)
    assert email["verdict"] == NOT_YET
    assert control["verdict"] is None
    assert control["difference"] is None


def test_an_effect_is_different_from_the_look_on_at_which_it_was_first_seen() -> None:
    strong = cohort(looks=3, lift=1.0)
    seen = [
        (row["verdict"], row["since"])
        for looks in (1, 2, 3)
        for row in read(experiment(looks=4), strong.drop(columns=[f"did_{i}" for i in range(looks + 1, 4)]))
        if row["arm"] == "email"
    ]
    first = next(i for i, (verdict, _) in enumerate(seen) if verdict == DIFFERENT)
    key = CALENDAR.number(2 + first + 1).key
    assert seen == [(NOT_YET, None)] * first + [(DIFFERENT, key)] * (3 - first)


def test_without_a_difference_it_is_not_yet_and_at_the_last_look_not_shown() -> None:
    said = [read(experiment(looks=2), cohort(looks=looks))[1]["verdict"] for looks in (1, 2)]
    assert said == [NOT_YET, NOT_SHOWN]


def test_the_adjusted_interval_excludes_0_exactly_where_this_look_says_different() -> None:
    for seed in range(30):
        row = read(experiment(looks=1), cohort(seed, users=800, lift=0.5))[1]
        assert (row["verdict"] == DIFFERENT) == (row["adjusted_low"] > 0 or row["adjusted_high"] < 0)
        assert row["adjusted_low"] < row["adjusted_difference"] < row["adjusted_high"]


def test_what_users_were_like_before_takes_variance_away() -> None:
    row = read(experiment(looks=1), cohort())[1]
    assert 0.01 < row["variance_reduction"] < 1
    assert row["adjusted_difference"] != row["difference"]


def test_labels_are_better_worse_or_the_same_and_absent_is_below_the_worst() -> None:
    moves = [
        (ABSENT, "Passive"),
        ("Passive", "Engaged"),
        ("Engaged", ABSENT),
        ("Engaged", "Engaged"),
        ("Old", "Engaged"),
    ]
    rows = pd.DataFrame(
        [
            {"arm": arm, "score": 1.0, "from_label": a, "to_label": b, "did_0": None, "did_1": None}
            for arm in HALVES
            for a, b in moves
        ]
    )
    found = read(experiment(), rows, ORDER)
    assert [row["counted"] for row in of_measure(found, BETTER)] == [2, 2]
    assert [row["counted"] for row in of_measure(found, WORSE)] == [1, 1]
    pairs = {(r["from_label"], r["to_label"], r["arm"]): (r["counted"], r["users"]) for r in of_measure(found, MOVE)}
    assert pairs["Engaged", ABSENT, "email"] == (1, 2)
    assert pairs[ABSENT, "Passive", "control"] == (1, 1)
    assert len(pairs) == 10
    assert of_measure(read(experiment(), rows, None), BETTER) == []


def test_a_hold_out_is_shown_and_compared_with_nothing() -> None:
    shares = {"control": Fraction(2, 5), "email": Fraction(2, 5), "hold_out": Fraction(1, 5)}
    found = read(experiment(shares=shares), cohort(arms=("control", "email", "hold_out")))
    assert [row["arm"] for row in found] == ["control", "email", "hold_out"]
    assert found[2]["rate"] is not None
    assert found[2]["difference"] is None
    assert found[2]["verdict"] is None
    without = cohort(arms=("control", "email", "hold_out"))
    without = without[without["arm"] != "hold_out"].reset_index(drop=True)
    assert read(experiment(), without)[1]["adjusted_difference"] == found[1]["adjusted_difference"]


@pytest.mark.parametrize("users", [0, 1, 2, 5])
@pytest.mark.parametrize("arm", ["control", "email"])
def test_few_users_an_empty_arm_and_no_conversion_are_said_without_a_nan(users: int, arm: str) -> None:
    rows = pd.DataFrame(
        {
            "arm": pd.Series([arm] * users, dtype=object),
            "score": 50.0,
            "from_label": pd.Series(ABSENT, index=range(users), dtype=object),
            "to_label": pd.Series("Passive", index=range(users), dtype=object),
            "did_0": pd.Series(None, index=range(users), dtype=object),
            "did_1": pd.Series(None, index=range(users), dtype=object),
        }
    )
    found = read(experiment(looks=1), rows, ORDER)
    values = [value for row in found for value in row.values() if isinstance(value, float)]
    assert not np.isnan(values).any()
    text = "\n".join([headline(found), *sentences(found), *map(str, rate_lines(found))])
    assert "nan" not in text
    assert "None" not in text
    assert "no difference from control shown in 1 interval. " in text
    assert "has no users." in text


def test_a_readout_is_said_in_words() -> None:
    strong = read(experiment(looks=1), cohort(lift=1.0))
    assert headline(strong) == "pricing: look 1 of 1, 2,000 users"
    (said,) = sentences(strong)
    assert said.startswith("email: different from control since 2024-01-29. ")
    assert "% of 1,000 users converted, " in said
    assert said.endswith(" points adjusted for what users were like before, 95% at every look") is False
    (weak,) = sentences(read(experiment(looks=2), cohort(users=100)))
    assert weak.startswith("email: not yet different from control. ")
    assert weak.endswith("Too few convert, or too few do not, for a test.")


def test_what_is_lost_between_assignment_and_readout_fails_and_uneven_activity_warns() -> None:
    rows = cohort()
    found = read(experiment(), rows)
    kept, active = verdicts(found, {"pricing": 2000})
    assert (kept.state, active.state) == ("passed", "passed")
    assert verdicts(found, {"pricing": 2001})[0].summary == "2,000 and 2,001 users here and assigned"
    rows["did_1"] = rows["did_1"].astype(object).mask((rows["arm"] == "email") & (rows.index % 3 == 0), None)
    _, warned = verdicts(read(experiment(), rows), {"pricing": 2000})
    assert warned.state == "warned"
    assert warned.summary.startswith("pricing: p = ")
    assert [check.state for check in verdicts([], {})] == ["passed", "passed"]
