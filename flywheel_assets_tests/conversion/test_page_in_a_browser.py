"""The page of conversion in a real browser, built once: it is read by keyboard, on a phone and in the dark, it is
silent, asks for nothing and runs nothing of the data."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flywheel_assets.conversion.page_file import content_of
from flywheel_assets.training.classifier.page import classifier_page
from flywheel_assets_tests.browsers import new_page
from flywheel_assets_tests.conversion.test_conversion_predictions import KEYS
from flywheel_assets_tests.projects import Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NASTY = "<img src=x onerror=\"document.title='hit'\">"


@pytest.fixture(scope="module")
def path(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with trained.flywheel() as flywheel:
        content = content_of(flywheel, *trained.intervals(KEYS[2]))
    highest = [replace(content.highest[0], name=NASTY), *content.highest[1:]]
    path = tmp_path_factory.mktemp("page") / "conversion.html"
    path.write_text(classifier_page([replace(content, highest=highest)], "Conversion", [], "0123"))
    return path


Show = Callable[..., "Page"]


@pytest.fixture
def show(path: Path, browser: "Browser") -> Iterator[Show]:
    """Opens the page, and at the end holds it to silence: not a word on the console, no other file asked for."""
    said: list[str] = []
    asked: list[str] = []

    def shown(width: int = 1280, **emulated: Any) -> "Page":
        page = new_page(browser, width)
        page.emulate_media(reduced_motion="reduce", **emulated)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield shown
    assert said == []
    assert set(asked) == {path.as_uri()}


def test_every_section_is_reached_by_keyboard_and_every_table_opens(show: Show, screenshots: Path) -> None:
    page = show()
    links = page.get_by_role("navigation", name="On this page").get_by_role("link")
    for number in range(links.count()):
        links.nth(number).press("Enter")
        identity = page.evaluate("location.hash").removeprefix("#")
        assert page.locator(f"section[aria-labelledby={identity}]").is_visible()
    for summary in page.locator("summary").all():
        summary.press("Enter")
    assert page.locator("details:not([open])").count() == 0
    assert page.get_by_role("table", name="The model and what it has to beat").is_visible()
    assert page.get_by_role("img", name="Gain").is_visible()
    assert page.get_by_role("rowheader", name=NASTY).count() == 1
    assert page.title().startswith("Conversion, ")
    page.screenshot(path=screenshots / "conversion.png", full_page=True)


def test_on_a_phone_nothing_is_wider_than_the_page_and_curves_can_be_read(show: Show, screenshots: Path) -> None:
    page = show(width=375)
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    texts = page.locator("svg.curve text")
    assert texts.count() > 40
    sizes = texts.evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert min(sizes) >= 10
    page.screenshot(path=screenshots / "conversion_phone.png", full_page=True)


def test_texts_of_a_curve_lie_within_its_drawing_and_none_upon_another(show: Show) -> None:
    page = show()
    for curve in page.locator("svg.curve").all():
        around = curve.bounding_box()
        boxes = [one.bounding_box() for one in curve.locator("text").all()]
        assert around
        for number, box in enumerate(boxes):
            assert box
            assert around["x"] - 1 <= box["x"]
            assert box["x"] + box["width"] <= around["x"] + around["width"] + 1
            for other in boxes[:number]:
                assert other
                apart = box["x"] >= other["x"] + other["width"] or other["x"] >= box["x"] + box["width"]
                assert apart or abs(box["y"] - other["y"]) >= min(box["height"], other["height"]) - 4


def test_in_the_dark_curves_and_texts_change_with_the_page(show: Show, screenshots: Path) -> None:
    light, dark = show(), show(color_scheme="dark")
    for part, property in (("svg.curve .line", "stroke"), ("svg.curve text", "fill"), ("svg.curve .ring", "stroke")):
        colours = [
            page.locator(part).first.evaluate(f"one => getComputedStyle(one).{property}") for page in (light, dark)
        ]
        assert colours[0] != colours[1], part
    dark.screenshot(path=screenshots / "conversion_dark.png")
