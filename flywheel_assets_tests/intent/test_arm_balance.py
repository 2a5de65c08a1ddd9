from typing import Any

import pytest
from scipy.stats import chi2

from flywheel_assets.intent.arm_balance import balance, feature_means, ratio_p, sample_ratio, standardized_difference
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import frame, records


def arm_counts(**counts: int) -> list[dict[str, Any]]:
    return [{"experiment": "e", "arm": arm, "share": 1 / 2, "users": users} for arm, users in counts.items()]


@pytest.mark.parametrize(("control", "email", "passes"), [(500, 500, True), (480, 520, True), (440, 560, False)])
def test_arms_of_wrong_sizes_fail(control: int, email: int, passes: bool) -> None:
    verdict = sample_ratio(arm_counts(control=control, email=email))
    assert verdict.passed == passes
    statistic = 2 * (control - 500) ** 2 / 500
    assert ratio_p([control, email], [0.5, 0.5]) == pytest.approx(chi2.sf(statistic, 1))
    if not passes:
        assert verdict.summary == "e: p = 0.0001, so users were lost or added"


def test_an_arm_that_nobody_is_in_fails_too() -> None:
    assert not sample_ratio(arm_counts(control=60)).passed
    assert sample_ratio([]).summary == "no experiment"


def means_of(engine: DuckDBEngine, apart: float, users_per_arm: int = 400) -> list[dict[str, Any]]:
    """Feature means of two arms whose ``events`` differ by so many standard deviations; ``visits`` are the same."""
    cohort, features = [], []
    for i in range(2 * users_per_arm):
        arm = ("control", "email")[i % 2]
        cohort.append(("e", arm, f"u{i}"))
        spread = 1.0 if i % 4 < 2 else -1.0
        features.append((f"u{i}", spread + apart * (i % 2), i % 4 < 2, None if i % 8 < 6 else 1, "DE"))
    return records(
        engine,
        feature_means(
            frame({"experiment": "string", "arm": "string", "user_id": "string"}, cohort),
            frame(
                {"user_id": "string", "events": "double", "bot": "bool", "days": "int32", "country": "string"}, features
            ),
        ),
        "arm",
    )


def test_a_feature_in_which_arms_differ_is_named(engine: DuckDBEngine) -> None:
    verdict = balance(means_of(engine, 0.3), ["events", "bot", "days"])
    assert verdict.state == "warned"
    assert verdict.summary == "e: events differs by 0.30 between control and email, where chance makes up to 0.14"
    assert verdict.table[0]["difference"] == pytest.approx(0.3, abs=0.001)
    assert verdict.numbers == {"apart": 1, "compared": 3}


def test_arms_that_are_alike_pass_and_small_arms_say_what_chance_makes(engine: DuckDBEngine) -> None:
    assert balance(means_of(engine, 0.05), ["events", "bot", "days"]).passed
    few = balance(means_of(engine, 0.3, users_per_arm=8), ["events"])
    assert few.summary.endswith(", where chance makes up to 0.98")
    assert balance([], ["events"]).passed


def test_a_feature_without_variance_differs_without_bound_or_not_at_all() -> None:
    assert standardized_difference((1, 0), (1, 0)) == 0
    assert standardized_difference((1, 0), (2, 0)) == float("inf")
    assert standardized_difference((1, 4), (2, 12)) == pytest.approx(1 / 8**0.5)
