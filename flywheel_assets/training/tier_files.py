"""The text of the two small files by which people say what a cluster is worth: `segment_labels.toml` for clusters of
sessions, `user_cluster_labels.toml` for clusters of users. Written once, with a proposal and its reasons; then they are
people's."""

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_assets.errors import LabelError
from flywheel_assets.training.tiers import LEVEL, Proposal

SEGMENT_LABELS, USER_CLUSTER_LABELS = "segment_labels.toml", "user_cluster_labels.toml"


@dataclass(frozen=True)
class UserCluster:
    """A cluster of users by the mix of their sessions' labels: ``center`` is the share of each session label."""

    id: int
    label: str
    center: Mapping[str, float]


def segment_text(
    proposals: Sequence[Proposal],
    order: Sequence[str],
    outcome: str | None,
    depth: Sequence[str],
    intervals: str,
    version: str,
) -> str:
    """`segment_labels.toml` for a fit of that version. ``depth``: the features that depth is made of; ``intervals``:
    what was looked at, in words."""
    by = f"the share of their sessions with {outcome} above 0" if outcome else "depth, there being no outcome"
    lines = [
        "# Which quality each cluster of sessions stands for. Change the labels as you see fit: this file is never",
        "# overwritten. For a new proposal, or for clusters of another fit, delete it.",
        f"# Proposed from {intervals}: clusters ordered by {by}.",
        f"# Rates that differ no more than chance alone would ({LEVEL:.0%}, two proportions) tie, and depth decides:",
        f"# how far {', '.join(depth)} lie above the mean of all sessions, in standard deviations.",
        f"# Labels, worst to best: {', '.join(order)}",
        "",
        f"segments_version = {_quoted(version)}",
        "",
        "[clusters]",
    ]
    for proposal in proposals:
        lines += [f"# {reason}" for reason in _reasons(proposal, proposals, outcome)]
        lines.append(f"{proposal.outcome.cluster} = {_quoted(proposal.label)}")
    return "\n".join(lines) + "\n"


