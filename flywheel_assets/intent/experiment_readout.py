"""experiment_readout: what came of each arm of the experiments under way, and whether arms may be called different."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flywheel_assets.intent import experiment_assignment, user_days
from flywheel_assets.intent.arm_balance import LEAST_P, ratio_p
from flywheel_assets.intent.experiments import definitions_digest
from flywheel_assets.intent.experiments_file import Experiment
from flywheel_assets.intent.proportions import difference_range
from flywheel_assets.intent.sequential import Looks, looked_at
from flywheel_assets.intervals import Interval
from flywheel_assets.report.numbers import plural
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.significance import wilson
from flywheel_assets.tables.verdict import Check, Number, Verdict, same_count
from flywheel_assets.users import user_labels

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

CONVERSION, BETTER, WORSE, MOVE = "conversion", "better label", "worse label", "label move"
DIFFERENT, NOT_YET, NOT_SHOWN = "different", "not yet", "no difference shown"

CONSERVATION = Check("conservation", "Every assigned user is in one arm of the readout.", blocking=True)
ACTIVE_RATIO = Check(
    "active_ratio",
    f"Users who did anything since are of all arms alike (chi-squared, p at least {LEAST_P}; warning).",
)


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {
        "experiments": definitions_digest(flywheel, lambda one: one.under_way(interval)),
        "interval": "closed" if flywheel.closed(interval) else "open",
    }


TABLE = Table(
    "experiment_readout",
    "experiment, arm and measure",
    "Conversion and label moves by arm, of the experiments under way. Empty until the interval is closed.",
    (user_days.TABLE,),
    (
        Column("experiment", "string", "The experiment."),
        Column("arm", "string", "The arm; hold_out for users whom no arm got."),
        Column("measure", "string", f"{CONVERSION}, {BETTER}, {WORSE}, or {MOVE}: one row per pair of labels."),
        Column("from_label", "string", f"Of a {MOVE}: the label at the assignment. Else null."),
        Column("to_label", "string", f"Of a {MOVE}: the label in this interval. Else null."),
        Column("look", "int32", "Which interval of the experiment it is, from 1."),
        Column("looks", "int32", "How many it has in all."),
        Column("users", "int64", f"Users of the arm; of a {MOVE} those with the from_label."),
        Column("active_users", "int64", "Of the arm, users with an event since the assignment."),
        Column("counted", "int64", "Users who did it: converted since the assignment, or have such a label now."),
        Column("rate", "float64", "counted / users; null without users."),
        Column("rate_low", "float64", "The 95 % interval of the rate (Wilson)."),
        Column("rate_high", "float64", "Its upper end."),
        Column("difference", "float64", "The rate less that of the control; null for the control and hold_out."),
        Column("difference_low", "float64", "Its 95 % interval (Newcombe), for one look."),
        Column("difference_high", "float64", "Its upper end."),
        Column("adjusted_difference", "float64", "The difference less what users were like before (CUPED)."),
        Column("adjusted_low", "float64", f"Its 95 % interval; of {CONVERSION} valid at every look."),
        Column("adjusted_high", "float64", "Its upper end."),
        Column("variance_reduction", "float64", "The share of the variance that the adjustment takes away."),
        Column("verdict", "string", f"Of {CONVERSION}: {DIFFERENT}, {NOT_YET}, or at the last look {NOT_SHOWN}."),
        Column("since", "string", f"The key of the interval in which the arm was first {DIFFERENT}; null if never."),
    ),
    earlier=(experiment_assignment.TABLE, user_days.TABLE),
    optional=(user_labels.TABLE,),
    used=experiment_assignment.TABLE.used,
    waits=lambda flywheel: flywheel.intent.experiments_wait,
    checks=(CONSERVATION, ACTIVE_RATIO),
    parameters=_parameters,
)

Row = dict[str, Any]


def readout(
    experiment: Experiment, cohort: pd.DataFrame, order: Sequence[str] | None, keys: Sequence[str]
) -> list[Row]:
    """The rows of an experiment at its latest look.

    ``cohort``: one row per assigned user, with ``arm``, ``score``, ``from_label``, and where ``order`` is given
    ``to_label`` of the latest look; ``did_0`` to ``did_<look>``: whether the user has an event of the outcome in the
    interval of the assignment, and in that of each look, null without any event in it. ``order``: the labels from worst
    to best; None where there are none, and so no rows about them. :data:`ABSENT` is below the worst; a label that only
    another model had is neither better nor worse. ``keys``: of the interval of the assignment, and of each look.

    The adjustment is by the outcome of the interval before, the score and the label at the assignment."""
    places = {arm: i for i, arm in enumerate(experiment.shares)}
    arms = np.array(cohort["arm"].map(places), np.int64)
    compared = arms < len(experiment.arms)
    did = cohort[[name for name in cohort.columns if name.startswith("did_")]]
    outcome = did.eq(True).to_numpy(bool)
    ranks = {label: float(i) for i, label in enumerate((ABSENT, *(order or ())))}
    before = cohort["from_label"].map(ranks).to_numpy(float)
    known = [cohort["score"].to_numpy(float), before]
    covariates = np.nan_to_num(np.column_stack([outcome[:, 0], *known]))
    measures = {CONVERSION: np.logical_or.accumulate(outcome[:, 1:], axis=1)}
    if order is not None:
        after = cohort["to_label"].map(ranks).to_numpy(float)
        measures |= {BETTER: (after > before)[:, None], WORSE: (after < before)[:, None]}
    active = np.bincount(arms, did.iloc[:, 1:].notna().any(axis=1).to_numpy(float), len(experiment.shares))
    common = {"experiment": experiment.name, "look": outcome.shape[1] - 1, "looks": experiment.looks}
    rows: list[Row] = []
    for measure, outcomes in measures.items():
        looks = experiment.looks if measure == CONVERSION else 1
        seen = looked_at(outcomes[compared], arms[compared], covariates[compared], len(experiment.arms), looks)
        for arm, row in enumerate(_rates(outcomes[:, -1], arms, experiment)):
            adjusted = _adjusted(seen, arm - 1) if 0 < arm < len(experiment.arms) else {}
            judged = _verdict(seen, arm - 1, looks, keys) if adjusted and measure == CONVERSION else {}
            rows.append({**common, "measure": measure, "active_users": int(active[arm]), **row, **adjusted, **judged})
    pairs = cohort[["from_label", "to_label"]].drop_duplicates() if order is not None else cohort.iloc[:0, :2]
    for from_label, to_label in sorted(pairs.itertuples(index=False, name=None)):
        begun = (cohort["from_label"] == from_label).to_numpy()
        of_pair = {**common, "measure": MOVE, "from_label": from_label, "to_label": to_label}
        moved = (cohort["to_label"] == to_label).to_numpy()[begun]
        shown = _rates(moved, arms[begun], experiment)
        rows += [{**of_pair, "active_users": int(active[arm]), **row} for arm, row in enumerate(shown)]
    return [{column.name: row.get(column.name) for column in TABLE.columns} for row in rows]


def _rates(outcome: npt.NDArray[np.bool_], arms: npt.NDArray[np.int64], experiment: Experiment) -> list[Row]:
    """Per arm, and hold_out if there is one: users, rate, and the difference from the control, with intervals."""
    count = len(experiment.shares)
    users = np.bincount(arms, minlength=count).tolist()
    counted = np.bincount(arms, outcome.astype(float), count).astype(int).tolist()
    rows: list[Row] = []
    for arm, name in enumerate(experiment.shares):
        row: Row = {"arm": name, "users": users[arm], "counted": counted[arm]}
        if users[arm]:
            low, high = wilson(counted[arm], users[arm])
            row |= {"rate": counted[arm] / users[arm], "rate_low": low, "rate_high": high}
        if users[arm] and users[0] and 0 < arm < len(experiment.arms):
            low, high = difference_range(counted[arm], users[arm], counted[0], users[0])
            difference = counted[arm] / users[arm] - counted[0] / users[0]
            row |= {"difference": difference, "difference_low": low, "difference_high": high}
        rows.append(row)
    return rows


def _adjusted(seen: Looks, arm: int) -> Row:
    """The adjusted difference at the latest look. Its interval is as wide as the bound of that look; without one, as
    with too few users, there is none."""
    difference, error = seen.differences.difference[-1, arm], seen.differences.error[-1, arm]
    if not seen.enough[-1] or not np.isfinite(difference):
        return {"adjusted_difference": None}
    half = error * seen.bounds[-1]
    shown: Row = {
        "adjusted_difference": float(difference),
        "variance_reduction": float(seen.differences.variance_reduction[-1]),
    }
    if np.isfinite(half):
        shown |= {"adjusted_low": float(difference - half), "adjusted_high": float(difference + half)}
    return shown


def _verdict(seen: Looks, arm: int, looks: int, keys: Sequence[str]) -> Row:
    since = seen.since[arm]
    if since is not None:
        return {"verdict": DIFFERENT, "since": keys[since + 1]}
    return {"verdict": NOT_SHOWN if len(seen.enough) == looks else NOT_YET}


def verdicts(rows: Sequence[Mapping[str, Any]], assigned: Mapping[str, int]) -> list[Verdict]:
    """Both checks. ``assigned``: users of experiment_assignment by experiment, of those under way."""
    conversions = [row for row in rows if row["measure"] == CONVERSION]
    kept = same_count(
        CONSERVATION.name, sum(row["users"] for row in conversions), sum(assigned.values()), "users here and assigned"
    )
    wrong, table = list[str](), list[dict[str, Number]]()
    for name in sorted(assigned):
        arms = [row for row in conversions if row["experiment"] == name]
        users = sum(row["users"] for row in arms)
        p = ratio_p([row["active_users"] for row in arms], [row["users"] / users for row in arms]) if users else 1.0
        table += [{key: row[key] for key in ("experiment", "arm", "users", "active_users")} for row in arms]
        if p < LEAST_P:
            wrong.append(f"{name}: p = {p:.1g}, so the arms change who is active, or events of some are lost")
    summary = "; ".join(wrong) or f"active users are of all arms alike in {plural(len(assigned), 'experiment')}"
    return [kept, Verdict(ACTIVE_RATIO.name, not wrong, summary, "WARN", {"experiments": len(assigned)}, table)]
