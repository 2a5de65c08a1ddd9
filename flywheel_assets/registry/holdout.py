"""Candidate and champion on the candidate's holdout: rows with known labels that the candidate was not trained on; if
the champion was, a remark says so."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bootstrap import RESAMPLES
from flywheel_assets.registry.bundle import ModelBundle, ModelInfo
from flywheel_assets.registry.comparison import Flips, OnHoldout, paired_metrics
from flywheel_assets.registry.scorer import Scorers
from flywheel_assets.tables.labels import share_column

SEED = 1
"""The seed of the draws of users, so that the same comparison gives the same figures again."""

SIMULATED = "the truth of the sample"
"""The ``source`` in a manifest's ``training`` of data whose intervals are nobody's."""

_KEYS = ["user_id", "interval_start"]


@dataclass(frozen=True)
class Holdout:
    """A table by the name of each model: ``user_id``, ``interval_start`` (the interval's key) and the model's label.

    A model on landed features has them too, float64, and rows with a null label: such a row counts only in the shares
    of its user. One on shares has one row per user and interval; only users with such shares count."""

    tables: Mapping[str, pd.DataFrame]

    @classmethod
    def read(cls, bundle: ModelBundle) -> "Holdout":
        """The holdout beside a candidate. Raises ArtefactError when it is missing, lacks a column or has no label."""
        tables = {}
        for model, info in bundle.models.items():
            path, label = bundle.directory / info.spec.holdout, info.spec.label
            if not path.is_file():
                raise ArtefactError(f"{path} is missing, so there is no truth to compare with; train that bundle again")
            try:
                table = pd.read_parquet(path)
            except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
                raise ArtefactError(f"{path} cannot be read ({str(error).splitlines()[0]}); train again") from None
            missing = [column for column in (*_KEYS, label) if column not in table]
            if missing or table[label].isna().all():
                problem = f"no column {', '.join(missing)}" if missing else "no row with a label"
                raise ArtefactError(f"{path} has {problem}; expected {', '.join(_KEYS)} and {label}; train again")
            tables[model] = table.assign(interval_start=table["interval_start"].astype(str))
        return cls(tables)


@dataclass(frozen=True)
class Scored:
    """What a model predicts for its rows of the holdout: ``probabilities`` [n, C] in its order of labels, and
    ``labels``."""

    rows: pd.DataFrame
    probabilities: npt.NDArray[np.float32]
    labels: npt.NDArray[np.object_]


def scored(scorers: Scorers, holdout: Holdout) -> dict[str, Scored]:
    """Every model of the bundle that the holdout has a table of; one on shares gets those of the same bundle's labels.
    Raises ArtefactError when the holdout has no column for a feature, or one with nulls or infinite values."""
    views: dict[str, Scored] = {}
    for model, info in scorers.bundle.models.items():
        if model not in holdout.tables or info.spec.shares_of not in (None, *views):
            continue
        scorer, table = scorers[model], holdout.tables[model]
        if info.spec.shares_of is not None:
            view = views[info.spec.shares_of]
            shares = user_shares(view.rows, view.labels, scorers[info.spec.shares_of].labels)
            table = table.drop(columns=[*shares.columns.intersection(table.columns)]).merge(
                shares, left_on=_KEYS, right_index=True
            )
        missing = [name for name in scorer.features if name not in table]
        if missing:
            raise ArtefactError(f"the holdout has no column {', '.join(missing)}, which {scorer.version} needs")
        try:
            label, probabilities = scorer.score(table[list(scorer.features)].to_numpy(np.float64))
        except ValueError as error:
            raise ArtefactError(f"the holdout has {error}") from None
        views[model] = Scored(table, probabilities, np.array(scorer.labels, object)[label])
    return views


def user_shares(rows: pd.DataFrame, labels: npt.NDArray[np.object_], order: Sequence[str]) -> pd.DataFrame:
    """``share_<label>`` of each label of ``order`` among the rows of a user in an interval, with ``user_id`` and
    ``interval_start`` as the index: the table `user_distributions` of every interval. ``labels``: one per row."""
    counted = pd.DataFrame({share_column(name): labels == name for name in order}, index=rows.index)
    return counted.groupby([rows[key] for key in _KEYS], sort=False).mean()


def on_holdout(champion: Scorers, candidate: Scorers, holdout: Holdout) -> tuple[list[OnHoldout], list[Flips]]:
    """The figures of each of the candidate's models, and the flips in every interval of the holdout; no flips where the
    champion cannot score it. Raises ArtefactError when the candidate cannot, or doesn't know a label of the truth."""
    new = scored(candidate, holdout)
    try:
        old, problem = scored(champion, holdout), ""
    except ArtefactError as error:
        old, problem = {}, str(error)
    figures: list[OnHoldout] = []
    flips: list[Flips] = []
    for model, info in candidate.bundle.models.items():
        after, before = new[model], old.get(model)
        if after.rows[info.spec.label].isna().all():
            raise ArtefactError(
                f"none of the {info.spec.rows} of the holdout has both features and a label; train that bundle again"
            )
        other = champion.bundle.models.get(model)
        figures.append(_figures(info, after, other, before, problem))
        if before is not None:
            flips += _flips(info.spec.rows, after.rows, before.labels, after.labels)
    return figures, flips


def remarks(champion: ModelBundle, holdout: Holdout) -> list[str]:
    """What a reader of the figures has to know, one sentence each: that the champion learnt from intervals of the
    holdout, if its manifest says so. An adopted bundle's manifest does not say."""
    training = champion.training
    learnt = set(training.get("intervals", ())) - set(training.get("validation_intervals", ()))
    intervals = {key for table in holdout.tables.values() for key in table["interval_start"]}
    both = learnt & intervals
    if not both or training.get("source") == SIMULATED:
        return []
    return [
        f"the champion learnt from {len(both)} of the holdout's {len(intervals)} intervals, so its figures are too good"
    ]


def _figures(
    candidate: ModelInfo, after: Scored, champion: ModelInfo | None, before: Scored | None, problem: str
) -> OnHoldout:
    """``before`` is None where the champion could not score, for the reason ``problem``, or has no such model."""
    level = candidate.spec.rows
    given = after.rows[candidate.spec.label].notna().to_numpy()
    rows = after.rows[given]
    truth = rows[candidate.spec.label]
    true = pd.Index(candidate.labels).get_indexer(pd.Index(truth))
    if (true < 0).any():
        unknown = ", ".join(sorted(map(str, set(truth[true < 0]))))
        raise ArtefactError(f"{level} of the holdout have labels that the candidate doesn't know: {unknown}")
    old = None
    if champion is None:
        problem = f"the champion has no {candidate.spec.name} model"
    elif before is None:
        problem = problem or f"the holdout has no rows for the features of the champion's {candidate.spec.name} model"
    elif set(champion.labels) != set(candidate.labels):
        problem = f"the champion's labels are {', '.join(champion.order)}, the candidate's {', '.join(candidate.order)}"
    else:
        old = before.probabilities[given][:, [champion.labels.index(label) for label in candidate.labels]]
    user, different = pd.factorize(rows["user_id"])
    metrics = paired_metrics(true, after.probabilities[given], old, user, RESAMPLES, SEED)
    return OnHoldout(level, len(rows), len(different), metrics, problem)


def _flips(
    level: str, rows: pd.DataFrame, before: npt.NDArray[np.object_], after: npt.NDArray[np.object_]
) -> Iterator[Flips]:
    """One per interval, oldest first."""
    named = pd.DataFrame({"before": before, "after": after}, dtype=str)
    for interval, labels in named.groupby(rows["interval_start"].to_numpy()):
        counted = labels.groupby(["before", "after"]).size().reset_index(name="count")
        pairs = zip(counted["before"], counted["after"], counted["count"].tolist(), strict=True)
        yield Flips(level, str(interval), False, tuple(pairs))
