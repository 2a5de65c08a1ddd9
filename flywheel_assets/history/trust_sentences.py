"""How far to trust an interval, in sentences made from the numbers: drift, checks, trimming, models."""

from flywheel_assets.history.report_content import Report
from flywheel_assets.history.sentences import models_changed, not_compared
from flywheel_assets.report.numbers import count, decimal, listed, percent, plural
from flywheel_assets.sessions.trimmed_sessions import Ledger
from flywheel_assets.tables.verdict import Finding

DRIFT_CHECKS = {
    ("session_predictions", "drift_from_baseline"): "Session labels, compared with the training data",
    ("session_predictions", "drift_from_previous"): "Session labels, compared with the previous interval",
    ("user_labels", "drift_from_baseline"): "User labels, compared with the training data",
    ("user_labels", "drift_from_previous"): "User labels, compared with the previous interval",
}

LIMITS = {"stable": "under 0.10", "moderate": "between 0.10 and 0.25", "major": "above 0.25"}


def drift_sentence(finding: Finding) -> str:
    """A verdict on the drift of labels in words with its numbers."""
    numbers = finding.numbers
    if "psi" not in numbers:
        return f"No verdict: {finding.summary}."
    psi, limit, band = decimal(float(numbers["psi"])), decimal(float(numbers["noise_limit"])), str(numbers["band"])
    if band == "stable":
        return f"Stable: a PSI of {psi} is {LIMITS[band]}. Chance alone gives up to {limit}."
    if finding.state == "passed":
        return f"No more than noise: a PSI of {psi} would be {band}, but here chance alone gives up to {limit}."
    return f"{band.capitalize()} drift: a PSI of {psi} is {LIMITS[band]}. Chance alone gives up to {limit}."


def feature_drift_sentence(finding: Finding) -> str:
    """Which features drifted, the largest PSI first, with their numbers."""
    drifted = [d for d in finding.details if d["psi"] > d["noise_limit"] and d["band"] != "stable"]
    if not drifted:
        return f"{finding.summary[:1].upper()}{finding.summary[1:]}."
    drifted.sort(key=lambda d: -d["psi"])
    words = [f"{d['measures']}; " if d.get("measures") else "" for d in drifted]
    told = zip(drifted, words, strict=True)
    features = listed([f"{d['feature']} ({what}PSI {decimal(d['psi'])}, {d['band']})" for d, what in told])
    return f"{count(len(drifted))} of {count(len(finding.details))} features drifted: {features}."


def check_sentence(finding: Finding) -> str:
    """What a check that did not pass has to say."""
    if finding.check == "feature_drift":
        return feature_drift_sentence(finding)
    summary = finding.summary
    return f"{summary[:1].upper()}{summary[1:].rstrip('.')}." if summary else ""


def drift_in_short(report: Report) -> str:
    """The drift of the interval in one sentence."""
    if report.is_incomplete:
        return not_compared(report)
    wanted = [pair for pair in DRIFT_CHECKS if report.comparable or pair[1] != "drift_from_previous"]
    judged = [f for f in report.findings if (f.table, f.check) in wanted and "psi" in f.numbers]
    if not judged:
        return "There is no verdict on drift in this interval."
    drifted = [f for f in judged if f.state != "passed"]
    if not drifted:
        return "The distribution of labels has not drifted."
    worst = max(drifted, key=lambda f: float(f.numbers["psi"]))
    what = DRIFT_CHECKS[worst.table, worst.check].replace(", compared with", " differ from")
    return (
        f"{what} by a PSI of {decimal(float(worst.numbers['psi']))}: read what this page says about labels with care."
    )


def trimming_sentence(ledger: Ledger) -> str:
    """What trimming removed."""
    sessions = plural(ledger.sessions, "session")
    if ledger.too_small:
        return f"No session was removed: with {sessions} the interval is too small to trim, or trimming is off."
    removed, gone = ledger.sessions_removed, ledger.users_vanished
    users = f"{plural(gone, 'user')} had no other session" if gone else "no user lost all sessions"
    return (
        f"{count(removed)} of {sessions} ({percent(ledger.share_removed)}) {'was' if removed == 1 else 'were'} removed "
        f"for exceeding a threshold; {users}."
    )


def checks_sentence(report: Report) -> str:
    """How many checks passed, warned and failed."""
    states = [finding.state for finding in report.findings]
    failed, warned = states.count("failed"), states.count("warned")
    if not states:
        return "There is no record of any check of this interval."
    if not failed and not warned:
        return f"All {len(states)} checks passed."
    bad = [f"{n} {word}" for n, word in ((failed, "failed"), (warned, "warned")) if n]
    return f"Of {len(states)} checks, {' and '.join(bad)}; the others passed."


def models_sentence(report: Report) -> str:
    """Whether one version of each model gave the labels of this interval and of the previous one; and where those are
    proposals made from clusters, that they are."""
    return " ".join(filter(None, (_versions_sentence(report), report.proposed.sentence if report.proposed else "")))


def _versions_sentence(report: Report) -> str:
    if not report.versions.get(report.interval.number):
        return "This interval has no labels, so no model was used."
    if report.changed_models:
        return (
            f"{models_changed(report)} Some of the moves between labels come from the new models, not from the users."
        )
    also = " and of the previous one" if report.versions.get(report.interval.number - 1) else ""
    return f"One version of each model gave all labels of this interval{also}."
