"""What the models of a candidate learn from: labelled rows, whoever labelled them, split by time."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from flywheel_assets.errors import LabelError
from flywheel_assets.registry.bundle import ModelInfo, check_fit
from flywheel_assets.registry.spec import ModelSpec, share_features

VALIDATION_SHARE = 0.2
"""Of the intervals with rows; at least one validates, and at least one trains."""


@dataclass(frozen=True)
class LabelledRows:
    """What one model learns from. ``order`` has its labels, worst to best.

    A model on landed features has ``rows`` with ``user_id``, ``interval_start`` (the interval's key), perhaps
    ``session_id``, the ``features`` float64 and the label, null where nobody labelled. These are all rows of their
    intervals, labelled or not: a model on shares is given the mix of all rows of a user in use, so it learns from such
    mixes, and drift is measured from such a baseline. A model on shares has ``rows`` with ``user_id``,
    ``interval_start`` and the label, one per user and interval that has one.

    ``outcome_features`` are those that the labels were defined by, none for a team's own: a model that sees them agrees
    trivially, so figures are given with and without them. ``from_clusters``: whether rows were labelled by the cluster
    that they are in, which a model then imitates; ``reviewed``: how many of these a person reviewed, by outcome."""

    spec: ModelSpec
    rows: pd.DataFrame
    order: tuple[str, ...]
    features: tuple[str, ...] = ()
    outcome_features: tuple[str, ...] = ()
    from_clusters: bool = False
    reviewed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingData:
    """Rows by model, in the order in which the models are trained; those on landed features have the column ``part``:
    ``training`` for the first ``intervals`` of the range, ``validation`` for the last. ``source`` says in words who
    labelled; ``fingerprint`` is a digest of the rows and labels."""

    models: Mapping[str, LabelledRows]
    source: str
    intervals: tuple[str, ...]
    fingerprint: str

    def __getitem__(self, model: str) -> LabelledRows:
        """What the model of that name learns from. Raises KeyError."""
        return self.models[model]

    @property
    def from_clusters(self) -> tuple[str, ...]:
        """The nouns of rows that were labelled by their cluster."""
        return tuple(one.spec.rows for one in self.models.values() if one.from_clusters)

    @property
    def reviewed(self) -> dict[str, dict[str, int]]:
        """How many of these rows a person reviewed, by their noun and by outcome."""
        return {one.spec.rows: dict(one.reviewed) for one in self.models.values() if one.reviewed}


def training_data(models: Sequence[LabelledRows], source: str) -> TrainingData:
    """The rows sorted, split and checked. Only labels may be null, and an interval has at least one that is not
    (:func:`in_labelled_intervals`); in any order, the same rows always give the same data. Labels of the orders that no
    row has are left out; a model on shares has its features from the labels of the other.

    Raises LabelError for fewer than two intervals, for one label only, and for a label that only the validating
    intervals have; ArtefactError for labels that the models could not have together."""
    landed = [one for one in models if one.spec.shares_of is None]
    keys = tuple(sorted({key for one in landed for key in one.rows["interval_start"]}))
    training = training_intervals(keys)
    learnt: dict[str, LabelledRows] = {}
    for one in models:
        rows = _sorted(one, keys)
        order = _learnt(one.spec, rows.dropna(subset=[one.spec.label]), one.order, training)
        features = one.features
        if one.spec.shares_of is not None:
            features = share_features(learnt[one.spec.shares_of].order)
        learnt[one.spec.name] = replace(one, rows=rows, order=order, features=features)
    check_fit(ModelInfo(one.spec, "", one.features, (), one.order, one.order) for one in learnt.values())
    fingerprint = _fingerprint([*learnt.values()])
    for one in landed:
        rows = learnt[one.spec.name].rows
        parts = rows["interval_start"].isin(training).map({True: "training", False: "validation"})
        learnt[one.spec.name] = replace(learnt[one.spec.name], rows=rows.assign(part=parts))
    return TrainingData(learnt, source, keys, fingerprint)


def training_intervals(keys: Sequence[str]) -> tuple[str, ...]:
    """Those of the keys, oldest first, that train: all but the last ones, which validate. Raises LabelError for fewer
    than two."""
    if len(keys) < 2:
        found = f"one interval, {keys[0]}" if keys else "no interval"
        raise LabelError(
            f"labelled sessions are in {found}; expected two or more, of which the last validates: use a longer range"
        )
    return tuple(keys[: -max(1, round(VALIDATION_SHARE * len(keys)))])


def in_labelled_intervals(rows: pd.DataFrame, label: str) -> pd.DataFrame:
    """The rows of the intervals in which one or more have a label: the others say nothing of how well a model does, and
    would be taken for those that validate."""
    labelled = rows.loc[rows[label].notna(), "interval_start"]
    return rows[rows["interval_start"].isin(labelled)].reset_index(drop=True)


def _sorted(one: LabelledRows, keys: Sequence[str]) -> pd.DataFrame:
    ids = [name for name in ("session_id", "user_id", "interval_start") if name in one.rows]
    table = one.rows.loc[one.rows["interval_start"].isin(keys), [*ids, *one.features, one.spec.label]]
    table = table.sort_values(["interval_start", ids[0]], ignore_index=True)
    table = table.astype(dict.fromkeys(one.features, "float64"))
    labels = table[one.spec.label]
    one_null = [label if given else None for label, given in zip(labels, labels.notna(), strict=True)]
    return table.assign(**{one.spec.label: pd.Series(one_null, dtype=object)})


def _learnt(spec: ModelSpec, rows: pd.DataFrame, order: Sequence[str], training: Sequence[str]) -> tuple[str, ...]:
    """The labels of the order that the training intervals have."""
    learnt = set(rows.loc[rows["interval_start"].isin(training), spec.label])
    later = sorted(set(rows[spec.label]) - learnt)
    if later:
        raise LabelError(
            f"no {spec.rows} labelled {', '.join(later)} in the intervals that train, {training[0]} to {training[-1]}, "
            "only in those that validate: use a longer range, or leave those labels out"
        )
    if len(learnt) < 2:
        found = f"all {len(rows):,} are {learnt.pop()}" if learnt else "none is labelled"
        raise LabelError(f"{spec.rows} need at least two different labels to learn from; {found}")
    return tuple(name for name in order if name in learnt)


def _fingerprint(models: Sequence[LabelledRows]) -> str:
    """16 hexadecimal digits: of the rows, of the columns' names and of the labels in their order."""
    names = [*models[0].rows.columns, *(label for one in models for label in one.order)]
    content = hashlib.sha256("\n".join(names).encode())
    for one in models:
        content.update(pd.util.hash_pandas_object(one.rows, index=False).to_numpy().tobytes())
    return content.hexdigest()[:16]
