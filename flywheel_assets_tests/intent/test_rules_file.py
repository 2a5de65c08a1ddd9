"""`intent_rules.toml`: what is refused, and where the message points."""

import pytest

from flywheel_assets.errors import IntentError
from flywheel_assets.intent.rules import Rule
from flywheel_assets.intent.rules_text import rules_text
from flywheel_assets_tests.intent.rules import FILE, KINDS, few, proposed, read

SMALL = """\
[outcome]
kind = "purchases"
[tiers]
High = 60
Low = 1
[groups.buying]
cap = 60
reason = "r"
[rules.visits]
group = "buying"
feature = "pricing_visits"
points = 30
half_at = 2
half_life_days = 21
reason = "r"
"""


def refused(old: str, new: str) -> str:
    assert old in SMALL
    with pytest.raises(IntentError) as error:
        read(SMALL.replace(old, new, 1))
    return str(error.value)


def test_the_small_file_is_read() -> None:
    assert read(SMALL).names == ("visits",)


@pytest.mark.parametrize(
    ("old", "new", "line", "found"),
    [
        ('"pricing_visits"', '"prizes"', 11, "feature = 'prizes', which is unknown"),
        ("points = 30", 'points = "many"', 12, "points = 'many'; expected a number"),
        ("points = 30", "points = nan", 12, "expected a number"),
        ("points = 30", "points = true", 12, "expected a number"),
        ("cap = 60", "cap = -1", 7, "the cap -1, below its floor 0"),
        ("cap = 60", "cap = 60\nfloor = 70", 7, "the cap 60, below its floor 70"),
        ("High = 60", "High = 1", 4, "High and Low overlap: both begin at 1"),
        ("Low = 1", "Low = 5", 5, "scores from 1 on would have no tier"),
        ("High = 60", "High = 101", 4, "expected a score from 1 to 100"),
        ("half_life_days = 21", "half_life_days = 0", 14, "half_life_days = 0; expected more than 0"),
        ("half_at = 2", "half_at = -2", 13, "half_at = -2; expected more than 0"),
        ("half_at = 2", "floor = 3\nceiling = 2", 14, "the ceiling 2, below its floor 3"),
        ("half_at = 2", "falls = true", 14, "falls and half_life_days; expected one of them"),
        ("half_life_days = 21", "falls = true\nfloor = 1", 15, "falls and floor; expected one of them"),
        ("points = 30", "points = 1e6", 12, "[rules.visits] has points = 1e+06; expected -1,000 to 1,000 points"),
        ("points = 30", "points = -1001", 12, "points = -1001; expected -1,000 to 1,000 points"),
        ("cap = 60", "cap = 1001", 7, "cap = 1001; expected -1,000 to 1,000 points"),
        ("cap = 60", "cap = 60\nfloor = -1e9", 8, "floor = -1e+09; expected -1,000 to 1,000 points"),
        ("High = 60", "High = 60.125", 4, "High = 60.125; expected two decimals at most"),
        ("[tiers]", "[score]\nfloor = 1.001\n[tiers]", 4, "floor = 1.001; expected two decimals at most"),
        ("[rules.visits]", "[rules.clamp]", 9, "rename the rule"),
        ("cap = 60\n", "", 6, "[groups.buying] has no cap"),
        ('"purchases"', '"sales"', 2, "kind = 'sales'; the kinds in events.toml are page_views"),
        ('group = "buying"', 'group = "others"', 10, "group = 'others'; the file has [groups]: buying"),
        ("points = 30", "weight = 30", 12, "[rules.visits] has 'weight'; expected group"),
        ("[rules.visits]", "[rules.Visits]", 9, "no name: expected lower-case letters"),
    ],
)
def test_a_mistake_is_refused_with_its_line(old: str, new: str, line: int, found: str) -> None:
    message = refused(old, new)
    assert message.startswith(f"{FILE}, line {line}: ")
    assert found in message


def test_two_rules_of_one_name_are_refused_with_their_line() -> None:
    message = refused("[rules.visits]", '[rules.visits]\nreason = "x"\n[rules.visits]')
    assert message == f"{FILE}, line 11: two rules are named visits; rename one"


def test_every_rule_and_group_needs_its_reason() -> None:
    assert "[rules.visits] has no reason" in refused('half_life_days = 21\nreason = "r"', "half_life_days = 21")


def test_a_trait_has_points_by_value() -> None:
    text = SMALL + '[rules.country]\ngroup = "buying"\nfeature = "country"\nvalues = { DE = 5 }\nreason = "r"\n'
    assert read(text).rules[1].values == {"DE": 5.0}
    with pytest.raises(IntentError, match="columns with texts of users are country"):
        read(text.replace('feature = "country"', 'feature = "sessions"'))


def test_a_key_that_a_table_lacks_is_not_looked_for_in_the_next_one() -> None:
    text = SMALL.replace("[tiers]", "[score]\nceiling = 1\n[tiers]").replace("ceiling = 1\n", "floor = 100\n", 1)
    with pytest.raises(IntentError, match=r"line 3: \[score\] goes from 100 to 100"):
        read(text.replace("half_at = 2", "ceiling = 9"))


@pytest.mark.parametrize("wrong", ['"x"', "5000"])
def test_wrong_points_of_a_value_are_refused_with_their_line(wrong: str) -> None:
    head = SMALL + '[rules.country]\ngroup = "buying"\nfeature = "country"\nreason = "r"\n'
    with pytest.raises(IntentError, match=r"line 20: \[rules.country\] values has DE = "):
        read(f"{head}values = {{ DE = {wrong} }}\n")
    with pytest.raises(IntentError, match=r"line 21: \[rules.country\] values has DE = "):
        read(f"{head}[rules.country.values]\nDE = {wrong}\n")


def test_the_digest_follows_numbers_and_not_comments() -> None:
    assert read(SMALL + "# more").digest == read(SMALL).digest
    assert read(SMALL.replace("points = 30", "points = 31")).digest != read(SMALL).digest


def test_the_digest_follows_the_order_of_rules_as_columns_and_ties_do() -> None:
    one, other = Rule("one", "all", "pricing_visits", 5.0), Rule("other", "all", "events", 5.0)
    assert few(one, other).digest != few(other, one).digest


def test_proposed_rules_can_be_read_whatever_the_kinds_and_give_100_points_at_most() -> None:
    rules = proposed()
    assert sum(group.cap for group in rules.groups) == 100
    assert {rule.feature for rule in rules.rules} >= set(KINDS)
    other = read(rules_text(["likes", "comments"], "comments"), ("likes", "comments"))
    assert other.outcome == "comments"
    assert other.names == ("likes", "recency", "active_days", "after_comments")


@pytest.mark.parametrize("kind", ["recency", "active_days_rule", "after_purchases", "clamp"])
def test_proposed_rules_can_be_read_with_a_kind_of_the_name_of_a_rule(kind: str) -> None:
    kinds = ("purchases", "recency_rule", kind)
    rules = read(rules_text(kinds), kinds)
    assert len(rules.names) == 5
    assert kind in {rule.feature for rule in rules.rules}


def test_every_number_of_proposed_rules_has_its_guideline() -> None:
    for line in rules_text(KINDS).splitlines():
        if line.startswith(("points", "half_at", "half_life_days")):
            assert " # " in line, line


def test_without_a_kind_that_looks_like_a_conversion_one_has_to_be_named() -> None:
    with pytest.raises(IntentError, match="Name one: flywheel intent init --outcome KIND"):
        rules_text(["views"])
    with pytest.raises(IntentError, match="'sales' is no kind of events"):
        rules_text(["views"], "sales")
