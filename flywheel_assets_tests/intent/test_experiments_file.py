from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.errors import IntentError
from flywheel_assets.intent.experiments_file import Experiment, experiments_in, read_experiments
from flywheel_assets_tests.frames import CALENDAR

TIERS, KINDS = ("High", "Medium", "Low"), ("page_views", "purchases")

PRICING = """
[pricing_email]
assign = "2024-01-15"
until = "2024-03-11"
arms = { control = 0.5, email = 0.5 }
hold_out = 0.1
tiers = ["High", "Medium"]
exclusive = "e-mail"
leave_out = ["banner"]
outcome = "purchases"

[banner]
assign = 2024-01-15
until = 2024-01-29
arms.control = 1e-1
arms.banner = 0.9
"""


def read(folder: Path, text: str) -> dict[str, Experiment]:
    (folder / "experiments.toml").write_text(text, encoding="utf-8")
    return read_experiments(folder / "experiments.toml", CALENDAR, TIERS, KINDS)


def test_a_file_defines_experiments(tmp_path: Path) -> None:
    found = read(tmp_path, PRICING)
    pricing, banner = found["pricing_email"], found["banner"]
    assert pricing.shares == {"control": Fraction(9, 20), "email": Fraction(9, 20), "hold_out": Fraction(1, 10)}
    assert pricing.arms == ("control", "email")
    assert pricing.stated_shares == "control 0.45, email 0.45, hold_out 0.1"
    assert (pricing.looks, banner.looks) == (4, 1)
    assert (pricing.tiers, pricing.leave_out, pricing.outcome) == (("High", "Medium"), ("banner",), "purchases")
    assert banner.shares == {"control": Fraction(1, 10), "banner": Fraction(9, 10)}
    assert (banner.tiers, banner.exclusive, banner.leave_out, banner.outcome) == ((), "", (), "")
    assert pricing.place == f"{tmp_path}/experiments.toml, line 2"


def test_without_a_file_there_is_no_experiment(tmp_path: Path) -> None:
    assert read_experiments(tmp_path / "experiments.toml", CALENDAR, TIERS, KINDS) == {}
    assert read(tmp_path, "") == {}


def test_shares_that_are_rounded_thirds_are_thirds(tmp_path: Path) -> None:
    arms = "arms = { a = 0.3333333, b = 0.3333333, c = 0.3333333 }"
    found = read(tmp_path, PRICING.replace("arms = { control = 0.5, email = 0.5 }", arms).replace("hold_out = 0.1", ""))
    assert set(found["pricing_email"].shares.values()) == {Fraction(1, 3)}


