"""The page's section on what changed and why: the share of each label, and whose doing its change is."""

from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_assets.report import words
from flywheel_assets.report.page import numbers as n
from flywheel_assets.report.page.colours import label_variables
from flywheel_assets.report.page.content import Report
from flywheel_assets.report.page.html import Html
from flywheel_assets.report.page.parts import absent, lead, paragraph, section
from flywheel_assets.report.page.tables import bar, folded, table


def changes(report: Report) -> Html:
    """What changed and why: the share of each label, and whose doing its change is."""
    if gone := absent(report, "mix_shift"):
        return section("changes", "What changed", gone)
    if report.previous is None:
        text = "This is the first interval with data: there is nothing before it to compare with."
        return section("changes", "What changed", lead(text))
    known = [row for row in report.shift if row["Change"] is not None]
    if not known:
        return section("changes", "What changed", lead("One of the two intervals has no users, so there is no change."))
    title, note = _whose_doing(report)
    rows = sorted(report.model_shift or known, key=lambda row: -row["Label_Order"])
    shown = [row for row in rows if row["Label"] in report.user_folding.shown]
    more = f"The {len(report.user_folding.folded):,} smaller labels are in the whole table."
    return section(
        "changes",
        "What changed",
        lead(" ".join(filter(None, (words.models_changed(report), words.why(report))))),
        _shift_table(report, title, shown),
        paragraph(more) if report.user_folding.folded else None,
        folded("All labels", _shift_table(report, f"{title}, all labels", rows))
        if report.user_folding.folded
        else None,
        paragraph(note, "note"),
    )


def _whose_doing(report: Report) -> tuple[str, str]:
    """The caption of the table of changes, and the note under it."""
    parts = (
        "users who were there both times and changed label, users who came with another mix than theirs, and users who "
        "left with another mix than theirs."
    )
    if not report.changed_models:
        title = "Share of users, and whose doing the change is, in percentage points"
        return title, f"Every change is the sum of its three parts: {parts}"
    if not report.model_shift:
        title = "Share of users as labelled, before by other models than now, in percentage points"
        return title, "Whose doing a change is, the users' or the new models', cannot be told."
    title = "Share of users, and whose doing the change is, the users' or the new models', in percentage points"
    return title, (
        "Every change is the sum of what users did and of what the new models say of the same users. What users did is "
        f"by the models of before, and the sum of three parts: {parts}"
    )


def _shift_table(report: Report, caption: str, rows: Sequence[Mapping[str, Any]]) -> Html:
    folding = report.user_folding
    colours = label_variables(folding)
    columns = ["Label", "Before", "Now", "Change"]
    if report.model_shift:
        columns += ["By new models", "By users", "Stayed", "Came", "Left"]
        rows = [
            row | {"Share": row["New_Model_Share"], "Change": row["Change"] + row["Model"], "Users": row["Change"]}
            for row in map(dict, rows)
        ]
        parts: Sequence[str] = ("Model", "Users", *words.PARTS)
    elif report.changed_models:
        parts = ()
    else:
        columns += ["Stayed", "Came", "Left"]
        parts = words.PARTS
    largest = max((abs(row["Change"]) for row in rows), default=0.0)
    written = [
        [
            row["Label"],
            n.percent(row["Previous_Share"]),
            n.percent(row["Share"]),
            bar(row["Change"], largest, n.signed_points(row["Change"]), colours[folding(row["Label"])]),
            *(n.signed_points(row[part]) for part in parts),
        ]
        for row in rows
    ]
    return table(caption, columns, written)
