"""The page as text: its structure, what it says where something is missing, and what cannot break it."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from flywheel_assets.history.page import Entry, interval_report, report_index
from flywheel_assets.tables.verdict import Finding
from flywheel_assets_tests.reports import FOUR, Labels, report_of

VOID = {"meta", "link", "br", "hr"}
CHARTS = ["mix-users", "mix-sessions", "growth-chart", "paths-chart", "forecast-chart"]
SECTIONS = ["changes", "mix", "growth", "paths", "forecast", "drift", "checks", "trimming", "models", "reading"]


class Page(HTMLParser):
    """A page read back: ``tags`` with their attributes in order, ``text`` that a reader sees, ``scripts``."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text, self.scripts = "", []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.text += data.strip("\n")  # which stands between tags

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(interval_report(report_of(*FOUR)))


def test_every_section_is_there_and_named_by_its_heading(page: Page) -> None:
    assert [section["aria-labelledby"] for section in page.all("section")] == SECTIONS
    assert [heading["id"] for heading in page.all("h2")] == SECTIONS
    contents = [link["href"] for link in page.all("a") if link["href"] and link["href"].startswith("#")]
    assert contents == ["#content", *(f"#{name}" for name in SECTIONS)]


def test_headings_go_down_one_level_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_every_chart_has_words_and_a_table_with_caption_and_scopes(page: Page) -> None:
    plots = [tag for tag in page.all("div") if tag.get("class") == "plot"]
    assert [plot["id"] for plot in plots] == [
        "mix-users",
        "mix-sessions",
        "growth-chart",
        "paths-chart",
        "forecast-chart",
    ]
    assert all(plot["role"] == "img" and len(plot["aria-label"] or "") > 30 for plot in plots)
    tables = page.all("table")
    assert len(page.all("caption")) == len(tables) >= len(plots)
    assert all(head.get("scope") in ("row", "col") for head in page.all("th"))
    assert len(page.all("figure")) == len(plots)
    assert len(page.all("details")) >= len(plots)


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(page: Page) -> None:
    boxes = [tag for tag in page.all("div") if tag.get("class") == "scroll"]
    assert boxes
    assert all(box["tabindex"] == "0" and box["role"] == "region" and box["aria-label"] for box in boxes)


def test_the_page_names_no_place_in_a_network_and_forbids_them_all(page: Page) -> None:
    policy = next(tag["content"] for tag in page.all("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    # Firefox takes no file for 'self': nsCSPHostSrc::permits is false where an origin has no host.
    assert policy.startswith("default-src 'none'; script-src 'self' file: 'sha256-")
    places = [tag[name] for _, tag in page.tags for name in ("href", "src") if name in tag]
    assert not [place for place in places if place and re.match(r"(\w+:)?//", place)]


def test_it_says_what_changed_with_the_headline_numbers(page: Page) -> None:
    assert "120 users were active, 30 more than in the previous interval (+33.3%)" in page.text
    for name in ("Active users", "Sessions", "Highly Engaged", "Retention", "Quick ratio"):
        assert name in page.text
    assert "Not better than assuming no change" in page.text
    assert "User labels, compared with the training data" in page.text
    assert "2 of 2,000 sessions (0.1%) were removed" in page.text


def test_the_page_of_one_report_is_always_the_same() -> None:
    assert interval_report(report_of(*FOUR)) == interval_report(report_of(*FOUR))


def test_standalone_has_plotlys_script_inside() -> None:
    whole = Page(interval_report(report_of(*FOUR), standalone=True))
    assert not [tag for tag in whole.all("script") if "src" in tag]
    assert max(map(len, whole.scripts)) > 1_000_000


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([FOUR[0]], ["This is the first interval with data", "every user in it is new", "first interval"]),
        ([FOUR[0], {}], ["Nobody was active in this interval", "This interval has no users"]),
        ([{}], ["Nobody was active in this interval", "There are no users to account for"]),
        ([{}, FOUR[0]], ["120 users were active, after an interval with no users"]),
        ([FOUR[0], {}, {}, FOUR[1]], ["after an interval with no users: 30 are new and 90 came back", "Into 29 Jan"]),
    ],
)
def test_where_there_is_nothing_to_show_it_says_so_and_leaves_no_empty_frame(
    history: list[Labels], said: list[str]
) -> None:
    page = Page(interval_report(report_of(*history)))
    assert all(words in page.text for words in said)
    for script in page.scripts[:-1]:
        assert all(figure["data"] for figure in json.loads(script).values() if script)
    charted = {tag["id"] for tag in page.all("div") if tag.get("class") == "plot"}
    if not any(history):
        assert charted == set()
    if len(history) == 1:
        assert "paths-chart" not in charted


