"""How far to trust an interval, in sentences made from the numbers: drift, checks, trimming."""

from flywheel_assets.report.page.content import Report
from flywheel_assets.report.page.numbers import count, decimal, listed, percent, plural
from flywheel_assets.sessions.trimmed_sessions import Ledger
from flywheel_assets.tables.verdict import Finding

DRIFT_CHECKS = {
    ("session_predictions", "drift_from_baseline"): "Session labels, against the training data",
    ("session_predictions", "drift_from_previous"): "Session labels, against the previous interval",
    ("user_labels", "drift_from_baseline"): "User labels, against the training data",
    ("user_labels", "drift_from_previous"): "User labels, against the previous interval",
}


def drift_sentence(finding: Finding) -> str:
    """A verdict on the drift of labels in words with its numbers."""
    numbers = finding.numbers
    if "psi" not in numbers:
        return f"No verdict: {finding.summary}."
    psi, limit, band = float(numbers["psi"]), float(numbers["noise_limit"]), numbers["band"]
    limits = {"stable": "under 0.10", "moderate": "between 0.10 and 0.25", "major": "above 0.25"}[str(band)]
    chance = f"chance alone gives up to {decimal(limit)}"
    if band == "stable":
        return f"Stable: PSI {decimal(psi)}, {limits}; {chance} with so many."
    if finding.state == "passed":
        return f"Not more than noise: PSI {decimal(psi)} would be {band}, but {chance} with so few."
    return f"{str(band).capitalize()} drift: PSI {decimal(psi)}, {limits}, and {chance}."


def feature_drift_sentence(finding: Finding) -> str:
    """Which features drifted, the furthest first, with their numbers."""
    drifted = [d for d in finding.details if d["psi"] > d["noise_limit"] and d["band"] != "stable"]
    if not drifted:
        return finding.summary[:1].upper() + finding.summary[1:] + "."
    ordered = sorted(drifted, key=lambda d: -d["psi"])
    said = listed([f"{d['feature']} (PSI {decimal(d['psi'])}, {d['band']})" for d in ordered])
    return f"{count(len(drifted))} of {count(len(finding.details))} features drifted: {said}."


def drift_in_short(report: Report) -> str:
    """The drift of the interval in one sentence."""
    found = [f for f in report.findings if (f.table, f.check) in DRIFT_CHECKS]
    judged = [f for f in found if "psi" in f.numbers]
    if not judged:
        return "There is no verdict on drift in this interval."
    drifted = [f for f in judged if f.state != "passed"]
    if not drifted:
        return "The labels are distributed as the models expect, and as they were before."
    worst = max(drifted, key=lambda f: float(f.numbers["psi"]))
    what = DRIFT_CHECKS[worst.table, worst.check].replace(", against", " differ from").lower().capitalize()
    return f"{what} by a PSI of {decimal(float(worst.numbers['psi']))}: take what this page says of labels with care."


def trimming_sentence(ledger: Ledger) -> str:
    """What trimming removed."""
    sessions = plural(ledger.sessions, "session")
    if ledger.too_small:
        return f"None: with {sessions} the interval is too small to trim, or trimming is off."
    removed, gone = ledger.sessions_removed, ledger.users_vanished
    users = f"{plural(gone, 'user')} who had no other session" if gone else "no user as a whole"
    return (
        f"{count(removed)} of {sessions} ({percent(ledger.share_removed)}) {'was' if removed == 1 else 'were'} left "
        f"out for lying above a threshold, and with them {users}."
    )


def checks_sentence(report: Report) -> str:
    """How many checks passed, warned and failed."""
    states = [finding.state for finding in report.findings]
    failed, warned = states.count("failed"), states.count("warned")
    if not states:
        return "No check of this interval is on record."
    if not failed and not warned:
        return f"All {len(states)} checks passed."
    said = [f"{n} {word}" for n, word in ((failed, "failed"), (warned, "warned")) if n]
    return f"Of {len(states)} checks {' and '.join(said)}; the others passed."
