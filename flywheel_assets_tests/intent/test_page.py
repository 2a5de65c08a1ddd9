"""The page of intent as text: sums that add up, what it says where something is missing, and what cannot break it."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.intent.page import intent_page
from flywheel_assets.intent.page_calibration import NO_OUTCOMES, calibration
from flywheel_assets.intent.page_content import Content
from flywheel_assets.intent.page_experiments import NONE, experiments
from flywheel_assets.intent.page_ranking import MOST_CHOICES, ranking
from flywheel_assets.intent.page_rules import curve_in_words
from flywheel_assets.intent.page_user import days_in_words, views, waterfall
from flywheel_assets.intent.rules import CLAMP, Rule
from flywheel_assets.report.blocks import Blocks, Cell, Finder, Heading, Table, Text, Track, strip
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.intent_pages import KINDS, content_of

NASTY = ("</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "O'Brien\n& <b>sons</b>")

USERS = {
    "ann": [(0, 12, 8, 0), (30, 3, 2, 1)],
    "bob": [(5, 40, 0, 0)],
    "cy": [(80, 1, 0, 1)],
}


@pytest.fixture(scope="module")
def content(engine: DuckDBEngine) -> Content:
    return content_of(engine, USERS, {"country": {"ann": "DE", "bob": "US"}})


class Page(HTMLParser):
    """A page read back: its tags with their attributes, and the text that a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


def only(kind: type, blocks: Blocks) -> Any:
    (found,) = [block for block in blocks if isinstance(block, kind)]
    return found


def points(cell: str | Cell) -> Decimal:
    text = cell.text if isinstance(cell, Cell) else cell
    return Decimal(text.replace("−", "-").replace("–", "0"))


def test_the_points_that_are_shown_add_up_to_the_score_that_is_shown(content: Content) -> None:
    assert [row["user_id"] for row in content.ranked] == ["ann", "bob", "cy"]
    for row, view in zip(content.ranked, views(content), strict=True):
        table = next(block for block in view.blocks if isinstance(block, Table))
        *steps, total = [points(line[1]) for line in table.rows]
        assert sum(steps) == total == row["score"]
        assert f"Score {row['score']:.2f}, {row['tier']}" in view.blocks[0].text  # type: ignore[union-attr]


@given(st.lists(st.decimals(-30, 60, places=2).filter(bool), min_size=1, max_size=8))
def test_every_step_begins_where_the_one_before_ended_and_none_leaves_the_box(
    content: Content, given: list[Decimal]
) -> None:
    score = min(max(sum(given), Decimal(1)), Decimal(100))
    steps = [
        {"rule": f"r{i}", "rule_group": "g", "points": each, "reason": f"did {i}: {each}"}
        for i, each in enumerate(given)
    ]
    steps += [{"rule": CLAMP, "rule_group": None, "points": score - sum(given), "reason": "held between 1 and 100"}]
    table = waterfall(content, [step for step in steps if step["points"]])
    *shown, total = table.rows
    assert sum(points(line[1]) for line in shown) == points(total[1]) == score
    tracks = [line[2].track for line in table.rows if isinstance(line[2], Cell) and line[2].track]
    assert all(0 <= track.start <= track.end <= 1 + 1e-9 for track in tracks)
    for before, after in pairwise(tracks[:-1]):
        assert {round(before.start, 9), round(before.end, 9)} & {round(after.start, 9), round(after.end, 9)}


def test_a_group_at_its_cap_says_so(content: Content) -> None:
    rows = [{"rule": r, "rule_group": "attention", "points": Decimal(15), "reason": f"{r}: +15"} for r in ("a", "b")]
    for points_of_b, said in ((Decimal(15), True), (Decimal("14.99"), False)):
        capped = replace(content, explanations={"ann": [rows[0], rows[1] | {"points": points_of_b}]})
        notes = [block.text for block in views(capped)[0].blocks if isinstance(block, Text) and block.role == "note"]
        assert (
            notes
            == ["The group attention gives 30 points at most. This user has reached that: its rules share them."] * said
        )


def test_ids_that_are_markup_are_shown_as_they_are(engine: DuckDBEngine) -> None:
    users = dict.fromkeys(NASTY, USERS["ann"])
    labels = dict.fromkeys(NASTY, NASTY[0])
    page = intent_page(content_of(engine, users, {"country": dict.fromkeys(NASTY, NASTY[1])}, labels=labels))
    read = Page(page)
    assert not {"img", "b"} & {tag for tag, _ in read.tags}
    assert sum(tag == "script" for tag, _ in read.tags) == 1
    for user in NASTY:
        assert user in read.text


