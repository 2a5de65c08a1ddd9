"""The step that fits after a command, from what it saw."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flywheel_assets.tables.label_verdicts import DRIFT_FROM_BASELINE

if TYPE_CHECKING:
    from flywheel_assets.orchestration.runs import IntervalRun
    from flywheel_assets.users.status import IntervalStatus

USUAL = "flywheel report | flywheel status | flywheel explain USER | flywheel ui"


def next_step(runs: "Sequence[IntervalRun]", labels_wait: str = "") -> str:
    """The last line of a run. After a failure the command that says why; where labels wait, what for. Where the session
    labels of all intervals with users drift from the training baseline, beyond the limit of major drift, the models in
    use do not fit these sessions: the first step to models of one's own. Else what there is to look at."""
    if any(run.failure for run in runs):
        return "next: flywheel status, which says what failed and why; then flywheel run again"
    if labels_wait:
        return labels_wait
    with_users = [run for run in runs if run.number("user_labels", "rows")]
    if with_users and all(map(_drifts, with_users)):
        return (
            f"next: flywheel segments fit. Session labels drift from the training data of the models in all "
            f"{len(with_users)} intervals: the models do not fit these sessions. Otherwise {USUAL}"
        )
    return f"next: {USUAL}"


def step_after_status(statuses: "Iterable[IntervalStatus]", labels_wait: str = "") -> str:
    """The last line of the status: a run where it would make anything; with all done, what labels wait for, or what
    there is to look at; else files that are to land."""
    found = list(statuses)
    if any(status.due or status.state == "failed" for status in found):
        return "next: flywheel run"
    if any(status.state == "done" for status in found):
        return labels_wait or f"next: {USUAL}"
    return "next: land parquet files, then flywheel run"


def _drifts(run: "IntervalRun") -> bool:
    drift = ("session_predictions", DRIFT_FROM_BASELINE.name, "failed")
    return any((check.table, check.check, check.state) == drift for check in run.checks)