def test_tables_that_are_not_there_are_named_with_what_to_do() -> None:
    missing = dict.fromkeys(("growth_accounting", "mix_shift", "label_mix"), "it has not been made: flywheel report")
    page = Page(interval_report(replace(report_of(*FOUR), mix=(), growth=(), shift=(), missing=missing)))
    for name in missing:
        assert f"Not available yet. {name}: it has not been made: flywheel report." in page.text


def test_earlier_intervals_without_history_are_counted() -> None:
    text = Page(interval_report(replace(report_of(*FOUR), unmade=2))).text
    assert "The history of 2 earlier intervals has not been made, so the charts have gaps" in text


def test_checks_that_did_not_pass_are_told_one_by_one() -> None:
    text = Page(interval_report(report_of(*FOUR))).text
    assert "FailedDrift from baseline (user_labels)Major against the training baseline: PSI 0.500" in text
    assert "Of 2 checks, 1 failed; the others passed." in text


def test_an_open_interval_is_marked() -> None:
    assert "This interval is still open" in Page(interval_report(replace(report_of(*FOUR), closed=False))).text


CUT = "sessions on 3 of its 14 days"


def test_an_incomplete_interval_is_marked_and_nothing_is_concluded_from_it() -> None:
    page = Page(interval_report(report_of(*FOUR, incomplete={4: CUT})))
    assert f"This interval is incomplete: {CUT}." in page.text
    for conclusion in ("+33.3%", "+30", "because", "moved up", "most common", "differ from", "Not better than"):
        assert conclusion not in page.text
    assert page.text.count("not compared") == 5
    assert "Pale: 1 incomplete interval, from 12 Feb." in page.text
    assert "2024-02-12 – 2024-02-25 (incomplete)" in page.text
    assert {tag["id"] for tag in page.all("div") if tag.get("class") == "plot"} == {*CHARTS} - {"forecast-chart"}
    assert page.all("polyline") == []


def test_after_an_incomplete_interval_no_change_is_told_and_there_is_a_forecast() -> None:
    page = Page(interval_report(report_of(*FOUR, incomplete={3: CUT})))
    assert f"The previous interval is incomplete: {CUT}." in page.text
    for conclusion in ("+33.3%", "+30", "because", "moved up"):
        assert conclusion not in page.text
    assert "forecast-chart" in {tag.get("id") for tag in page.all("div")}


def test_a_page_opens_on_a_probable_change_of_ids() -> None:
    finding = Finding("label_transitions", "retention_break", "warned", "user ids probably changed: only 2.9% stayed")
    text = Page(interval_report(report_of(*FOUR, findings=[finding]))).text
    assert "User ids probably changed: only 2.9% stayed. 120 users were active" in text


def test_a_change_of_model_is_said_with_whose_doing_the_moves_are() -> None:
    versions = {3: {"user": ("u1",)}, 4: {"user": ("u2",)}}
    cause = {"From_Label": "Passive", "Same_Model_Label": "Passive", "To_Label": "Engaged", "User_Count": 3}
    causes = [{**cause, "Cause": "model"}, {**cause, "To_Label": "Passive", "User_Count": 1, "Cause": "none"}]
    text = Page(interval_report(replace(report_of(*FOUR), versions=versions, causes=causes))).text
    assert "The user model changed since the previous interval" in text
    assert "the new model375.0%" in text


VERSIONS = {1: {"user": ("u0",)}, 2: {"user": ("u1",)}, 3: {"user": ("u1",)}, 4: {"user": ("u2",)}}


