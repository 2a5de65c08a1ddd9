"""The report in a real browser: it draws, is silent on the console, asks for nothing, runs nothing of the data."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flywheel_assets.history.page import interval_report
from flywheel_assets.history.report_content import Report
from flywheel_assets.report.page import PLOTLY, plotly_script
from flywheel_assets_tests.browsers import STEP_SECONDS, new_page
from flywheel_assets_tests.reports import FOUR, report_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS = (375, 1440)
CHARTS = ("mix-users", "mix-sessions", "growth-chart", "paths-chart", "forecast-chart")
NASTY = (
    "</script><script>document.title='hit'</script>",
    '"><img src=x onerror="document.title=\'hit\'">',
    "<a href=\"javascript:document.title='hit'\">O'Brien &amp; 🚲</a>",
)


class Shown:
    """A page in the browser with all that it said and asked for."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)

    def wait_for_other_than(self, value: Any, script: str) -> None:
        """Asks until the answer is another. Playwright's own waiting evaluates text, which the policy forbids."""
        until = time.monotonic() + STEP_SECONDS
        while self.ask(script) == value:
            assert time.monotonic() < until
            self.page.wait_for_timeout(50)


Show = Callable[..., Shown]


@pytest.fixture
def show(browser: "Browser", tmp_path: Path) -> Iterator[Show]:
    """Opens the page of a report from a file, that wide, and waits until it is drawn."""
    opened: list[Page] = []
    (tmp_path / PLOTLY).write_text(plotly_script())

    def shown(report: Report, width: int = 1440, standalone: bool = False, dark: bool = False) -> Shown:
        path = tmp_path / ("alone.html" if standalone else "report.html")
        path.write_text(interval_report(report, standalone))
        page = new_page(browser, width)
        opened.append(page)
        if dark:
            page.emulate_media(color_scheme="dark")
        found = Shown(page)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-drawn]", state="attached")
        return found

    yield shown
    for page in opened:
        page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_all_sections_are_drawn_without_a_word_or_a_request(show: Show, screenshots: Path, width: int) -> None:
    shown = show(report_of(*FOUR), width)
    assert shown.said == []
    assert [url.rsplit("/", 1)[-1] for url in shown.asked] == ["report.html", PLOTLY]
    assert all(url.startswith("file://") for url in shown.asked)
    assert shown.page.locator("section > h2").count() == 10
    for chart in CHARTS:
        box = shown.page.locator(f"#{chart} svg.main-svg").first.bounding_box()
        assert box is not None
        assert box["width"] > 250
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    assert shown.ask("document.documentElement.scrollWidth") == width
    captions = "[...document.querySelectorAll('caption span')].map((c) => c.getBoundingClientRect().right)"
    assert max(shown.ask(captions)) <= width
    assert shown.page.locator(".modebar, .undrawn").count() == 0
    shown.page.screenshot(path=screenshots / f"report_{width}.png", full_page=True)


def test_a_table_that_goes_on_to_the_right_fades_there_until_its_end_is_seen(show: Show) -> None:
    shown = show(report_of(*FOUR), 375)
    marked = "[...document.querySelectorAll('#changes ~ .scroll')].map((b) => b.classList.contains('more'))"
    shown.wait_for_other_than([False], marked)
    mask = "getComputedStyle(document.querySelector('#changes ~ .scroll')).maskImage"
    assert "gradient" in shown.ask(mask)
    shown.ask("document.querySelector('#changes ~ .scroll').scrollLeft = 9999")
    shown.wait_for_other_than([True], marked)
    assert shown.ask(mask) == "none"
    assert show(report_of(*FOUR)).page.locator("#changes ~ .more").count() == 0


def test_standalone_needs_no_file_beside_it(show: Show) -> None:
    shown = show(report_of(*FOUR), standalone=True)
    assert shown.said == []
    assert [url.rsplit("/", 1)[-1] for url in shown.asked] == ["alone.html"]


