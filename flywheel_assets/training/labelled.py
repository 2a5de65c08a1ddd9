"""Labelled sessions and users to train on, whoever labelled them, split by time."""

from dataclasses import dataclass

import pandas as pd

SIMULATED = "the truth of the sample"
"""The ``source`` of data whose intervals are nobody's."""


@dataclass(frozen=True)
class LabelledData:
    """What both models of a candidate learn from.

    ``sessions``: ``session_id``, ``user_id``, ``interval_start`` (the interval's key), the ``features`` float64,
    ``session_quality_label``, null where nobody labelled, and ``part``: ``training`` for the first intervals of the
    range, ``validation`` for the last. All sessions of these intervals, labelled or not: users are given the mix of all
    their sessions in use, so their model learns from such mixes, and drift is measured from such a baseline. ``users``:
    ``user_id``, ``interval_start``, ``user_flywheel_label``, a row a user and interval that has one. The orders are of
    the labels, worst to best. ``source`` says in words who labelled; ``fingerprint`` is a digest of the rows and
    labels. ``outcome_features`` are those that the session labels were defined by, none for a team's own: a model that
    sees them agrees trivially, so figures are given with and without them. ``from_clusters``: which of sessions and
    users were labelled by the cluster that they are in, which a model then imitates."""

    sessions: pd.DataFrame
    users: pd.DataFrame
    features: tuple[str, ...]
    session_order: tuple[str, ...]
    user_order: tuple[str, ...]
    source: str
    intervals: tuple[str, ...]
    fingerprint: str
    outcome_features: tuple[str, ...]
    from_clusters: tuple[str, ...] = ()
