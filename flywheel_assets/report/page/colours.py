"""The page's colours, as CSS variables: a ramp for the labels from worst to best, and what is no label.

The ramp goes from rust over sand and straw to deep blue, so that readers who do not tell red from green tell its ends.
Without colour its halves are alike: order, the lines between bars and the names beside them tell them apart. Up to
five labels have colours of their own; more are blended in OKLab (Ottosson 2020), where equal steps look equal."""

from collections.abc import Mapping, Sequence

from flywheel_assets.report.folding import Folding
from flywheel_assets.tables.labels import ABSENT

LIGHT_RAMP = ("#a8431c", "#e2a25f", "#e6d38e", "#8db9cc", "#1d5c80")
DARK_RAMP = ("#d9622f", "#efbb80", "#e9dba6", "#8ec0d6", "#3d8fbd")

CHOSEN = {1: (4,), 2: (0, 4), 3: (0, 1, 4), 4: (0, 1, 3, 4)}
"""Which colours of a ramp few labels have: those that are furthest apart."""

ABSENT_COLOUR, OTHER_COLOUR = "--absent", "--other"


def label_variables(folding: Folding) -> Mapping[str, str]:
    """Per label of the folding, Absent and the others its CSS variable. The same label has the same place in the ramp
    on every page that shows the same labels."""
    ramp = {label: f"--{folding.name}-{place}" for place, label in enumerate(folding.shown)}
    return {**ramp, folding.other: OTHER_COLOUR, ABSENT: ABSENT_COLOUR}


def declarations(folding: Folding, ramp: Sequence[str]) -> str:
    """The CSS declarations of a folding's variables."""
    return "".join(f"--{folding.name}-{i}:{colour};" for i, colour in enumerate(shades(ramp, len(folding.shown))))


def shades(ramp: Sequence[str], count: int) -> list[str]:
    """So many colours of a ramp, from its first to its last; of one the last."""
    if count in CHOSEN:
        return [ramp[place] for place in CHOSEN[count]]
    return [shade(ramp, i / (count - 1)) for i in range(count)]


def shade(ramp: Sequence[str], at: float) -> str:
    """The colour of a ramp ``at`` 0 (its first) to 1 (its last)."""
    place = at * (len(ramp) - 1)
    before = min(int(place), len(ramp) - 2)
    one, other = _oklab(ramp[before]), _oklab(ramp[before + 1])
    beyond = place - before
    return _hex([a + (b - a) * beyond for a, b in zip(one, other, strict=True)])


def _oklab(colour: str) -> list[float]:
    r, g, b = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return [
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    ]


def _hex(lab: Sequence[float]) -> str:
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    channels = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * _encoded(min(max(c, 0.0), 1.0))):02x}" for c in channels)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _encoded(channel: float) -> float:
    return channel * 12.92 if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055