def text_of(content: bytes, path: str) -> str:
    """The text of either file. Raises LabelError for one that is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise LabelError(f"{path} is not UTF-8: {error}; save it as UTF-8, or {_anew(path)}") from None


def segment_labels_in(text: str, path: str, version: str, ids: Sequence[int], order: Sequence[str]) -> dict[int, str]:
    """The label of each cluster as `segment_labels.toml` says. ``version`` and ``ids`` are those of the fit.

    Raises LabelError for a text that is not of this form, is of another fit, or has a label that the order lacks."""
    found = _parsed(text, path)
    clusters = found.get("clusters")
    if not isinstance(clusters, dict) or not all(isinstance(label, str) for label in clusters.values()):
        raise LabelError(f'{path} has no table [clusters] of lines such as 1 = "{order[0]}"; {_anew(path)}')
    missing = [str(number) for number in ids if str(number) not in clusters]
    unknown = [name for name in clusters if name not in map(str, ids)]
    if missing or unknown:
        what = [f"lacks cluster {', '.join(missing)}"] * bool(missing) + [
            f"has cluster {', '.join(unknown)}, which the fit does not have"
        ] * bool(unknown)
        raise LabelError(f"{path} {' and '.join(what)}: it belongs to other segments than {version}; {_anew(path)}")
    if found.get("segments_version") != version:
        raise LabelError(
            f"{path} is of segments {found.get('segments_version', 'of no version')}, the fit is {version}, with the "
            f'same clusters: if the labels still hold, write segments_version = "{version}" into it; else {_anew(path)}'
        )
    _held_to(order, clusters.values(), path)
    return {int(name): label for name, label in clusters.items()}


def user_cluster_text(
    clusters: Sequence[UserCluster],
    users: Sequence[int],
    qualities: Sequence[float],
    orders: tuple[Sequence[str], Sequence[str]],
    intervals: str,
    labelled_by: str,
) -> str:
    """`user_cluster_labels.toml`. ``users`` and ``qualities``, one per cluster: users times intervals, and mean quality
    from 1 to the number of session labels. ``orders``: of session labels and of user labels. ``labelled_by``: what gave
    the session labels that are mixed."""
    lines = [
        "# Which flywheel label each cluster of users stands for. A user belongs to the cluster whose mix of session",
        "# labels is nearest. Change labels, or mixes, as you see fit: this file is never overwritten. For a new",
        "# proposal delete it.",
        f"# Proposed from {intervals}: K-Means, ordered by the mean quality of sessions, from 1, {orders[0][0]}, to "
        f"{len(orders[0])}, {orders[0][-1]}.",
        f"# Labels, worst to best: {', '.join(orders[1])}",
        "",
        f"sessions_labelled_by = {_quoted(labelled_by)}",
    ]
    for cluster, count, quality in zip(clusters, users, qualities, strict=True):
        mix = ", ".join(f"{_quoted(label)} = {share:.4f}" for label, share in cluster.center.items())
        lines += ["", f"[clusters.{cluster.id}]", f"# {count:,} users and intervals, mean quality {quality:.2f}"]
        lines += [f"label = {_quoted(cluster.label)}", f"mix = {{ {mix} }}"]
    return "\n".join(lines) + "\n"


def user_clusters_in(
    text: str, path: str, orders: tuple[Sequence[str], Sequence[str]], labelled_by: str
) -> list[UserCluster]:
    """The clusters of `user_cluster_labels.toml`. Raises LabelError for a text that is not of this form, for mixes of
    other session labels or of sessions that something else labelled, and for a label that the order lacks."""
    whole = _parsed(text, path)
    found = whole.get("clusters")
    try:
        clusters = [
            UserCluster(int(name), entry["label"], {label: float(entry["mix"][label]) for label in entry["mix"]})
            for name, entry in (found or {}).items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        clusters = []
    if not clusters:
        raise LabelError(f"{path} has no tables [clusters.1] and so on, each with a label and a mix; {_anew(path)}")
    for cluster in clusters:
        missing = [label for label in orders[0] if label not in cluster.center]
        unknown = [label for label in cluster.center if label not in orders[0]]
        if missing or unknown:
            what = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has {', '.join(unknown)}"] * bool(unknown)
            raise LabelError(
                f"{path}: the mix of cluster {cluster.id} {' and '.join(what)}; the session labels are "
                f"{', '.join(orders[0])}; {_anew(path)}"
            )
    if whole.get("sessions_labelled_by") != labelled_by:
        raise LabelError(
            f"{path} has mixes of sessions labelled by {whole.get('sessions_labelled_by', 'nobody knows what')}; they "
            f'are now labelled by {labelled_by}: if the mixes still hold, write sessions_labelled_by = "{labelled_by}" '
            f"into it; else {_anew(path)}"
        )
    _held_to(orders[1], (cluster.label for cluster in clusters), path)
    return clusters


def _reasons(proposal: Proposal, all_of_them: Sequence[Proposal], outcome: str | None) -> list[str]:
    """Why a cluster is proposed with its label, one line per reason."""
    of = proposal.outcome
    if not of.sessions:
        return [of.description, "no sessions in these intervals"]
    tied = [
        str(p.outcome.cluster) for p in all_of_them if p.step == proposal.step and p.outcome.sessions and p != proposal
    ]
    rate = f"{of.conversions:,} of {of.sessions:,} sessions with {outcome} ({of.rate:.2%})" if outcome else ""
    parts = [rate or f"{of.sessions:,} sessions", f"depth {of.depth:+.2f}"]
    return [of.description, ", ".join(parts) + (f"; tied with {', '.join(tied)}" if tied and outcome else "")]


def _parsed(text: str, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LabelError(f"{path} is not TOML: {error}; correct that line, or {_anew(path)}") from None


def _held_to(order: Sequence[str], labels: Iterable[str], path: str) -> None:
    unknown = sorted(set(labels) - set(order))
    if unknown:
        raise LabelError(
            f"{path} has the label {', '.join(unknown)}; expected one of {', '.join(order)}. Labels of your own go "
            "into label_order.toml beside it, from worst to best"
        )


def _anew(path: str) -> str:
    return f"delete {path} and run this again for a new proposal"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
