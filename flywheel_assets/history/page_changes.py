"""The page's section on what changed: the share of each label, and what its change comes from."""

from dataclasses import replace

from flywheel_assets.history import sentences, shift_sentences
from flywheel_assets.history.headlines import Rows
from flywheel_assets.history.page_parts import not_available
from flywheel_assets.history.report_content import Report
from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Blocks, Cell, Table, Text
from flywheel_assets.report.palette import variables

THREE_PARTS = (
    "users who were active in both intervals and changed label (Stayed), users who came with a different mix of labels "
    "than those who stayed (Came), and users who left with a different mix (Left)."
)


def changes(report: Report) -> Blocks:
    """The share of each label, and what its change comes from."""
    if gone := not_available(report, "mix_shift"):
        return [gone]
    if report.previous is None:
        return [Text("This is the first interval with data, so there is nothing to compare it with.")]
    if not report.comparable:
        return [Text(sentences.not_compared(report))]
    known = [row for row in report.shift if row["Change"] is not None]
    if not known:
        return [Text("One of the two intervals has no users, so there is no change to show.")]
    title, note = _caption(report)
    rows = sorted(report.model_shift or known, key=lambda row: -row["Label_Order"])
    lead = Text(" ".join(filter(None, (sentences.models_changed(report), shift_sentences.why(report)))))
    whole = _table(report, rows, title)
    if not report.user_folding.folded:
        return [lead, whole, Text(note, "note")]
    return [
        lead,
        _table(report, [row for row in rows if row["Label"] in report.user_folding.shown], title),
        Text(f"The full table also has the {n.count(len(report.user_folding.folded))} smaller labels.", "note"),
        replace(whole, caption=f"{title}, all labels", folded="All labels"),
        Text(note, "note"),
    ]


def _caption(report: Report) -> tuple[str, str]:
    """The caption of the table of changes, and the note under it."""
    if not report.changed_models:
        title = "Share of users by label, and the three parts of each change, in percentage points"
        return title, f"Every change is the sum of three parts: {THREE_PARTS}"
    if not report.model_shift:
        title = "Share of users by label, in percentage points; other models gave the labels of the previous interval"
        return title, "How much of a change comes from the users and how much from the new models is not known."
    title = "Share of users by label, and how much of each change comes from new models and from users, in points"
    return title, (
        "Every change is the sum of what users did and of what the new models say about the same users. What users did "
        f"is measured under the previous models, and is the sum of three parts: {THREE_PARTS}"
    )


def _table(report: Report, rows: Rows, caption: str) -> Table:
    colours = variables(report.user_folding)
    columns, parts = ["Label", "Before", "Now", "Change"], shift_sentences.PARTS
    if report.model_shift:
        columns += ["From new models", "From users", "Stayed", "Came", "Left"]
        rows = [
            {**row, "Share": row["New_Model_Share"], "Change": row["Change"] + row["Model"], "Users": row["Change"]}
            for row in rows
        ]
        parts = ("Model", "Users", *parts)
    elif report.changed_models:
        parts = ()
    else:
        columns += ["Stayed", "Came", "Left"]
    largest = max((abs(row["Change"]) for row in rows), default=0.0) or 1.0
    written = [
        [
            row["Label"],
            n.percent(row["Previous_Share"]),
            n.percent(row["Share"]),
            Cell(
                n.signed_points(row["Change"]),
                bar=row["Change"] / largest,
                colour=colours[report.user_folding(row["Label"])],
            ),
            *(n.signed_points(row[part]) for part in parts),
        ]
        for row in rows
    ]
    return Table(caption, columns, written)
