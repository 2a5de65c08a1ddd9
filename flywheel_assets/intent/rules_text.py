"""First rules of an intent score, as the text of `intent_rules.toml`: a guideline or a reason beside every number."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from flywheel_assets.errors import IntentError
from flywheel_assets.ingest.mapping import OUTCOMES
from flywheel_assets.intent.rules import CLAMP


@dataclass(frozen=True)
class Proposal:
    """Numbers for a kind of event, each with its guideline. ``once``: it hardly happens twice."""

    group: str
    points: float
    half_at: float
    half_life_days: float
    why_points: str
    why_half_at: str
    why_half_life: str
    reason: str


_SEVERAL = "the first say most; each further one adds less"
_ONCE = "one says nearly all; a second hardly adds"
_ASKED = "somebody who asked a month ago has moved on, or bought elsewhere"
_QUARTER = "a sales cycle of a few weeks"

KNOWN = {
    "demo_requests": Proposal(
        "buying", 30, 1, 30, "among the strongest signs: the user asks for us", _ONCE, _ASKED,
        "Who asks for a demo wants to be talked to.",
    ),
    "bookings": Proposal(
        "buying", 30, 1, 30, "among the strongest signs: the user gives us time", _ONCE, _ASKED,
        "Who books a meeting is deciding.",
    ),
    "pricing_visits": Proposal(
        "buying", 30, 3, 21, "strong when repeated; a single visit is curiosity", _SEVERAL, _QUARTER,
        "Who comes back to the prices is comparing.",
    ),
    "signups": Proposal(
        "buying", 8, 1, 60, "a first step, and many take it without any plan", _ONCE,
        "an account stays an account: it fades slowly", "Who signs up wants to try.",
    ),
    "email_clicks": Proposal(
        "attention", 8, 2, 30, "half of the group: a click is a choice", _SEVERAL, _QUARTER,
        "Who follows a link in an e-mail is interested in its subject.",
    ),
    "email_opens": Proposal(
        "attention", 3, 4, 30, "little: mail programs open e-mails by themselves", _SEVERAL, _QUARTER,
        "Opens are a weak sign, but they cost nothing to count.",
    ),
    "page_views": Proposal(
        "attention", 5, 40, 21, "a third of the group: reading is not buying", _SEVERAL, _QUARTER,
        "Who reads more knows us better.",
    ),
}  # fmt: skip

GROUPS = (
    ("buying", 65, 0, "Signs that a user wants to buy decide the score: without them nobody gets beyond Medium."),
    ("attention", 15, 0, "Attention alone is no intent; it tells users with equal signs apart."),
    ("activity", 20, 0, "Who is here now can be reached now."),
    ("recently bought", 0, -15, "Who has just bought needs something else than a call."),
)

HEADING = """\
# The score of intent: points that these rules give, from 1 to 100. Change any number, then type
#
#   flywheel intent check       what the change would do: curves, and users who change tier
#   flywheel run                the scores again
#
# A rule gives up to `points` for one feature of a user. `half_at` of it give half of the points, twice as many three
# quarters. With `half_life_days` the points halve with every so many days since the last event.
"""


def rules_text(kinds: Sequence[str], outcome: str | None = None) -> str:
    """The text for these kinds of events. ``outcome``: the kind that is a conversion; None takes the first of OUTCOMES.
    A kind that nothing is known about gets few points. Raises IntentError where no kind can be taken for the outcome,
    and for one that is none."""
    listed = ", ".join(kinds) or "none"
    chosen = outcome or next((kind for kind in OUTCOMES if kind in kinds), None)
    if chosen is None or chosen not in kinds:
        found = f"{outcome!r} is no kind of events" if outcome else "no kind of events looks like a conversion"
        raise IntentError(
            f"{found}; the kinds in events.toml are {listed}. Name one: flywheel intent init --outcome KIND"
        )
    blocks = [HEADING, *_head(chosen)]
    for name, cap, floor, reason in GROUPS:
        about = "what these rules may take away together" if floor else "its share of the 100 points"
        bounds = f"cap = {cap}{'' if floor else f'   # {about}'}\nfloor = {floor}{f'   # {about}' if floor else ''}"
        blocks.append(f'[groups."{name}"]\n{bounds}\nreason = "{reason}"')
    blocks += _rules(kinds, chosen)
    return "\n\n".join(block.rstrip() for block in blocks) + "\n"


def _head(outcome: str) -> Iterable[str]:
    yield f'[outcome]\nkind = "{outcome}"   # an event of this kind in the following interval is a conversion'
    yield '[score]\nfloor = 1       # nobody scores less: 0 would read as "never"\nceiling = 100   # nor more'
    yield (
        "[tiers]   # the lowest score of each\n"
        "High = 65     # several strong signs, lately: worth a call\n"
        "Medium = 40   # one strong sign: worth an e-mail\n"
        "Low = 1       # everybody else"
    )


def _rules(kinds: Sequence[str], outcome: str) -> Iterable[str]:
    taken = {CLAMP, *kinds}
    for kind in kinds:
        if kind != outcome:
            yield _rule(_free(kind, {CLAMP}), kind, KNOWN.get(kind) or _unknown(kind))
    yield (
        f"[rules.{_free('recency', taken)}]\n"
        'group = "activity"\n'
        'feature = "days_since_event"\n'
        "falls = true      # fewer days are better\n"
        "points = 10       # half of the group\n"
        "half_at = 7       # a week without any event halves them\n"
        'reason = "Who was here lately remembers us."'
    )
    yield (
        f"[rules.{_free('active_days', taken)}]\n"
        'group = "activity"\n'
        'feature = "active_days"\n'
        "points = 10       # half of the group\n"
        "half_at = 10      # ten days out of ninety: about every week\n"
        'reason = "Who comes back by habit is easier to win."'
    )
    yield (
        f"[rules.{_free(f'after_{outcome}', taken)}]\n"
        'group = "recently bought"\n'
        f'feature = "{outcome}"\n'
        "points = -15          # about what one strong sign gives\n"
        "half_at = 1           # the first counts most\n"
        "half_life_days = 30   # after a month the need may be back\n"
        'reason = "Who has just converted rarely does so again at once."'
    )


def _free(name: str, taken: Collection[str]) -> str:
    """The name of a rule, longer where it is taken."""
    return _free(f"{name}_rule", taken) if name in taken else name


def _unknown(kind: str) -> Proposal:
    why = "a guess: nothing is known about this kind; flywheel intent suggest proposes a number from outcomes"
    return Proposal(
        "buying", 10, 3, 30, why, _SEVERAL, _QUARTER, f"Counts {kind.replace('_', ' ')}; a guess to replace."
    )


def _rule(name: str, feature: str, one: Proposal) -> str:
    return (
        f"[rules.{name}]\n"
        f'group = "{one.group}"\n'
        f'feature = "{feature}"\n'
        f"points = {one.points:g}   # {one.why_points}\n"
        f"half_at = {one.half_at:g}   # {one.why_half_at}\n"
        f"half_life_days = {one.half_life_days:g}   # {one.why_half_life}\n"
        f'reason = "{one.reason}"'
    )
