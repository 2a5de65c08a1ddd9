"""The page's sections on how far to trust it: drift, checks, trimming, models, and how to read it."""

from flywheel_assets.history import trust_sentences
from flywheel_assets.history.page_parts import not_available
from flywheel_assets.history.report_content import Report
from flywheel_assets.history.transition_causes import users_by_cause
from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Blocks, Cell, Findings, Table, Terms, Text

CAUSE_WORDS = {"none": "no move", "behaviour": "what users did", "model": "the new model", "both": "both"}


def drift(report: Report) -> Blocks:
    """Verdicts on drift, in words with their numbers, labels first, then features."""
    by_check = {(finding.table, finding.check): finding for finding in report.findings}
    items = [
        (finding.state, name, trust_sentences.drift_sentence(finding))
        for pair, name in trust_sentences.DRIFT_CHECKS.items()
        if (finding := by_check.get(pair))
    ]
    if feature := by_check.get(("session_predictions", "feature_drift")):
        sentence = trust_sentences.feature_drift_sentence(feature)
        items.append((feature.state, "Features, compared with the training data", sentence))
    note = (
        "PSI, the population stability index, measures how far two distributions differ: under 0.10 is stable, up to "
        "0.25 moderate, above that major. An alert also needs a PSI above what chance alone gives for that many rows."
    )
    return [Text(trust_sentences.drift_in_short(report)), Findings(items) if items else None, Text(note, "note")]


def checks(report: Report) -> Blocks:
    """The checks that did not pass, failed ones first, and all of them in a table."""
    bad = sorted((f for f in report.findings if f.state != "passed"), key=lambda f: (f.state != "failed", f.table))
    items = [(f.state, f"{_in_words(f.check)} ({f.table})", trust_sentences.check_sentence(f)) for f in bad]
    rows: list[list[str | Cell]] = [
        [_in_words(f.check), f.table, Cell("", state=f.state), f.summary] for f in report.findings
    ]
    columns = ("Check", "Table", "Result", "Details")
    every = Table("All checks of this interval", columns, rows, 4, folded=f"All {len(rows)} checks")
    lead = Text(trust_sentences.checks_sentence(report))
    return [lead, Findings(items) if items else None, every if rows else None]


def trimming(report: Report) -> Blocks:
    """What trimming removed, and by which feature."""
    if gone := not_available(report, "trimmed_sessions"):
        return [gone]
    ledger = report.ledger
    if ledger is None:
        return [Text("There is no record of what trimming removed.")]
    lead = Text(trust_sentences.trimming_sentence(ledger))
    lines = ledger.lines()
    if not lines or ledger.too_small:
        return [lead]
    rows = [
        [
            line["feature"],
            "guarded" if line["guarded"] else n.count(line["sessions_removed"]),
            n.compact(line["threshold"]),
            n.compact(line["minimum"]),
        ]
        for line in lines
    ]
    caption = "Sessions above the threshold of each feature (a session may count for several features)"
    note = (
        "Guarded: the threshold equals the minimum, so trimming would remove exactly the sessions with a rare signal."
    )
    guarded = any(line["guarded"] for line in lines)
    table = Table(caption, ("Feature", "Removed", "Threshold", "Minimum"), rows)
    return [lead, table, Text(note, "note") if guarded else None]


def models(report: Report) -> Blocks:
    """Which models gave the labels, and what a change of models did."""
    now, before = (report.versions.get(report.interval.number - back, {}) for back in (0, 1))
    rows = [
        [f"{name.capitalize()} model", *(" and ".join(of.get(name, ())) or n.NOTHING for of in (now, before))]
        for name in now
    ]
    table = Table("Versions of the models", ("Model", "This interval", "Previous interval"), rows, 3)
    causes = _causes(report) if report.changed_models else []
    lead = Text(trust_sentences.models_sentence(report))
    return [lead, table if rows else None, *causes]


def _causes(report: Report) -> Blocks:
    """Users by the cause of their move between labels, or a note that the causes are not known."""
    if not report.causes:
        return [not_available(report, "transition_causes")]
    counts = users_by_cause(report.causes)
    total = sum(counts.values())
    rows = [[CAUSE_WORDS[cause], n.count(users), n.percent(users / total)] for cause, users in counts.items()]
    names = ("From_Label", "Same_Model_Label", "To_Label")
    triples = [
        [*(row[name] for name in names), CAUSE_WORDS[row["Cause"]], n.count(row["User_Count"])]
        for row in sorted(report.causes, key=lambda row: -row["User_Count"])
    ]
    columns = ("Before", "Now, under the previous models", "Now", "Cause", "Users")
    caption = "Moves and their causes, the largest first"
    return [
        Table("Users by the cause of their move between labels", ("Cause", "Users", "Share"), rows),
        Table(caption, columns, triples, 4, folded="Each move with its cause"),
    ]


def reading(report: Report) -> Blocks:
    """How to read the page."""
    best = report.user_order[-1] if report.user_order else "the best"
    worst = report.user_order[0] if report.user_order else "the worst"
    length = (report.interval.last_day - report.interval.first_day).days + 1
    terms = (
        ("Interval", f"{length} days, including the first and the last day named."),
        ("Label", f"What a model says about a user's sessions in one interval, from {worst} to {best}."),
        ("Absent", "Not a label: the user had no session in that interval."),
        ("New", "Never active before."),
        ("Came back", "Active before, but not in the previous interval."),
        ("Stayed", "Active in both intervals."),
        ("Left", "Active in the previous interval, and not in this one."),
        ("Retention", "The share of the previous interval's users who are active in this one too."),
        ("Quick ratio", "Users who are new or came back, per user who left. Above 1, the number of users grows."),
        ("Points", "The difference between two shares, in percentage points: from 10% to 12% is +2.0."),
        ("Share of the best label", f"How many of 100 users are {best}."),
    )
    return [Terms(terms)]


def _in_words(name: str) -> str:
    return name.replace("_", " ").capitalize()
