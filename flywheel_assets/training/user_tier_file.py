"""The text of `user_cluster_labels.toml`, by which people say what a session of each label is worth, and from which
worth on a user has a label. Files of an earlier version, which list mixes, are read too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from flywheel_assets.errors import LabelError
from flywheel_assets.features import quoted
from flywheel_assets.training.tier_files import anew, held_to, parsed

USER_CLUSTER_LABELS = "user_cluster_labels.toml"

Orders = tuple[Sequence[str], Sequence[str]]
"""Of session labels and of user labels, each worst to best."""


@dataclass(frozen=True)
class UserTiers:
    """``worths`` of a session, by its label; ``added_sessions`` are worth nothing and count as the user's;
    ``least_worths``: of the users of each label, worst label first. The first holds below its least worth too."""

    worths: Mapping[str, float]
    added_sessions: float
    least_worths: Mapping[str, float]


@dataclass(frozen=True)
class UserCluster:
    """A mix that an earlier version proposed: ``center`` is the share of each session label."""

    id: int
    label: str
    center: Mapping[str, float]


def user_tiers_text(
    tiers: UserTiers,
    reasons: Mapping[str, str],
    warnings: Sequence[str],
    orders: Orders,
    intervals: str,
    labelled_by: str,
) -> str:
    """``reasons``: what the users of each label are like. ``labelled_by``: what gave the session labels."""
    lines = [
        "# Which flywheel label a user gets in an interval: the best one whose least worth the user reaches. A user's",
        "# worth is the mean worth of the user's sessions, and of added_sessions that are worth nothing, so that many",
        "# good sessions are worth more than one. Write added_sessions = 0 if only the mix should count.",
        "# Change the numbers as you see fit: this file is never overwritten. For a new proposal delete it.",
        f"# Proposed from {intervals}: worths from 0 to 1 in even steps, cut where users differ least within a label.",
        *(f"# Look at this: {warning}." for warning in warnings),
        f"# Labels, worst to best: {', '.join(orders[1])}",
        "",
        f"sessions_labelled_by = {quoted(labelled_by)}",
        f"added_sessions = {tiers.added_sessions:g}",
        "",
        "[worths]",
        *(f"{quoted(label)} = {worth:g}" for label, worth in tiers.worths.items()),
        "",
        "[least_worths]",
    ]
    for label, least in tiers.least_worths.items():
        lines += [f"# {reasons[label]}", f"{quoted(label)} = {least:g}"]
    return "\n".join(lines) + "\n"


def user_tiers_in(text: str, path: str, orders: Orders, labelled_by: str) -> UserTiers | list[UserCluster]:
    """What `user_cluster_labels.toml` says: tiers, or the mixes of an earlier version.

    Raises LabelError for a text that is not of this form, for worths or mixes of other session labels or of sessions
    that something else labelled, for worths against the order, and for a label that the order lacks."""
    content = parsed(text, path)
    rule = _mixes(content, path, orders) if "clusters" in content else _tiers(content, path, orders)
    if content.get("sessions_labelled_by") != labelled_by:
        raise LabelError(
            f"{path} is for sessions labelled by {content.get('sessions_labelled_by', 'nobody knows what')}; they are "
            f'now labelled by {labelled_by}: if it still holds, write sessions_labelled_by = "{labelled_by}" into it; '
            f"else {anew(path)}"
        )
    return rule


def _tiers(content: Mapping[str, Any], path: str, orders: Orders) -> UserTiers:
    try:
        worths, least = ({str(k): float(v) for k, v in content[name].items()} for name in ("worths", "least_worths"))
        added = float(content["added_sessions"])
    except (KeyError, TypeError, ValueError, AttributeError):
        worths, least, added = {}, {}, 0.0
    if not least:
        raise LabelError(
            f"{path} needs added_sessions and the tables [worths] and [least_worths], all of numbers; {anew(path)}"
        )
    _held_to_session_labels(worths, f"{path}: [worths]", path, orders[0])
    held_to(orders[1], least, path)
    least = {label: least[label] for label in orders[1] if label in least}
    for name, ascending in (("worths", [worths[label] for label in orders[0]]), ("least_worths", [*least.values()])):
        if not all(low <= high for low, high in pairwise([0.0, *ascending])):
            raise LabelError(
                f"{path}: [{name}] is {', '.join(f'{one:g}' for one in ascending)} from the worst label to the best; "
                "expected numbers from 0 that never fall, or better users would have worse labels"
            )
    if not 0 <= added < float("inf"):
        raise LabelError(f"{path}: added_sessions is {added:g}; expected 0 or more")
    return UserTiers({label: worths[label] for label in orders[0]}, added, least)


def _mixes(content: Mapping[str, Any], path: str, orders: Orders) -> list[UserCluster]:
    try:
        clusters = [
            UserCluster(int(name), entry["label"], {label: float(entry["mix"][label]) for label in entry["mix"]})
            for name, entry in content["clusters"].items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        clusters = []
    if not clusters:
        raise LabelError(f"{path} has no tables [clusters.1] and so on, each with a label and a mix; {anew(path)}")
    for cluster in clusters:
        _held_to_session_labels(cluster.center, f"{path}: the mix of cluster {cluster.id}", path, orders[0])
    held_to(orders[1], (cluster.label for cluster in clusters), path)
    return clusters


def _held_to_session_labels(numbers: Mapping[str, float], what: str, path: str, labels: Sequence[str]) -> None:
    missing = [label for label in labels if label not in numbers]
    unknown = [label for label in numbers if label not in labels]
    if missing or unknown:
        faults = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has {', '.join(unknown)}"] * bool(unknown)
        raise LabelError(f"{what} {' and '.join(faults)}; the session labels are {', '.join(labels)}; {anew(path)}")