ARMS = "arms = { control = 0.5, email = 0.5 }"
FAULTS = {
    "shares above 1": (ARMS, "arms = { control = 0.5, email = 0.6 }", 5, "sum to 1.1 (0.5 + 0.6); expected 1"),
    "a negative share": (ARMS, "arms = { a = -0.5, b = 1.5 }", 5, "a share of -0.5 for a; expected a number above 0"),
    "a share that is no number": (ARMS, 'arms = { a = "half", b = 0.5 }', 5, "a share of 'half' for a"),
    "a share that is nan": (ARMS, "arms = { a = nan, b = 0.5 }", 5, "a share of nan for a"),
    "a share that is true": (ARMS, "arms = { a = true, b = 0.5 }", 5, "a share of True for a"),
    "one arm": (ARMS, "arms = { control = 1 }", 5, "expected two or more with their shares, the control first"),
    "arms that are no table": (ARMS, "arms = 2", 5, "has arms = 2; expected two or more"),
    "an arm named as the hold-out": (ARMS, "arms = { hold_out = 0.5, b = 0.5 }", 5, "set hold_out beside arms"),
    "a hold-out of everybody": ("hold_out = 0.1", "hold_out = 1", 6, "has hold_out = 1; expected a share from 0"),
    "an unknown key": ("exclusive =", "exclude =", 8, "has 'exclude'; expected assign, until,"),
    "an unknown tier": ('"Medium"]', '"Middle"]', 7, "has tiers = 'Middle'; expected High, Medium or Low"),
    "an unknown outcome": (
        '"purchases"',
        '"sales"',
        10,
        "has outcome = 'sales'; expected page_views or purchases",
    ),
    "tiers that are a number": ('["High", "Medium"]', "3", 7, "tiers is 3; expected a text, or a list of texts"),
    "a word that is a list": ('"e-mail"', '["e-mail"]', 8, "has exclusive = ['e-mail']; expected a text"),
    "an end before the assignment": ("2024-03-11", "2024-01-01", 4, "expected an end in 2024-01-29 or later"),
    "an end in the interval of the assignment": ("2024-03-11", "2024-01-15", 4, "outcomes count from the next"),
    "a day on which no interval starts": ('"2024-01-15"', '"2024-01-16"', 3, "the nearest is 2024-01-15"),
    "no interval at all": ('"2024-01-15"', '"soon"', 3, "'soon' is not an interval"),
    "a number for an interval": ('"2024-01-15"', "7", 3, "'7' is not an interval"),
    "no end": ('until = "2024-03-11"', "", 2, "has no until; expected assign, until, arms"),
    "leaving out itself": ('["banner"]', '["pricing_email"]', 9, "leaves out 'pricing_email'; expected banner"),
    "leaving out an unknown one": ('["banner"]', '["baner"]', 9, "(nearest: 'banner')"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_file_line_and_what_is_expected(tmp_path: Path, fault: str) -> None:
    old, new, line, message = FAULTS[fault]
    assert old in PRICING
    with pytest.raises(IntentError) as error:
        read(tmp_path, PRICING.replace(old, new, 1))
    assert f"{tmp_path}/experiments.toml, line {line}: " in str(error.value)
    assert message in str(error.value)


def test_who_is_assigned_later_cannot_be_left_out(tmp_path: Path) -> None:
    text = PRICING.replace("assign = 2024-01-15", "assign = 2024-01-29").replace(
        "= 2024-01-29\narms", "= 2024-02-12\narms"
    )
    with pytest.raises(IntentError, match=r"line 9.*whose users are not known in 2024-01-15.*let banner leave out"):
        read(tmp_path, text)


def test_two_experiments_cannot_leave_out_each_other(tmp_path: Path) -> None:
    with pytest.raises(IntentError, match=r"leaves out banner, which leaves out pricing_email: drop one"):
        read(tmp_path, PRICING + 'leave_out = "pricing_email"\n')


def test_what_is_no_experiment_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(IntentError, match="line 1: email is 3; expected an experiment"):
        read(tmp_path, "email = 3\n")
    with pytest.raises(IntentError, match=r"experiments\.toml is not TOML: .*line 1"):
        read(tmp_path, "[email\n")
    (tmp_path / "experiments.toml").write_bytes(b"# \xff\n")
    with pytest.raises(IntentError, match=r"is not TOML: .*utf-8"):
        read_experiments(tmp_path / "experiments.toml", CALENDAR, TIERS, KINDS)


@given(st.lists(st.integers(1, 99), min_size=2, max_size=6), st.integers(0, 99))
def test_all_shares_sum_to_1(weights: list[int], hold_out: int) -> None:
    arms = ", ".join(f"a{i} = {weight / sum(weights)!r}" for i, weight in enumerate(weights))
    text = f"[e]\nassign = 2024-01-15\nuntil = 2024-01-29\narms = {{ {arms} }}\nhold_out = {hold_out / 100}\n"
    (found,) = experiments_in(text, Path("experiments.toml"), CALENDAR, TIERS, KINDS).values()
    assert sum(found.shares.values()) == 1
    assert len(found.arms) == len(weights)


def test_a_line_is_that_of_the_experiment_whose_name_may_be_quoted(tmp_path: Path) -> None:
    with pytest.raises(IntentError, match=r"line 18: \[a \"b, c\] tiers is 3; expected a text"):
        read(
            tmp_path,
            PRICING
            + """['a "b, c']\ntiers = 3\nassign = 2024-01-15\nuntil = 2024-01-29
arms = { a = 0.5, b = 0.5 }\n""",
        )


def test_experiments_of_one_word_overlap_where_they_have_an_interval_in_common(tmp_path: Path) -> None:
    email = '\nexclusive = "e-mail"'
    text = "\n".join(
        f"[{name}]\nassign = {first}\nuntil = {last}\narms = {{ a = 0.5, b = 0.5 }}{word}"
        for name, first, last, word in (
            ("one", "2024-01-15", "2024-02-12", email),
            ("two", "2024-02-12", "2024-03-11", email),
            ("three", "2024-02-26", "2024-03-11", email),
            ("four", "2024-01-15", "2024-03-11", '\nexclusive = "banner"'),
            ("five", "2024-01-15", "2024-03-11", ""),
            ("six", "2024-01-15", "2024-03-11", ""),
        )
    )
    found = read(tmp_path, text)
    pairs = {(a.name, b.name) for a in found.values() for b in found.values() if a.overlaps(b)}
    assert pairs == {("one", "two"), ("two", "one"), ("two", "three"), ("three", "two")}
