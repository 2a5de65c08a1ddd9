"""The colours of labels, from worst to best: one fixed ramp per theme, as CSS variables.

The ramp goes from rust over sand and straw to deep blue, so that readers who do not tell red from green tell its ends.
Without colour its halves are alike: order, the lines between bars and the names beside them tell them apart."""

from collections.abc import Mapping

from flywheel_assets.report.folding import Folding
from flywheel_assets.tables.labels import ABSENT

LIGHT = (
    *("#a8431c", "#bc6333", "#cf8349", "#e2a25f", "#e4b26f", "#e5c37e", "#e6d38e"),
    *("#c9cba6", "#acc3ba", "#8db9cc", "#6899b2", "#447a99", "#1d5c80"),
)
DARK = (
    *("#d9622f", "#e2814c", "#e99e66", "#efbb80", "#edc68d", "#ebd099", "#e9dba6"),
    *("#ccd3b8", "#adcac8", "#8ec0d6", "#74b0ce", "#5a9fc6", "#3d8fbd"),
)

CHOSEN = {1: (12,), 3: (0, 3, 12), 4: (0, 3, 9, 12)}
"""The colours of few labels, where even steps would give two that look alike."""

ABSENT_COLOUR, OTHER_COLOUR = "--absent", "--other"


def variables(folding: Folding) -> Mapping[str, str]:
    """The CSS variable of each label of the folding, of Absent and of the folded labels. The same label has the same
    place in the ramp on every page that shows the same labels."""
    ramp = {label: f"--{folding.name}-{place}" for place, label in enumerate(folding.shown)}
    return {**ramp, folding.other: OTHER_COLOUR, ABSENT: ABSENT_COLOUR}


def colours(folding: Folding) -> Mapping[str, tuple[str, str]]:
    """The light and the dark colour of each label's CSS variable."""
    chosen = places(len(folding.shown))
    return {f"--{folding.name}-{i}": (LIGHT[place], DARK[place]) for i, place in enumerate(chosen)}


def places(count: int) -> tuple[int, ...]:
    """The places in the ramp of ``count`` labels, from worst to best: even steps, without one that repeats."""
    return CHOSEN.get(count) or tuple(round(i * (len(LIGHT) - 1) / (count - 1)) for i in range(count))
