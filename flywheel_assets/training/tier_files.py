"""The text of `segment_labels.toml`, by which people say what a cluster of sessions is worth. Written once, with a
proposal and its reasons; then it is people's. And what it shares with the file for users (`user_tier_file`)."""

import tomllib
from collections.abc import Iterable, Sequence
from typing import Any

from flywheel_assets.errors import LabelError
from flywheel_assets.features import quoted
from flywheel_assets.training.tiers import LEVEL, Proposal

SEGMENT_LABELS = "segment_labels.toml"


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
        f"segments_version = {quoted(version)}",
        "",
        "[clusters]",
    ]
    for proposal in proposals:
        lines += [f"# {reason}" for reason in _reasons(proposal, proposals, outcome)]
        lines.append(f"{proposal.outcome.cluster} = {quoted(proposal.label)}")
    return "\n".join(lines) + "\n"


def text_of(content: bytes, path: str) -> str:
    """The text of either file. Raises LabelError for one that is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise LabelError(f"{path} is not UTF-8: {error}; save it as UTF-8, or {anew(path)}") from None


def segment_labels_in(text: str, path: str, version: str, ids: Sequence[int], order: Sequence[str]) -> dict[int, str]:
    """The label of each cluster as `segment_labels.toml` says. ``version`` and ``ids`` are those of the fit.

    Raises LabelError for a text that is not of this form, is of another fit, or has a label that the order lacks."""
    found = parsed(text, path)
    clusters = found.get("clusters")
    if not isinstance(clusters, dict) or not all(isinstance(label, str) for label in clusters.values()):
        raise LabelError(f'{path} has no table [clusters] of lines such as 1 = "{order[0]}"; {anew(path)}')
    missing = [str(number) for number in ids if str(number) not in clusters]
    unknown = [name for name in clusters if name not in map(str, ids)]
    if missing or unknown:
        what = [f"lacks cluster {', '.join(missing)}"] * bool(missing) + [
            f"has cluster {', '.join(unknown)}, which the fit does not have"
        ] * bool(unknown)
        raise LabelError(f"{path} {' and '.join(what)}: it belongs to other segments than {version}; {anew(path)}")
    if found.get("segments_version") != version:
        raise LabelError(
            f"{path} is of segments {found.get('segments_version', 'of no version')}, the fit is {version}, with the "
            f'same clusters: if the labels still hold, write segments_version = "{version}" into it; else {anew(path)}'
        )
    held_to(order, clusters.values(), path)
    return {int(name): label for name, label in clusters.items()}


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


def parsed(text: str, path: str) -> dict[str, Any]:
    """Either file's content. Raises LabelError for a text that is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LabelError(f"{path} is not TOML: {error}; correct that line, or {anew(path)}") from None


def held_to(order: Sequence[str], labels: Iterable[str], path: str) -> None:
    """Raises LabelError for a label that the order lacks."""
    unknown = sorted(set(labels) - set(order))
    if unknown:
        raise LabelError(
            f"{path} has the label {', '.join(unknown)}; expected one of {', '.join(order)}. Labels of your own go "
            "into label_order.toml beside it, from worst to best"
        )


def anew(path: str) -> str:
    """What to do for a new proposal."""
    return f"delete {path} and run this again for a new proposal"