def test_across_a_change_of_models_whose_doing_a_change_is_has_a_column_for_theirs() -> None:
    names = ("From_Label", "Same_Model_Label", "To_Label", "User_Count", "Cause")
    cause = dict(zip(names, ("Passive", "Passive", "Engaged", 2, "model"), strict=True))
    report = replace(report_of(*FOUR), versions=VERSIONS, causes=[cause])
    text = Page(interval_report(report)).text
    assert "LabelBeforeNowChangeFrom new modelsFrom usersStayedCameLeft" in text
    assert "Engaged0.0%100.0%+100.0+100.00.00.00.00.0" in text
    first = text.index("The user model changed since the previous interval. 120 users were active")
    assert first < text.index("Under the previous models")
    assert "What changedThe user model changed since the previous interval. Under the previous models," in text
    assert "how much of each change comes from new models and from users, in points" in text


def test_across_a_change_of_models_that_no_table_tells_of_no_part_of_a_change_is_anybodys() -> None:
    missing = {"transition_causes": "it has not been made: flywheel report"}
    text = Page(interval_report(replace(report_of(*FOUR), versions=VERSIONS, missing=missing))).text
    assert "StayedCameLeft" not in text
    assert "because" not in text
    assert "How much of a change comes from the users and how much from the new models is not known." in text
    assert text.count("it has not been made: flywheel report") == 3
    assert "parts" not in text


def test_changes_of_models_are_marked_in_the_mix_of_what_they_label() -> None:
    report = replace(report_of(*FOUR), versions=VERSIONS)
    assert report.model_changes("session", "user") == [2, 4]
    assert report.model_changes("session") == []
    page = Page(interval_report(report))
    users, sessions = (json.loads(script)["narrow"]["layout"]["shapes"] for script in page.scripts[:2])
    assert [line["x0"] for line in users] == [0.5, 2.5]
    assert sessions == []
    assert page.text.count("Dashed lines: the models changed 2 times, on 15 Jan and 12 Feb.") == 1
    versions = {1: VERSIONS[1], 3: VERSIONS[3]}
    assert replace(report, versions=versions).model_changes("user") == [3], "an interval between them had no users"


def test_of_200_labels_charts_show_a_dozen_and_tables_all() -> None:
    order = tuple(f"label {i:03d}" for i in range(200))
    history = [{f"user {i}": order[(i + k) % 200] for i in range(400)} for k in range(3)]
    page = Page(interval_report(report_of(*history, user_order=order)))
    assert "188 other labels" in page.text
    assert "The 188 labels with the fewest users are shown together" in page.text
    assert all(page.text.count(label) >= 3 for label in order)


NASTY = ("</script><script>window.hit=1</script>", '"><img src=x onerror=window.hit=1>', "O'Brien & söhne 🚲 <b>")


def test_labels_of_any_text_stay_text() -> None:
    history = [dict.fromkeys(("ann", "bob"), NASTY[0]) | {"cy": NASTY[1]}, {"ann": NASTY[2], "bob": NASTY[1]}]
    page = Page(interval_report(report_of(*history, user_order=NASTY)))
    assert all(label in page.text for label in NASTY)
    assert page.all("img") == []
    assert len(page.all("script")) == len(page.scripts) + 1  # all but Plotly's, which is a file, have text
    assert [json.loads(script) for script in page.scripts[:-1]]


def test_the_index_links_reports_newest_first_with_their_numbers() -> None:
    entries = [
        Entry(report.interval, f"page_{n}.html", [replace(h, history=h.history[-1:]) for h in report.headlines])
        for n in (3, 4)
        for report in [report_of(*FOUR[:n])]
    ]
    page = Page(report_index(entries))
    assert [tag["href"] for tag in page.all("a")] == ["#content", "page_4.html", "page_3.html"]
    assert page.text.index("12 – 25 February 2024") < page.text.index("29 January – 11 February 2024")
    assert "66.7%" in page.text
    assert "incomplete" not in page.text
    cut = Page(report_index([replace(entries[0], incomplete=True), entries[1]]))
    assert cut.text.count("29 January – 11 February 2024, incomplete") == cut.text.count("incomplete") == 1


def test_an_index_without_reports_is_a_page_too() -> None:
    assert "0 reports" in Page(report_index([])).text
