"""The page of intent in a real browser, built once: it is searched, read by keyboard, on a phone, in the dark, on paper
and without a script; it is silent, asks for nothing and runs nothing of the data."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flywheel_assets.intent.page import intent_page
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.browsers import new_page
from flywheel_assets_tests.intent_pages import content_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NASTY = ("</script><script>document.title='hit'</script>", "<img src=x onerror=\"document.title='hit'\">\nO'Brien")
HIGH = ["ann", *NASTY]
LOW = [f"u{i:03d}" for i in range(40)]
LINK = "#ranking ~ .finder tbody a"


@pytest.fixture(scope="module")
def path(engine: DuckDBEngine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 43 users: three in the tier High, of whom two have ids that are markup."""
    users = {user: [(0, 60, 20, 0), (40, 1, 1, 1)] for user in HIGH} | {user: [(3, 5, 0, 0)] for user in LOW}
    countries = dict.fromkeys(HIGH, "DE") | dict.fromkeys(LOW[:30], "US") | dict.fromkeys(LOW[30:], "FR")
    labels = dict.fromkeys(HIGH, "Engaged")
    content = content_of(engine, users, {"country": countries}, labels=labels, label_order=["Engaged"])
    path = tmp_path_factory.mktemp("page") / "intent.html"
    path.write_text(intent_page(content))
    return path


Show = Callable[..., "Page"]


@pytest.fixture
def show(path: Path, browser: "Browser") -> Iterator[Show]:
    """Opens the page, and at the end holds it to silence: not a word on the console, no other file asked for."""
    opened: list[Page] = []
    said: list[str] = []
    asked: list[str] = []

    def shown(fragment: str = "", width: int = 1280, **emulated: Any) -> "Page":
        page = new_page(browser, width)
        opened.append(page)
        page.emulate_media(reduced_motion="reduce", **emulated)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri() + fragment)
        return page

    yield shown
    assert said == []
    assert {url.partition("#")[0] for url in asked} == {path.as_uri()}
    assert all(page.title().startswith("Intent, ") for page in opened)
    for page in opened:
        page.context.close()


def rows(page: "Page") -> list[str]:
    """The ids of the users whose row can be seen."""
    return [text.strip() for text in page.locator("tbody th a:visible").all_text_contents()]


def test_search_and_filters_narrow_the_ranking_and_say_how_many(show: Show) -> None:
    page = show()
    status, search = page.get_by_role("status"), page.get_by_role("searchbox", name="Search by user id")
    assert page.get_by_role("table", name="43 of 43 users with a score").count() == 1
    assert status.inner_text() == "43 of 43 users; the first 25 are shown"
    assert len(page.locator(".finder tbody tr:visible").all()) == 25
    page.get_by_role("button", name="Show all 43").click()
    assert status.inner_text() == "43 of 43 users"
    assert page.evaluate("document.activeElement.closest('tr').cells[0].textContent") == "26"
    page.get_by_role("combobox", name="Tier").select_option("High")
    assert status.inner_text() == "3 of 43 users"
    page.get_by_role("combobox", name="Country").select_option("US")
    assert status.inner_text() == "0 of 43 users"
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("combobox", name="Label").select_option("Absent")
    search.fill("U00")
    assert status.inner_text() == "10 of 43 users"
    search.fill("o'brien")
    page.get_by_role("combobox", name="Label").select_option("Engaged")
    assert status.inner_text() == "1 of 43 users"
    assert page.locator("img").count() == 0


def test_a_user_is_opened_by_keyboard_and_the_way_back_leads_to_the_same_row(show: Show) -> None:
    page = show()
    page.get_by_role("link", name="ann").focus()
    page.keyboard.press("Enter")
    article = page.locator("article:target")
    assert page.evaluate("document.activeElement === document.querySelector('article:target')")
    assert article.get_by_role("heading", name="ann").is_visible()
    assert not page.locator(".finder").is_visible()
    article.get_by_role("link", name="Next user").click()
    page.go_back()
    assert article.get_by_role("heading", name="ann").is_visible()
    page.go_back()
    assert page.locator(".finder").is_visible()
    assert page.evaluate("document.activeElement.textContent") == "ann"
    far = show("#user-40")
    far.locator("article:target").get_by_role("link", name="Back to the ranking").press("Enter")
    assert far.evaluate("document.activeElement.hash") == "#user-40"
    assert len(rows(far)) == 43


def test_a_link_to_a_user_opens_the_points_and_the_days(show: Show, screenshots: Path) -> None:
    page = show("#user-1")
    article = page.locator("article:target")
    cells = article.get_by_role("table", name="What the score is the sum of").locator("td.number:nth-child(2)")
    *steps, total = [float(text.replace("−", "-")) for text in cells.all_inner_texts()]
    assert round(sum(steps), 2) == total
    article.locator("summary").click()
    assert article.get_by_role("table", name="Days, the latest first").is_visible()
    page.screenshot(path=screenshots / "intent_user.png", full_page=True)


@pytest.mark.parametrize("fragment", ["", "#user-1", "#rules"])
def test_on_a_phone_nothing_is_wider_than_the_page(show: Show, screenshots: Path, fragment: str) -> None:
    page = show(fragment, width=375)
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    if not fragment:
        assert page.evaluate("document.querySelector('.finder .scroll').scrollWidth") <= 375
        assert page.get_by_role("row").filter(has_text="ann").get_by_role("cell").count() == 8  # a card is still a row
    page.screenshot(path=screenshots / f"intent_phone{fragment}.png")


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_in_the_dark_all_text_stands_out(show: Show, screenshots: Path) -> None:
    page = show(color_scheme="dark")
    paper = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert paper < 0.05
    for text in ("p", "caption", "td", "tbody a", "label", "input", "select", "h2", ".meaning", ".rules li + li"):
        colour = luminance(page.locator(text).first.evaluate("one => getComputedStyle(one).color"))
        assert (colour + 0.05) / (paper + 0.05) >= 4.5, text
    page.screenshot(path=screenshots / "intent_dark.png")


def test_on_paper_the_whole_ranking_is_there_or_one_user(show: Show) -> None:
    page = show(width=688, media="print")  # A4 without its margins
    assert len(rows(page)) == 43
    assert not page.get_by_role("searchbox").is_visible()
    assert page.evaluate("document.querySelector('.finder table').scrollWidth") <= 688
    user = show("#user-2", media="print")
    assert rows(user) == []
    assert user.locator("article:visible").count() == 1


def test_without_a_script_the_whole_table_and_every_user_can_be_read(path: Path, browser: "Browser") -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator(".finder tbody tr:visible").count() == 43
    assert not page.locator(".controls").is_visible()
    page.locator("tbody a").first.click()
    assert page.locator("article:target").is_visible()
    context.close()
