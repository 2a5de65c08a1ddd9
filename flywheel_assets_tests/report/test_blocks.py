"""Blocks as data, and as HTML that nothing in them can break."""

import re

from flywheel_assets.report.blocks import Cell, Chart, Findings, Headline, Section, Shade, Table, Terms, Text, square
from flywheel_assets.report.page import Page, html

NASTY = "</script><b title=\"x\" id='y'>&amp; 🚲"


def test_every_text_of_every_block_is_escaped() -> None:
    table = Table(NASTY, (NASTY, "n"), [(NASTY, Cell(NASTY, small=NASTY, href=NASTY))], folded=NASTY)
    figure = {"data": [NASTY], "layout": {"height": 1}}
    blocks = [
        Text(NASTY),
        table,
        Chart("id", NASTY, NASTY, figure, figure, table, NASTY),
        Findings([("failed", NASTY, NASTY)]),
        Terms([(NASTY, NASTY)]),
        square(NASTY, [NASTY], {(NASTY, NASTY): 1}, NASTY, NASTY),
    ]
    page = html(
        Page(
            NASTY,
            NASTY,
            NASTY,
            NASTY,
            [(NASTY, NASTY)],
            NASTY,
            [Headline(NASTY, NASTY, NASTY, NASTY, (1, 2, 3))],
            NASTY,
            [Section(NASTY, NASTY, NASTY, blocks)],
            footer=NASTY,
            generation=NASTY,
        )
    )
    assert "<b title" not in page
    assert page.count("</script>") == page.count("<script") == 3
    assert page.count("\\u003c/script\\u003e") == 2


def test_the_square_has_the_sums_of_rows_and_columns_and_leaves_out_labels_without_users() -> None:
    users = {("Engaged", "Engaged"): 3, ("Engaged", "Absent"): 1, ("Absent", "Passive"): 2}
    shown = square("c", ("Never", "Passive", "Engaged"), users, "1 Jan", "15 Jan")
    assert shown.columns == ["Engaged", "Passive", "Absent"]
    assert shown.rows == [
        ("Engaged", [Shade("3", "75.0%", 0.75), None, Shade("1", "25.0%", 0.25)], "4"),
        ("Absent", [None, Shade("2", "100.0%", 1.0), None], "2"),
    ]
    assert shown.sums == ["3", "2", "1", "6"]


def test_a_history_of_fewer_than_three_numbers_has_no_line() -> None:
    assert Headline("", "", "", "", (1, None, 2)).line == []
    assert Headline("", "", "", "", (1, None, 2, 3)).line[-1] == (97, 3)


def test_a_page_says_within_8_kb_what_it_was_made_from() -> None:
    page = html(Page("t", "k", "h", "s", sections=[Section("i", "n", "t", [])], generation="0123"))
    assert re.search('<meta name="flywheel-generation" content="0123">', page[:2000])