def test_a_page_says_what_is_missing(engine: DuckDBEngine) -> None:
    nobody = intent_page(content_of(engine, {}))
    assert "No user has a score" in nobody
    assert "Nobody did anything in the 90 days to" in nobody
    one = Page(intent_page(content_of(engine, {"ann": USERS["ann"]}))).text
    assert NO_OUTCOMES in one
    assert NONE in one
    assert "1 of 1 user with a score" in one
    assert "Next user" not in one
    assert "Label" not in one


def test_without_traits_and_labels_there_are_no_columns_and_filters_for_them(content: Content) -> None:
    plain = only(Finder, ranking(replace(content, traits=[])))
    assert plain.columns == ["Rank", "User", "Score", "Tier", "Why", "Would raise it most", "Last event"]
    assert [one.name for one in plain.filters] == ["Tier"]


def test_labels_are_offered_from_the_best_to_the_worst_and_absent_last(content: Content) -> None:
    labelled = replace(
        content, labels={"ann": "Engaged", "bob": "Passive"}, label_order=["Highly Engaged", "Engaged", "Passive"]
    )
    found = only(Finder, ranking(labelled))
    assert [(one.name, list(one.values)) for one in found.filters] == [
        ("Tier", ["High", "Low"]),
        ("Country", ["DE", "US", "–"]),
        ("Label", ["Engaged", "Passive", "Absent"]),
    ]
    assert [row[-1] for row in found.rows] == ["Engaged", "Passive", "Absent"]


@pytest.mark.parametrize(("values", "offered"), [(MOST_CHOICES, True), (MOST_CHOICES + 1, False)])
def test_a_trait_with_too_many_values_has_no_filter(engine: DuckDBEngine, values: int, offered: bool) -> None:
    users = {f"u{i}": [(0, 1, 0, 0)] for i in range(values)}
    many = content_of(engine, users, {"city": {user: f"city of {user}" for user in users}})
    assert ("City" in [one.name for one in only(Finder, ranking(many)).filters]) == offered


def test_the_score_of_the_ranking_has_one_decimal_and_reasons_are_lines(content: Content) -> None:
    first = only(Finder, ranking(content)).rows[0]
    assert re.fullmatch(r"\d+\.\d", first[2].text)
    assert list(first[4].lines) == [content.ranked[0][f"reason_{n}"] for n in (1, 2, 3)]


def test_days_are_told_the_latest_first_by_month() -> None:
    counts = {date(2024, 10, 31): 20, date(2024, 11, 13): 1, date(2024, 11, 15): 31}
    assert days_in_words(counts) == "Nov 15 (31), 13; Oct 31 (20)"


def test_a_strip_has_a_bar_per_day_with_events_and_the_busiest_is_as_high_as_the_box() -> None:
    assert strip({0: 1, 2: 100, 3: 0, 89: 25}, 90).path == "M0.5 0v3M2.5 0v16M89.5 0v8"
    assert strip({}, 90).path == ""


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            Rule("r", "g", "pricing_visits", 30, 3, half_life_days=21),
            "up to 30 points, half of them at 3 pricing visits; halves every 21 days",
        ),
        (
            Rule("r", "g", "days_since_event", 10, 7, falls=True),
            "up to 10 points, all at 0 and half of them at 7 days since the last event",
        ),
        (Rule("r", "g", "purchases", -15, 1), "takes up to 15 points, half of them at 1 purchase"),
        (
            Rule("r", "g", "minutes", 5, 10, floor=2, ceiling=30, half_life_days=7),
            "up to 5 points, half of them at 10 minutes; nothing below 2; no more from 30 on; halves every 7 days",
        ),
        (Rule("r", "g", "country", values={"DE": 5, "US": -1}), "DE +5.00, US −1.00; others 0"),
    ],
)
def test_a_curve_in_words(rule: Rule, words: str) -> None:
    assert curve_in_words(rule, KINDS) == words


PERFORMANCE = {
    "ranking": "rules", "users": 4000, "conversions": 160, "base_rate": 0.04, "auc": 0.82, "auc_low": 0.79,
    "auc_high": 0.85, "lift_10": 4.1, "lift_10_low": 3.4, "lift_10_high": 4.9, "calibration_error": 0.011,
    "verdict": "Rules tell who converts better than counting events.",
}  # fmt: skip
DECILE = {
    "ranking": "rules", "decile": 1, "users": 400, "conversions": 66, "rate": 0.165, "low": 0.13, "high": 0.2,
    "mean_probability": 0.16,
}  # fmt: skip


