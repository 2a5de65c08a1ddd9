"""The page's sections on how far to trust it: drift, checks, trimming, models, and how to read it."""

from flywheel_assets.history.transition_causes import users_by_cause
from flywheel_assets.report import trust_words as words
from flywheel_assets.report import words as sentences
from flywheel_assets.report.page import numbers as n
from flywheel_assets.report.page.content import Report
from flywheel_assets.report.page.html import Html, element
from flywheel_assets.report.page.parts import absent, lead, paragraph, section
from flywheel_assets.report.page.tables import folded, table
from flywheel_assets.tables.verdict import Finding

CAUSE_WORDS = {
    "none": "no move",
    "behaviour": "what users did",
    "model": "the new model",
    "both": "both",
}

STATE_WORDS = {"passed": "Passed", "warned": "Warning", "failed": "Failed"}


def drift(report: Report) -> Html:
    """Verdicts on drift, in words with their numbers, labels first, then features."""
    found = {(finding.table, finding.check): finding for finding in report.findings}
    items = [
        _item(finding, words.DRIFT_CHECKS[pair], words.drift_sentence(finding))
        for pair in words.DRIFT_CHECKS
        if (finding := found.get(pair))
    ]
    if feature := found.get(("session_predictions", "feature_drift")):
        items.append(_item(feature, "Features, against the training data", words.feature_drift_sentence(feature)))
    return section(
        "drift",
        "Has the data drifted?",
        lead(words.drift_in_short(report)),
        element("ul", *items, class_="findings") if items else None,
        paragraph(
            "PSI, the population stability index, says how far two distributions differ: under 0.10 stable, to 0.25 "
            "moderate, above it major. An alarm also needs more than chance alone gives for so few rows.",
            "note",
        ),
    )


def checks(report: Report) -> Html:
    """The checks that did not pass, failed ones first, and all of them in a table."""
    bad = sorted((f for f in report.findings if f.state != "passed"), key=lambda f: (f.state != "failed", f.table))
    said = {f.check: words.feature_drift_sentence(f) for f in bad if f.check == "feature_drift"}
    items = [_item(f, f"{_in_words(f.check)}, of {f.table}", said.get(f.check) or _sentence(f.summary)) for f in bad]
    columns = ("Check", "Table", "Result", "What it found")
    every = [[_in_words(f.check), f.table, _state(f), f.summary] for f in report.findings]
    return section(
        "checks",
        "Checks",
        lead(words.checks_sentence(report)),
        element("ul", *items, class_="findings") if items else None,
        folded(f"All {len(every)} checks", table("All checks of this interval", columns, every, 4)) if every else None,
    )


def trimming(report: Report) -> Html:
    """What trimming removed, and by which feature."""
    if gone := absent(report, "trimmed_sessions"):
        return section("trimming", "Sessions left out as outliers", gone)
    ledger = report.ledger
    if ledger is None:
        return section("trimming", "Sessions left out as outliers", lead("No ledger of the trimming is on record."))
    guarded = any(line["guarded"] for line in ledger.lines())
    rows = [
        [
            line["feature"],
            "guarded" if line["guarded"] else n.count(line["sessions_removed"]),
            n.compact(line["threshold"]),
            n.compact(line["minimum"]),
        ]
        for line in ledger.lines()
    ]
    shown = table(
        "Trimming ledger: sessions above each threshold (one may count for several)",
        ("Feature", "Removed", "Threshold", "Minimum"),
        rows,
    )
    remark = (
        "Guarded: the threshold is the minimum, so trimming by it would remove exactly the sessions with a rare signal."
    )
    trimmed = bool(rows) and not ledger.too_small
    return section(
        "trimming",
        "Sessions left out as outliers",
        lead(words.trimming_sentence(ledger)),
        shown if trimmed else None,
        paragraph(remark, "note") if trimmed and guarded else None,
    )


def models(report: Report) -> Html:
    """Which models gave the labels, and what was the doing of a change of model."""
    now = report.versions.get(report.interval.number, {})
    before = report.versions.get(report.interval.number - 1, {})
    rows = [
        [
            name.capitalize() + " model",
            " and ".join(versions) or n.NOTHING,
            " and ".join(before.get(name, ())) or n.NOTHING,
        ]
        for name, versions in now.items()
    ]
    changed = report.changed_models
    if not rows:
        said = "Nothing is labelled in this interval, so no model spoke."
    elif changed:
        said = (
            f"{sentences.models_changed(report)} Part of the moves between labels is the new models' doing, not the "
            "users'."
        )
    else:
        said = "One version of each model gave all labels, here and before." if before else "One version of each model."
    return section(
        "models",
        "Models",
        lead(said),
        table("Versions of the models", ("Model", "This interval", "Before"), rows, 3) if rows else None,
        *(_causes(report) if changed else ()),
    )


def reading(report: Report) -> Html:
    """How to read the page."""
    best = report.user_order[-1] if report.user_order else "the best"
    worst = report.user_order[0] if report.user_order else "the worst"
    terms = (
        (
            "Interval",
            f"{(report.interval.last_day - report.interval.first_day).days + 1} days, both named ones included.",
        ),
        ("Label", f"What a model makes of a user's sessions in one interval, from {worst} to {best}."),
        ("Absent", "Not a label: who had no session in an interval that others are counted in."),
        (
            "New, came back, stayed, left",
            "Never seen before; seen, but not in the interval before; seen in both; seen before and not now.",
        ),
        ("Retention", "Of the users of the interval before, the share seen again."),
        ("Quick ratio", "Users new or back for each one who left. Above 1 the number of users grows."),
        ("Points", "The difference of two shares in percentage points: from 10% to 12% is +2.0."),
        ("Share of the best label", f"How many of 100 users are {best}."),
    )
    rows = [part for term, text in terms for part in (element("dt", term), element("dd", text))]
    return section("reading", "How to read this page", element("dl", *rows, class_="terms"))


def _causes(report: Report) -> list[Html]:
    """Whose doing the moves between labels are, users by cause; where no table tells, that."""
    if not report.causes:
        return [gone] if (gone := absent(report, "transition_causes")) else []
    counts = users_by_cause(report.causes)
    total = sum(counts.values())
    rows = [[CAUSE_WORDS[cause], n.count(users), n.percent(users / total)] for cause, users in counts.items()]
    names = ("From_Label", "Same_Model_Label", "To_Label")
    triples = [
        [*(row[name] for name in names), CAUSE_WORDS[row["Cause"]], n.count(row["User_Count"])]
        for row in sorted(report.causes, key=lambda row: -row["User_Count"])
    ]
    columns = ("Before", "Now, by the models of then", "Now", "Cause", "Users")
    return [
        table("Users by what their move between labels is due to", ("Due to", "Users", "Share"), rows),
        folded("Each move with its cause", table("Moves and their causes, the largest first", columns, triples, 4)),
    ]


def _item(finding: Finding, title: str, said: str) -> Html:
    return element("li", _state(finding), element("strong", title), element("span", said))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def _state(finding: Finding) -> Html:
    return element("span", STATE_WORDS[finding.state], class_=f"state {finding.state}")


def _in_words(name: str) -> str:
    return name.replace("_", " ").capitalize()
