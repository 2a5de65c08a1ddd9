"""Sessions to review: some of each label, and the features that tell the labels apart."""

from collections.abc import Collection, Sequence

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.sessions.session_predictions import LABELS
from flywheel_assets.tables.labels import probability_column

MOST_INTERVALS = 6
"""How far back sessions of a rare label are looked for."""

SEED = 2024


def sessions_to_review(
    flywheel: Flywheel, interval: Interval | None, most: int, labelled: Collection[str]
) -> pd.DataFrame:
    """Up to ``most`` sessions of each label of the model in use, none of them ``labelled``: those of the interval, by
    default of the last one with labels and, for a label that is rarer there, of earlier ones. A label's sessions are
    one of each equal part of its sessions by probability, so that they stand for all of them, the sure and the unsure.

    Columns ``session_id``, ``timestamp_utc``, ``session_quality_label``, ``probability`` of that label, and the
    features. Rows by label, worst first, then by probability, largest first. Empty when all sessions are labelled.

    Raises NotMaterializedError when the interval, or any, has no labels of the model in use."""
    order = flywheel.models["session"].order
    random = np.random.default_rng(SEED)
    chosen: list[pd.DataFrame] = []
    counts = dict.fromkeys(order, 0)
    for one in _labelled_intervals(flywheel, interval):
        rows = flywheel.warehouse.read("session_predictions", one)
        rows = rows.mutate(probability=ibis.greatest(*(rows[probability_column(label)] for label in order)))
        pool = flywheel.engine.collect(rows.select("session_id", "session_quality_label", "probability"))
        pool = pool.filter(pc.invert(pc.is_in(pool["session_id"], pa.array(labelled, pa.string()))))
        pool = pool.sort_by([("probability", "ascending"), ("session_id", "ascending")])
        ids: list[str] = []
        for label, count in counts.items():
            of_label = pool.filter(pc.equal(pool["session_quality_label"], label))["session_id"]
            ranks = one_of_each_part(len(of_label), most - count, random)
            ids += of_label.take(pa.array(ranks, pa.int64())).to_pylist()
            counts[label] += len(ranks)
        if ids:
            shown = ["session_id", "timestamp_utc", "session_quality_label", "probability"]
            wanted = rows.filter(rows.session_id.isin(ids)).select(*shown, *flywheel.models["session"].features)
            chosen.append(flywheel.engine.collect(wanted).to_pandas())
        if min(counts.values()) == most:
            break
    if not chosen:
        return pd.DataFrame()
    found = pd.concat(chosen, ignore_index=True)
    place = found["session_quality_label"].map({label: n for n, label in enumerate(order)})
    return (
        found.assign(place=place)
        .sort_values(["place", "probability", "session_id"], ascending=[True, False, True], ignore_index=True)
        .drop(columns="place")
    )


def one_of_each_part(count: int, parts: int, random: np.random.Generator) -> list[int]:
    """One number of each of ``parts`` equal parts of ``range(count)``, drawn; all of them where there are no more."""
    parts = min(count, parts)
    return [int(random.integers(part * count // parts, (part + 1) * count // parts)) for part in range(parts)]


def telling_features(sessions: pd.DataFrame, features: Sequence[str]) -> list[str]:
    """The features that are not 0 in all of the sessions, first those by which the labels differ most: by the share of
    the variance that lies between labels."""
    values = sessions[[*features]].astype(float).fillna(0)
    means = values.groupby(sessions["session_quality_label"]).transform("mean")
    between = means.var(ddof=0) / values.var(ddof=0).replace(0, np.inf)
    some = [name for name in features if values[name].any()]
    return sorted(some, key=lambda name: -round(float(between[name]), 9))


def _labelled_intervals(flywheel: Flywheel, interval: Interval | None) -> list[Interval]:
    """Those with labels of the model in use, newest first: the one that is asked for, or the last MOST_INTERVALS."""
    version = flywheel.models["session"].version
    made = set(flywheel.warehouse.keys("session_predictions"))
    asked = [interval] if interval else [one for one in flywheel.calendar if one.key in made]
    found = [one for one in asked if one.key in made and _version(flywheel, one) == version]
    if not found:
        where = f"interval {interval.key} ({interval.dates})" if interval else "any interval"
        raise NotMaterializedError(
            f"no session in {where} was labelled by the session model in use, {version}: flywheel run --rescore"
        )
    with_sessions = [one for one in found if flywheel.warehouse.rows("session_predictions", one)]
    return with_sessions[::-1][:MOST_INTERVALS]


def _version(flywheel: Flywheel, interval: Interval) -> str | None:
    made = flywheel.warehouse.generation("session_predictions", interval)
    return made.parameters.get(LABELS.parameter) if made else None
