"""A readout in words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flywheel_assets.intent.experiment_readout import CONVERSION, DIFFERENT, MOVE, NOT_YET
from flywheel_assets.report.numbers import NOTHING, count, percent, plural, signed_points


def headline(rows: Sequence[Mapping[str, Any]]) -> str:
    """``pricing_email: look 2 of 4, 1,342 users`` of an experiment's rows."""
    users = sum(row["users"] for row in rows if row["measure"] == CONVERSION)
    return f"{rows[0]['experiment']}: look {rows[0]['look']} of {rows[0]['looks']}, {plural(users, 'user')}"


def sentences(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """One per arm that is compared with the control, of the rows of an experiment."""
    conversions = [row for row in rows if row["measure"] == CONVERSION]
    control = conversions[0]
    return [_sentence(row, control) for row in conversions[1:] if row["verdict"]]


def rate_lines(
    rows: Sequence[Mapping[str, Any]], moves: bool = True
) -> list[tuple[str, str, int, int, str, str, str, str]]:
    """Per arm and measure: users, how many of them, the rate and its interval, the difference from the control.
    ``moves``: with those of each pair of labels."""
    return [
        (
            f"{row['from_label']} to {row['to_label']}" if row["measure"] == MOVE else row["measure"],
            row["arm"],
            row["users"],
            row["counted"],
            percent(row["rate"]),
            _range(percent, row["rate_low"], row["rate_high"]),
            signed_points(row["difference"]),
            _range(signed_points, row["difference_low"], row["difference_high"]),
        )
        for row in rows
        if moves or row["measure"] != MOVE
    ]


def _range(shown: Callable[[float | None], str], low: float | None, high: float | None) -> str:
    return NOTHING if low is None else f"{shown(low)} to {shown(high)}"


def _sentence(row: Mapping[str, Any], control: Mapping[str, Any]) -> str:
    if row["verdict"] == DIFFERENT:
        verdict = f"different from {control['arm']} since {row['since']}"
    elif row["verdict"] == NOT_YET:
        verdict = f"not yet different from {control['arm']}"
    else:
        verdict = f"no difference from {control['arm']} shown in {plural(row['looks'], 'interval')}"
    if not row["users"] or not control["users"]:
        return f"{row['arm']}: {verdict}. {row['arm'] if not row['users'] else control['arm']} has no users."
    rates = (
        f"{percent(row['rate'])} of {count(row['users'])} users converted, {percent(control['rate'])} of "
        f"{count(control['users'])} in {control['arm']}"
    )
    if row["adjusted_difference"] is None:
        return f"{row['arm']}: {verdict}. {rates}. Too few convert, or too few do not, for a test."
    interval = ""
    if row["adjusted_low"] is not None:
        interval = f" ({_range(signed_points, row['adjusted_low'], row['adjusted_high'])}, 95% at every look)"
    return (
        f"{row['arm']}: {verdict}. {rates}: {signed_points(row['adjusted_difference'])} points{interval}, adjusted for "
        "what users were like before."
    )
