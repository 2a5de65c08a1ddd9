"""Labels that clusters propose, corrected by what a person answered of single sessions."""

from dataclasses import replace

import pandas as pd

from flywheel_assets.training.labels import Labels, Warn
from flywheel_assets.training.training_data import in_labelled_intervals

LEAST_REVIEWED = 3
"""Sessions of a cluster, before its label is called into question."""


def corrected_labels(proposed: Labels, answers: pd.DataFrame, warn: Warn) -> Labels:
    """The labels of clusters, but for the sessions that a person reviewed: with the label that was given or, after a
    plain no to the label that their cluster has, without one. A no to another label leaves the cluster's.
    ``answers``: as :meth:`ReviewedLabels.read`; ``proposed.rows`` have ``cluster``.

    ``warn`` is told of answers on sessions that are not there, and of a cluster of whose reviewed sessions most did
    not keep its label: that label is probably wrong."""
    rows, label = proposed.rows, proposed.rows["session_quality_label"]
    by_session = answers.set_index("session_id")
    given = rows["session_id"].map(by_session["session_quality_label"])
    rejected = rows["session_id"].map(by_session["rejected_label"])
    outcomes = {
        "confirmed": given.eq(label),
        "changed": given.notna() & given.ne(label),
        "left_out": given.isna() & rejected.eq(label),
    }
    reviewed = {outcome: int(rows_of.sum()) for outcome, rows_of in outcomes.items()}
    known = int(rows["session_id"].isin(by_session.index).sum())
    if known < len(answers):
        keys = rows["interval_start"]
        warn(
            f"{len(answers) - known:,} of {len(answers):,} reviewed sessions are not in trimmed_sessions from "
            f"{keys.min()} to {keys.max()}"
        )
    lost = outcomes["changed"] | outcomes["left_out"]
    for cluster, of_cluster in lost[lost | outcomes["confirmed"]].groupby(rows["cluster"]):
        if len(of_cluster) >= LEAST_REVIEWED and of_cluster.mean() > 0.5:
            warn(
                f"of {len(of_cluster):,} reviewed sessions of cluster {cluster}, {of_cluster.sum():,} did not keep its "
                f"label, {label[of_cluster.index[0]]}: if that label is wrong, correct it in {proposed.file}"
            )
    labels = given.where(given.notna(), label).mask(outcomes["left_out"], None)
    in_words = ", ".join(f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in reviewed.items() if count)
    total = sum(reviewed.values())
    return replace(
        proposed,
        rows=in_labelled_intervals(rows.assign(session_quality_label=labels.astype(object)), "session_quality_label"),
        source=f"{proposed.source}, {total:,} of {len(rows):,} sessions reviewed" + (f": {in_words}" if total else ""),
        reviewed=reviewed,
    )
