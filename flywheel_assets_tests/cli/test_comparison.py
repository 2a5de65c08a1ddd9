import re
from dataclasses import replace

from rich.console import Console, RenderableType

from flywheel_assets.cli.comparison import comparison_report, figure
from flywheel_assets.registry.bootstrap import Estimate
from flywheel_assets.registry.comparison import Flips, Metric, ModelComparison, OnHoldout

METRIC = Metric("accuracy", Estimate(0.81, 0.7, 0.9), Estimate(0.8, 0.71, 0.91), Estimate(0.01, -0.02, 0.04))
FOUND = ModelComparison(
    "new",
    "old",
    (OnHoldout("sessions", 1200, 40, (METRIC,), ""),),
    (
        Flips("sessions", "2024-02-12", False, (("Low", "High", 3), ("High", "High", 9))),
        Flips("users", "2024-02-26", True, (("Low", "High", 1), ("High", "Low", 2), ("High", "High", 1))),
    ),
    (),
)
ORDERS = {"sessions": ("Low", "High"), "users": ("Low", "High")}


def printed(report: RenderableType) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(report, highlight=False)
    return re.sub(r" +", " ", capture.get())


def test_a_comparison_is_printed_with_intervals_flips_and_shares() -> None:
    said = printed(comparison_report(FOUND, ORDERS, []))

    for line in (
        "candidate new against champion old",
        "On the candidate's holdout, sessions: 1,200 rows of 40 users",
        "sessions accuracy 0.8100 [0.7000, 0.9000] 0.8000 [0.7100, 0.9100] +0.0100 [-0.0200, +0.0400]",
        "2024-02-12, holdout sessions 12 3 25.0% Low to High 3",
        "2024-02-26 users 4 3 75.0% High to Low 2, Low to High 1",
        "Label shares of the users of 2024-02-26",
        "Low 0.250 0.500",
        "nothing speaks against a promotion",
    ):
        assert line in said
    assert "Label shares of the sessions" not in said, "of the holdout the truth is known"


def test_what_one_has_to_know_of_the_figures_stands_below_them_and_speaks_against_nothing() -> None:
    said = printed(comparison_report(replace(FOUND, remarks=("the champion learnt from it",)), ORDERS, []))

    assert said.index("+0.0100") < said.index("note: the champion learnt from it\n") < said.index("would flip")
    assert "nothing speaks against a promotion" in said
    assert "note:" not in printed(comparison_report(FOUND, ORDERS, []))


def test_what_speaks_against_a_promotion_stands_last() -> None:
    said = printed(comparison_report(FOUND, ORDERS, ["it is worse", "it flips"]))
    assert said.endswith("against a promotion:\n - it is worse\n - it flips\n")


def test_what_was_not_compared_is_left_out() -> None:
    said = printed(comparison_report(replace(FOUND, holdout=(), flips=()), ORDERS, ["no holdout"]))
    assert "holdout:" not in said
    assert "flip" not in said
    assert figure(None) == "-"
