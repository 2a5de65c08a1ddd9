"""Reports of small histories, each interval a mapping of user to label, computed as the graph does."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flywheel_assets.history.forecast import History
from flywheel_assets.history.growth_accounting import growth_accounting
from flywheel_assets.history.label_mix import label_mix
from flywheel_assets.history.mix_shift import mix_shift
from flywheel_assets.history.moves import moves_of
from flywheel_assets.history.report_content import SANKEY_STEPS, Report
from flywheel_assets.history.transition_forecast import transition_forecast
from flywheel_assets.sessions.trimmed_sessions import Ledger, Threshold
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.verdict import Finding
from flywheel_assets_tests.frames import CALENDAR

USER_ORDER = ("Passive", "Engaged", "Highly Engaged")
SESSION_ORDER = ("Low", "High")

Labels = Mapping[str, str]

FEW: Sequence[Labels] = (
    {"ann": "Passive", "bob": "Engaged", "cy": "Passive", "dan": "Engaged"},
    {"ann": "Engaged", "bob": "Engaged", "cy": "Passive", "eve": "Passive"},
    {"ann": "Highly Engaged", "bob": "Passive", "eve": "Passive"},
    {"ann": "Highly Engaged", "bob": "Engaged", "dan": "Engaged", "fay": "Passive"},
)
"""dan is away twice and comes back, cy and eve leave, fay is new."""


def crowds(history: Sequence[Labels], size: int = 30) -> Sequence[Labels]:
    """The history with so many users in the place of each."""
    return [{f"{user} {n}": label for user, label in labels.items() for n in range(size)} for labels in history]


FOUR = crowds(FEW)
"""Enough users to speak of."""

FINDINGS = (
    Finding(
        "user_labels",
        "drift_from_baseline",
        "failed",
        "major against the training baseline: PSI 0.500, more than chance alone gives (0.100)",
        {"psi": 0.5, "noise_limit": 0.1, "jensen_shannon_distance": 0.3, "band": "major"},
    ),
    Finding("landed_sessions", "contract", "passed", "all columns are there"),
)

LEDGER = Ledger(
    2000, 2, 1, False, (Threshold("pageviews", 90.5, 0.0), Threshold("leads", 0.0, 0.0)), {"pageviews": 2, "leads": 0}
)


def report_of(*history: Labels, user_order: Sequence[str] = USER_ORDER, **said: Any) -> Report:
    """The report of the last of the intervals, whose users have a session each, of quality High unless Passive.
    ``said``: fields that are to be otherwise."""
    intervals = [CALENDAR.number(n + 1) for n in range(len(history))]
    mix, growth, transitions, shift = [], [], [], []
    all_moves = []
    for place, (interval, labels) in enumerate(zip(intervals, history, strict=True)):
        before = history[place - 1] if place else {}
        seen = {user for earlier in history[: max(place - 1, 0)] for user in earlier}
        pairs = Counter((before.get(u, ABSENT), labels.get(u, ABSENT)) for u in {*before, *labels})
        rows = [
            {
                "From_Label": origin,
                "To_Label": target,
                "User_Count": users,
                "From_Interval": interval.number - 1 if place else None,
                "Interval": interval.number,
                "Interval_Dates": interval.dates,
            }
            for (origin, target), users in sorted(pairs.items())
        ]
        moves = moves_of(rows)
        all_moves.append(moves)
        back = Counter(label for user, label in labels.items() if place and user not in before and user in seen)
        quality = Counter("Low" if label == "Passive" else "High" for label in labels.values())
        users = Counter(labels.values())
        mix += label_mix(
            {label: quality[label] for label in SESSION_ORDER}, {label: users[label] for label in user_order}, interval
        )
        growth += growth_accounting(moves, back, user_order, interval)
        transitions += rows
        shift = mix_shift(moves, user_order, interval)
    last = intervals[-1]
    forecast = transition_forecast(all_moves, History.of(all_moves, user_order), 1.0, last)
    made = Report(
        interval=last,
        intervals=intervals,
        closed=True,
        user_order=user_order,
        session_order=SESSION_ORDER,
        mix=mix,
        growth=growth,
        shift=shift,
        transitions=[row for row in transitions if row["Interval"] > last.number - SANKEY_STEPS],
        forecast=forecast,
        forecast_note="Not better than assuming no change: over 2 forecasts it was off by 3.0.\nThey held 80%.",
        findings=FINDINGS,
        ledger=LEDGER,
        versions={i.number: {"session": ("s1",), "user": ("u1",)} for i in intervals[-2:]},
        previous_page="interval_003.html" if len(history) > 1 else None,
        generation="0123456789abcdef",
    )
    return replace(made, **said)