def test_the_verdict_stands_first_and_deciles_have_their_intervals() -> None:
    empty = DECILE | {"decile": 2, "users": 0, "rate": None, "low": None, "high": None, "mean_probability": None}
    probability = [{"score": s, "probability": s / 500, "users": 40, "conversions": 2} for s in range(1, 101)]
    blocks = calibration([PERFORMANCE], [DECILE, empty], probability, [], "purchases", "")
    assert isinstance(blocks[0], Text)
    lift = "The tenth of users with the highest scores converted 4.1 times as often as all users."
    assert blocks[0].text == f"{PERFORMANCE['verdict']} {lift}"
    deciles, judged, chances = [block for block in blocks if isinstance(block, Table)]
    assert judged.rows[0] == [
        "Rules",
        PERFORMANCE["verdict"],
        "0.820",
        "0.790 to 0.850",
        "4.10",
        "3.40 to 4.90",
        "0.011",
    ]
    assert deciles.rows[0] == [
        "1", "400", "66", Cell("16.5%", track=Track(0, 0.165 / 0.2, 0.13 / 0.2, 1)), "13.0% to 20.0%", "16.0%"
    ]  # fmt: skip
    assert deciles.rows[1] == ["2", "0", "66", Cell("–"), "–", "–"]
    assert [row[0] for row in chances.rows] == [str(score) for score in range(10, 101, 10)]


def test_without_any_outcome_there_is_no_verdict() -> None:
    none = PERFORMANCE | {"users": 0, "conversions": 0, "verdict": "Too few outcomes"}
    assert [block.text for block in calibration([none], [], [], [], "purchases", "")] == [NO_OUTCOMES]  # type: ignore[union-attr]


def test_the_chance_of_a_user_is_that_of_the_score_or_the_one_of_the_model(content: Content) -> None:
    probability = [{"score": score, "probability": score / 500} for score in range(1, 101)]
    by_rules = only(Finder, ranking(replace(content, probability=probability)))
    assert by_rules.columns[4] == "Chance"
    assert by_rules.rows[0][4] == f"{round(content.ranked[0]['score']) / 500:.1%}"
    ranked = [row | {"probability": 0.321, "ranked_by": "model"} for row in content.ranked]
    by_model = only(Finder, ranking(replace(content, probability=probability, ranked=ranked)))
    assert by_model.rows[0][4] == "32.1%"
    assert "the model's highest probability first" in by_model.caption


def test_too_few_outcomes_have_no_figures_and_still_a_verdict() -> None:
    none = {name: None for name in PERFORMANCE if name not in ("ranking", "users", "conversions", "verdict")}
    few = PERFORMANCE | none | {"conversions": 3, "verdict": "Too few outcomes to judge: 3 conversions."}
    blocks = calibration([few], [], [], [], "purchases", "")
    assert isinstance(blocks[0], Text)
    assert blocks[0].text == "Too few outcomes to judge: 3 conversions."
    assert only(Table, blocks).rows[0][2:] == ["–"] * 5


READOUT = {
    "experiment": "pricing_email", "arm": "control", "measure": "conversion", "from_label": None, "to_label": None,
    "look": 2, "looks": 4, "users": 600, "active_users": 500, "counted": 24, "rate": 0.04, "rate_low": 0.03,
    "rate_high": 0.06, "difference": None, "difference_low": None, "difference_high": None, "adjusted_difference": None,
    "adjusted_low": None, "adjusted_high": None, "variance_reduction": None, "verdict": None, "since": None,
}  # fmt: skip


def test_an_experiment_says_its_verdict_first() -> None:
    adjusted = {"adjusted_difference": 0.02, "adjusted_low": -0.01, "adjusted_high": 0.05}
    email = READOUT | adjusted | {"arm": "email", "verdict": "not yet", "counted": 36, "rate": 0.06}
    empty = READOUT | {"arm": "hold_out", "users": 0, "counted": 0, "rate": None, "rate_low": None, "rate_high": None}
    move = READOUT | {"measure": "label move", "from_label": "Passive", "to_label": "Engaged"}
    heading, verdict, table = experiments([READOUT, email, empty, move])
    assert isinstance(heading, Heading)
    assert heading.text == "pricing_email: look 2 of 4, 1,200 users"
    assert isinstance(verdict, Text)
    assert verdict.text.startswith("email: not yet different from control. 6.0% of 600 users converted")
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["control", "email", "hold_out"]
    assert table.rows[1][5:] == ["+2.0", "−1.0 to +5.0"]
