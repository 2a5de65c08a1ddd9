"""A first `conversion.toml`, as text, with a reason beside every choice."""

from collections.abc import Collection, Sequence

from flywheel_assets.errors import ConversionError
from flywheel_assets.ingest.mapping import OUTCOMES

HEADING = """\
# Will this session convert? What a conversion is, and when it is predicted. Change any of it, then type
#
#   flywheel conversion check   how many sessions this gives, and how many of them convert
#   flywheel run                the data set
"""


def text_for_events(kinds: Sequence[str], carried: Collection[str], outcome: str = "") -> str:
    """The text for what events are counted by in sessions. ``outcome``: what is a conversion; the first of OUTCOMES if
    it is empty. Raises ConversionError where nothing can be taken for one, and for one that is not counted."""
    chosen = _chosen(outcome, kinds, "what events.toml counts in sessions is")
    return "\n".join(
        [
            HEADING,
            "[conversion]",
            f'kinds = ["{chosen}"]   # one event of these is a conversion',
            "",
            "[horizon]",
            "events = 3   # predicted after the first 3 events: late enough to know something, early enough to act",
            "# minutes = 5   # or so long after its start",
            "",
            "[features]",
            f"categories = {_listed(carried)}   # texts that are known by then",
            "",
        ]
    )


def text_for_sessions(features: Sequence[str], outcome: str = "") -> str:
    """The text for landed sessions with these features, which are predicted at their start. Raises ConversionError as
    :func:`text_for_events` does."""
    chosen = _chosen(outcome, features, "the features of sessions are")
    return "\n".join(
        [
            HEADING,
            "[conversion]",
            f'column = "{chosen}"   # a column of landed sessions: above 0 is a conversion',
            "",
            "[features]",
            "categories = []   # columns of texts that are known when a session starts",
            "",
        ]
    )


def _chosen(outcome: str, names: Sequence[str], these_are: str) -> str:
    chosen = outcome or next((name for name in OUTCOMES if name in names), "")
    if chosen in names:
        return chosen
    found = f"{outcome!r} is none of them" if outcome else "none of them looks like a conversion"
    raise ConversionError(
        f"{these_are} {', '.join(names) or 'nothing'}: {found}. Name one: flywheel conversion init --outcome NAME"
    )


def _listed(names: Collection[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
