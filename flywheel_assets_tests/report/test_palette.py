"""Colours: that labels differ, and that text can be read on what is behind it."""

import re
from importlib.resources import files

import pytest

from flywheel_assets.report.blocks import DARK_FROM
from flywheel_assets.report.folding import MOST_LABELS, fold
from flywheel_assets.report.palette import DARK, LIGHT, colours, places


def test_labels_of_any_number_have_colours_of_their_own_from_one_end_of_the_ramp_to_the_other() -> None:
    for count in range(2, MOST_LABELS + 2):
        assert (places(count)[0], places(count)[-1], len(set(places(count)))) == (0, len(LIGHT) - 1, count)
    assert colours(fold("user", ["only"], {})) == {"--user-0": (LIGHT[-1], DARK[-1])}
    assert colours(fold("user", [], {})) == {}


@pytest.mark.parametrize("scheme", [":root {", ":root:not(.paper) {"])
@pytest.mark.parametrize("paper", [None, "#ffffff"])
def test_every_text_can_be_read_on_what_is_behind_it(scheme: str, paper: str | None) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5, on paper too, which is white; cells of the square at every share."""
    css = files("flywheel_assets.report").joinpath("templates", "page.css").read_text()
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", css.split(scheme)[1].split("}")[0]))
    if paper and scheme == ":root {":
        colours["paper"] = paper
    for name in ("ink", "muted", "accent", "good", "warn", "bad"):
        assert contrast(rgb(colours[name]), rgb(colours["paper"])) >= 4.5, name
    for share in (i / 1000 for i in range(1001)):
        behind = [
            h * (0.06 + 0.94 * share) + p * (0.94 - 0.94 * share)
            for h, p in zip(rgb(colours["heat"]), rgb(colours["paper"]), strict=True)
        ]
        ink = colours["heat-dark-ink" if share >= DARK_FROM else "heat-ink"]
        assert contrast(rgb(ink), behind) >= 4.5, share


def rgb(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def contrast(one: list[float], other: list[float]) -> float:
    """Of two colours, as WCAG defines it."""
    linear = [[c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour] for colour in (one, other)]
    darker, lighter = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in linear)
    return (lighter + 0.05) / (darker + 0.05)
