"""The figures: what they show, and that Plotly knows every part of them."""

from typing import Any

import pytest

from flywheel_assets.history import page_charts as charts
from flywheel_assets.report.bars import PALE
from flywheel_assets.report.figure import Figure
from flywheel_assets.report.folding import fold
from flywheel_assets.report.sankey import sankey
from flywheel_assets_tests.reports import FOUR, report_of

REPORT = report_of(*FOUR)
DAYS = REPORT.days
FOLDING = REPORT.user_folding
MOVES = [REPORT.moves(number) for number in (2, 3, 4)]
COLUMNS = ["1 Jan", "15 Jan", "29 Jan", "12 Feb"]

FIGURES = [
    figure(narrow)
    for narrow in (False, True)
    for figure in (
        lambda narrow: charts.label_mix(REPORT.mix, "users", FOLDING, DAYS, narrow, [2, 4]),
        lambda narrow: charts.growth(REPORT.growth, DAYS, narrow),
        lambda narrow: charts.forecast(REPORT.forecast, FOLDING, narrow),
        lambda narrow: sankey(MOVES, FOLDING, COLUMNS, narrow),
    )
]


def coloured(value: Any) -> Any:
    """A figure with a colour in the place of each CSS variable."""
    if isinstance(value, dict):
        return {k: coloured(v) for k, v in value.items()}
    if isinstance(value, list):
        return [coloured(v) for v in value]
    return "#123456" if isinstance(value, str) and value.startswith("--") else value


@pytest.mark.parametrize("figure", FIGURES)
def test_plotly_knows_every_part_of_a_figure(figure: Figure) -> None:
    import plotly.graph_objects as plotly

    assert len(plotly.Figure(coloured(figure)).data) == len(figure["data"])  # an unknown name or value raises


def test_a_bar_of_the_mix_sums_to_1_and_stands_at_its_interval() -> None:
    figure = charts.label_mix(REPORT.mix, "users", FOLDING, DAYS, False)
    assert [trace["name"] for trace in figure["data"]] == ["Passive", "Engaged", "Highly Engaged"]
    for place in range(4):
        assert sum(dict(zip(t["x"], t["y"], strict=True))[place] for t in figure["data"]) == pytest.approx(1)


def test_an_interval_without_users_leaves_its_place_empty() -> None:
    report = report_of(FOUR[0], {}, FOUR[2])
    figure = charts.label_mix(report.mix, "users", FOLDING, report.days, False)
    assert {x for trace in figure["data"] for x in trace["x"]} == {0, 2}
    assert all(trace["width"] < 1 for trace in figure["data"])


def test_labels_beside_the_last_bar_are_those_that_have_users_there() -> None:
    report = report_of(FOUR[0], {"ann": "Passive", "bob": "Engaged"})
    texts = [a["text"] for a in charts.label_mix(report.mix, "users", FOLDING, DAYS, False)["layout"]["annotations"]]
    assert [text for text in texts if text != "■"] == ["<b>50.0%</b> Passive", "<b>50.0%</b> Engaged"]


def test_who_left_hangs_below_the_line() -> None:
    traces = {t["name"]: t["y"] for t in charts.growth(REPORT.growth, DAYS, False)["data"]}
    assert traces == {
        "Stayed": [0, 90, 90, 60],
        "Came back": [0, 0, 0, 30],
        "New": [120, 30, 0, 30],
        "Left": [0, -30, -30, -30],
    }


def test_bars_of_incomplete_intervals_are_pale() -> None:
    figures = (
        charts.growth(REPORT.growth, DAYS, False, [3]),
        charts.label_mix(REPORT.mix, "users", FOLDING, DAYS, True, (), [3]),
    )
    for figure in figures:
        assert {tuple(trace["marker"]["opacity"]) for trace in figure["data"]} == {(1, 1, PALE, 1)}


def test_a_sankey_of_two_columns_has_the_users_of_the_transition() -> None:
    (trace,) = sankey(MOVES[-1:], FOLDING, COLUMNS[-2:], True)["data"]
    assert sum(trace["link"]["value"]) == sum(MOVES[-1].values())
    assert set(trace["node"]["x"]) == {0.001, 0.999}


def test_labels_are_shown_as_they_are_whatever_tags_they_hold() -> None:
    name = "<b>&amp;</b> <a href='javascript:alert(1)'>x</a>"
    report = report_of({"ann": name}, user_order=(name,))
    figure = charts.label_mix(report.mix, "users", report.user_folding, report.days, False)
    written = [figure["data"][0]["name"], figure["data"][0]["hovertext"][0]]
    assert all("<" not in text and "&lt;b&gt;&amp;amp;" in text for text in written)


def test_of_200_labels_a_dozen_and_the_others_are_drawn() -> None:
    order = [f"label {i:03d}" for i in range(200)]
    rows = [
        {"Level": "users", "Label": x, "Interval": 1, "Count": i + 1, "Share": (i + 1) / 20100, "Label_Order": i + 1}
        for i, x in enumerate(order)
    ]
    folding = fold("user", order, {row["Label"]: row["Count"] for row in rows})
    figure = charts.label_mix(rows, "users", folding, {1: DAYS[1]}, False)
    assert [trace["name"] for trace in figure["data"]] == ["188 other labels", *order[188:]]
    assert sum(trace["y"][0] for trace in figure["data"]) == pytest.approx(1)
