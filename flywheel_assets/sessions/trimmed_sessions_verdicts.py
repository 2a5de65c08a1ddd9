"""Verdicts on trimmed_sessions: both follow from the ledger."""

import math
from decimal import Decimal
from fractions import Fraction

from flywheel_assets.sessions.trimmed_sessions import Ledger
from flywheel_assets.tables.verdict import Check, Verdict

SHARE_REMOVED = Check("share_removed", "No more sessions went than the quantile can explain.")
GUARDS = Check("guards", "No guard held: every feature was trimmed by, and the interval was large enough (warning).")
CHECKS = (SHARE_REMOVED, GUARDS)


def share_removed(ledger: Ledger, rows: int, quantile: Decimal) -> Verdict:
    """Fails when ``rows`` is not what the ledger leaves, or when a feature removed more than the quantile allows: of n
    values at most ceil((1 - q) * (n - 1)) lie above their linearly interpolated q-quantile."""
    most = math.ceil((1 - Fraction(quantile)) * max(ledger.sessions - 1, 0))
    over = {name: n for name, n in ledger.removed.items() if n > most}
    lost = ledger.sessions - ledger.sessions_removed - rows
    faults = [f"{name} removed {n:,}, the quantile explains at most {most:,}" for name, n in over.items()]
    faults += [f"{lost:+,} sessions that the ledger does not account for"] if lost else []
    return Verdict(
        SHARE_REMOVED.name,
        not faults,
        "; ".join(faults)
        or f"{ledger.sessions_removed:,} of {ledger.sessions:,} sessions removed ({ledger.share_removed:.2%}), by no "
        f"feature more than {most:,}",
        numbers={
            "sessions_removed": ledger.sessions_removed,
            "share_removed": ledger.share_removed,
            "most_by_one_feature": most,
        },
    )


def guards(ledger: Ledger, least: int | None) -> Verdict:
    """Warns when a guard held, naming it."""
    held = [t.feature for t in ledger.thresholds if t.guarded]
    if ledger.too_small:
        wanted = "trimming is off (quantile 1)" if least is None else f"trimming begins at {least:,}"
        summary = f"{ledger.sessions:,} sessions: {wanted}, so none was trimmed"
    elif held:
        summary = f"not trimmed by {', '.join(held)}: the threshold equals the minimum"
    else:
        summary = "every feature was trimmed by"
    passed = not held and not ledger.too_small
    return Verdict(
        GUARDS.name, passed, summary, "WARN", {"features_guarded": len(held), "too_small": int(ledger.too_small)}
    )