def test_nothing_that_data_brings_is_run(show: Show) -> None:
    history = [{"ann": NASTY[0], "bob": NASTY[1]}, {"ann": NASTY[2], "bob": NASTY[1], "cy": NASTY[0]}]
    shown = show(report_of(*history, user_order=NASTY))
    assert shown.said == []
    assert shown.ask("document.title").startswith("Interval 2")
    assert shown.page.locator("img, .plot a").count() == 0
    drawn = shown.page.locator("#mix-users").inner_text()
    assert "</script>" in drawn
    assert "<a href" in drawn


def test_a_policy_stops_a_script_that_got_in_all_the_same(show: Show) -> None:
    shown = show(report_of(*FOUR))
    shown.ask("document.body.insertAdjacentHTML('beforeend', `<img src=x onerror=\"document.title='hit'\">`)")
    shown.ask(
        "{const s = document.createElement('script'); s.text = \"document.title='hit'\"; document.body.append(s)}"
    )
    shown.ask("fetch('https://example.org/').catch(() => 'refused')")
    assert shown.ask("document.title") != "hit"
    assert not [url for url in shown.asked if url.startswith("http")]
    assert any("Content Security Policy" in words for words in shown.said)


def test_charts_take_the_colours_of_light_and_dark(show: Show, screenshots: Path) -> None:
    shown = show(report_of(*FOUR), dark=True)
    dark = shown.ask(BARS)
    shown.page.screenshot(path=screenshots / "report_dark.png", full_page=True)
    shown.page.emulate_media(color_scheme="light")
    shown.wait_for_other_than(dark, BARS)
    assert shown.said == []


def test_everything_is_reached_by_the_keyboard_and_its_place_is_seen(show: Show) -> None:
    shown = show(report_of(*FOUR))
    shown.page.keyboard.press("Tab")
    assert shown.ask("document.activeElement.className") == "skip"
    assert shown.page.locator(".skip").bounding_box()["x"] >= 0
    shown.page.keyboard.press("Enter")
    assert shown.ask("document.activeElement.id") == "content"
    summary = shown.page.locator("#growth-chart ~ details summary")
    summary.focus()
    shown.page.keyboard.press("Enter")
    assert shown.page.locator("#growth-chart ~ details table").is_visible()
    assert shown.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_on_paper_it_is_light_its_tables_are_open_and_its_charts_fit(show: Show, screenshots: Path) -> None:
    shown = show(report_of(*FOUR), dark=True)
    dark = shown.ask(BARS)
    links = "[...document.querySelectorAll('#paths-chart .sankey-link')].map((l) => l.getBoundingClientRect().width)"
    at_once = shown.ask(f"(window.dispatchEvent(new Event('beforeprint')), {links})")
    shown.page.wait_for_timeout(1000)
    assert at_once
    assert shown.ask(links) == at_once
    assert shown.page.locator("details:not([open])").count() == 0
    shown.wait_for_other_than(dark, BARS)
    assert shown.ask("Math.max(...[...document.querySelectorAll('.plot')].map((p) => p.dataset.width))") == 660
    shown.ask("window.dispatchEvent(new Event('afterprint'))")
    assert shown.page.locator("details[open]").count() == 0
    pdf = shown.page.pdf(path=screenshots / "report.pdf", prefer_css_page_size=True, print_background=True)
    assert pdf.startswith(b"%PDF")


def test_an_interval_without_users_draws_what_it_has(show: Show) -> None:
    for history in ([{}], [FOUR[0], {}]):
        assert show(report_of(*history), 375).said == []


def test_200_labels_draw_a_dozen_and_do_not_widen_the_page(show: Show, screenshots: Path) -> None:
    order = tuple(f"label with a long name {i:03d}" for i in range(200))
    history = [{f"user {i}": order[(i * i + k) % 200] for i in range(600)} for k in range(4)]
    shown = show(report_of(*history, user_order=order), 375)
    assert shown.said == []
    assert shown.ask("document.documentElement.scrollWidth") == 375
    assert shown.page.locator("#mix-users .trace.bars").count() == 13
    shown.page.screenshot(path=screenshots / "report_200_labels.png", full_page=True)


BARS = "getComputedStyle(document.querySelector('#mix-users .point path')).fill"
