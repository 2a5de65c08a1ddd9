"""Labels of users from the sessions that they have: tiers proposed once, then by `user_cluster_labels.toml`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis
import numpy as np
import pandas as pd

from flywheel_assets.errors import LabelError
from flywheel_assets.tables.labels import share_column
from flywheel_assets.training.mix_tiers import (
    ADDED_SESSIONS,
    FloatArray,
    disorder,
    even_worths,
    least_worths,
    worths_of,
)
from flywheel_assets.training.tier_files import text_of
from flywheel_assets.training.user_tier_file import Orders, UserCluster, UserTiers, user_tiers_in, user_tiers_text
from flywheel_assets.users.user_distributions import user_distributions
from flywheel_assets.warehouse.files import write_whole


@dataclass(frozen=True)
class UserLabels:
    """``rows``: ``user_id``, ``interval_start``, ``user_flywheel_label``. ``tiers``: one line per label that any user
    has, worst first, as a table in the UI has it. ``warnings``: where a better label goes to a worse mix or to less
    activity."""

    rows: pd.DataFrame
    tiers: Sequence[dict[str, object]]
    warnings: Sequence[str]


def user_labels(
    sessions: pd.DataFrame, training: Sequence[str], orders: Orders, labelled_by: str, path: Path, write: bool = True
) -> UserLabels:
    """The label of each user in each interval as ``path`` says; where it is not there a proposal from the ``training``
    intervals, which is written unless ``write`` is false. ``sessions``: ``user_id``, ``interval_start``,
    ``session_quality_label``; ``labelled_by``: what gave the session labels.

    The tiers are in the file, so that the same sessions have the same labels whatever range is asked for later.
    Raises LabelError for users that cannot be told apart, and for a file that does not fit the orders or is for
    sessions that something else labelled."""
    users = _distributions(sessions, orders[0])
    if path.is_file():
        rule = user_tiers_in(text_of(path.read_bytes(), str(path)), str(path), orders, labelled_by)
        return _labelled(users, rule, orders)
    seen = users[users["interval_start"].isin(training)]
    proposal = _proposal(seen, orders)
    if write:
        found, keys = _labelled(seen, proposal, orders), seen["interval_start"]
        reasons = {str(line["label"]): _reason(line, orders[0]) for line in found.tiers}
        intervals = f"{len(seen):,} users and intervals, {keys.min()} to {keys.max()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = user_tiers_text(proposal, reasons, found.warnings, orders, intervals, labelled_by)
        write_whole(path, text.encode())
    return _labelled(users, proposal, orders)


def _proposal(users: pd.DataFrame, orders: Orders) -> UserTiers:
    shares, worths = _shares(users, orders[0]), even_worths(orders[0])
    found = worths_of(shares, users["sessions"].to_numpy(), [*worths.values()], ADDED_SESSIONS)
    if len(np.unique(shares, axis=0)) < 2 or len(np.unique(found)) < 2:
        raise LabelError(
            f"all {len(users):,} users have the same mix of session labels, or mixes of the same worth, so that they "
            "cannot be told apart; label users of your own, or use a longer range"
        )
    return UserTiers(worths, ADDED_SESSIONS, least_worths(found, orders[1]))


def _labelled(users: pd.DataFrame, rule: UserTiers | list[UserCluster], orders: Orders) -> UserLabels:
    shares, sessions = _shares(users, orders[0]), users["sessions"].to_numpy()
    if isinstance(rule, UserTiers):
        worths = worths_of(shares, sessions, [*rule.worths.values()], rule.added_sessions)
        position = np.searchsorted([*rule.least_worths.values()], worths, "right") - 1
        names, position = [*rule.least_worths], np.maximum(position, 0)
    else:
        centers = np.array([[cluster.center[label] for label in orders[0]] for cluster in rule])
        position = ((shares[:, None, :] - centers[None]) ** 2).sum(axis=2).argmin(axis=1)
        names = [cluster.label for cluster in rule]
    labels = np.array(names, dtype=object)[position]
    tiers: list[dict[str, object]] = [
        {
            "label": label,
            "users": int((labels == label).sum()),
            "median_sessions": float(np.median(sessions[labels == label])),
            **dict(zip(orders[0], shares[labels == label].mean(axis=0).tolist(), strict=True)),
        }
        for label in orders[1]
        if (labels == label).any()
    ]
    rows = users[["user_id", "interval_start"]].assign(user_flywheel_label=labels)
    return UserLabels(rows, tiers, disorder(labels, orders[1], shares, sessions, orders[0]))


def _reason(tier: dict[str, object], session_labels: Sequence[str]) -> str:
    mix = ", ".join(f"{tier[label]:.0%} {label}" for label in session_labels)
    return f"{tier['users']:,} users and intervals, median sessions {tier['median_sessions']:g}; {mix}"


def _distributions(sessions: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """user_distributions of every interval, with ``interval_start``, by interval and user."""
    engine = ibis.duckdb.connect()
    found = []
    for key, rows in sessions.groupby("interval_start"):
        table = ibis.memtable(rows[["user_id", "session_quality_label"]])
        found.append(engine.to_pandas(user_distributions(table, labels)).assign(interval_start=key))
    return pd.concat(found).sort_values(["interval_start", "user_id"], ignore_index=True)


def _shares(users: pd.DataFrame, labels: Sequence[str]) -> FloatArray:
    return users[[share_column(label) for label in labels]].to_numpy(np.float64)
