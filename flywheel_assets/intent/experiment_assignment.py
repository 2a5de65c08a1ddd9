"""experiment_assignment: which users are in which arm of the experiments that begin in an interval, and how alike the
arms are."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from flywheel_assets.intent import intent_scores, user_features
from flywheel_assets.intent.allocation import allocated
from flywheel_assets.intent.arm_balance import BALANCE, SAMPLE_RATIO
from flywheel_assets.intent.experiments import definitions_digest
from flywheel_assets.intent.experiments_file import HOLD_OUT, Experiment
from flywheel_assets.intervals import Interval
from flywheel_assets.report.numbers import listed, plural
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, Table, wrong_columns
from flywheel_assets.tables.generation import digest_of_all
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.users import user_labels

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

CONTRACT = Check("contract", "Columns and types match; one row per experiment and user; no null.", blocking=True)
EXCLUSIVE = Check("exclusive", "Exclusive experiments that overlap in time share no user.", blocking=True)
DEFINED = Check("defined", "Every experiment that begins can be as experiments.toml says; others go on without it.")
IN_TIME = Check("in_time", "Users were assigned before the first interval that is read out had ended (warning).")
EVERY_ARM = Check("every_arm", "Every arm of an experiment that begins has a user (warning).")


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    parameters = {
        "experiments": definitions_digest(flywheel, lambda one: one.assign == interval),
        "interval": "closed" if flywheel.closed(interval) else "open",
    }
    # An experiment that was refused because of an earlier one is tried again once that one's table changes.
    others = flywheel.intent.experiments
    here = [one for one in others.values() if one.assign == interval]
    needed = {
        other.assign.key
        for one in here
        for other in others.values()
        if other.assign.number < interval.number and (other.name in one.leave_out or one.overlaps(other))
    }
    if needed:
        digests = (flywheel.lineage.stored_digest(TABLE, flywheel.calendar.key(key)) for key in sorted(needed))
        parameters["earlier assignments"] = digest_of_all(digests)
    return parameters


TABLE = Table(
    "experiment_assignment",
    "experiment and user",
    "The arm of each user in the experiments that begin with the interval. Empty until it is closed; then it stays.",
    (intent_scores.TABLE, user_features.TABLE),
    (
        Column("experiment", "string", "The experiment, as experiments.toml names it."),
        USER_ID,
        Column("arm", "string", f"The arm; {HOLD_OUT} for a user whom no arm gets."),
        Column("share", "float64", "The share of eligible users that the arm is to get."),
        Column("stratum_tier", "string", "The tier of the user's intent score."),
        Column("stratum_label", "string", f"The user's flywheel label; {ABSENT} for a user without one."),
        Column("shares", "string", "The shares of all arms when users were assigned."),
        Column("until", "string", "The key of the last interval to be read out, as it was then."),
    ),
    optional=(user_labels.TABLE,),
    used=lambda settings: settings.experiments_file.is_file() and intent_scores.TABLE.used(settings),
    waits=lambda flywheel: flywheel.intent.experiments_wait,
    checks=(CONTRACT, DEFINED, IN_TIME, SAMPLE_RATIO, EVERY_ARM, EXCLUSIVE, BALANCE),
    parameters=_parameters,
)


def candidates(scores: ir.Table, features: ir.Table, labels: ir.Table | None) -> ir.Table:
    """Users who can be assigned: ``user_id``, ``stratum_tier``, ``stratum_label``. Likely bots cannot. ``labels``:
    user_labels of the interval, None where there are none."""
    people = features.filter(~features.likely_bot).select("user_id")
    users = scores.select("user_id", stratum_tier="tier").semi_join(people, "user_id")
    if labels is None:
        return users.mutate(stratum_label=ibis.literal(ABSENT))
    joined = users.left_join(labels.select("user_id", stratum_label="user_flywheel_label"), "user_id")
    return joined.select("user_id", "stratum_tier", stratum_label=joined.stratum_label.fill_null(ABSENT))


def assigned(experiment: Experiment, users: pa.Table, left_out: pa.Array) -> pa.Table:
    """The rows of an experiment. ``users``: those of :func:`candidates`, in any order; ``left_out``: ids of users who
    are not eligible."""
    chosen = users.filter(pc.invert(pc.is_in(users["user_id"], value_set=left_out)))
    if experiment.tiers:
        chosen = chosen.filter(pc.is_in(chosen["stratum_tier"], value_set=pa.array(experiment.tiers)))
    chosen = chosen.combine_chunks()
    tiers, labels = (pd.factorize(chosen[name].to_pandas(), sort=True) for name in ("stratum_tier", "stratum_label"))
    strata = np.asarray(tiers[0] * max(len(labels[1]), 1) + labels[0], np.int64)
    arms, shares = list(experiment.shares), list(experiment.shares.values())
    places = allocated(experiment.name, chosen["user_id"].to_pylist(), strata, shares)

    def of_arm(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
        return pa.array(values, kind).take(pa.array(places))

    def same(text: str) -> pa.Array:
        return pa.repeat(pa.scalar(text, pa.string()), len(chosen))

    columns = [
        same(experiment.name),
        chosen["user_id"],
        of_arm(arms, pa.string()),
        of_arm([float(share) for share in shares], pa.float64()),
        chosen["stratum_tier"],
        chosen["stratum_label"],
        same(experiment.stated_shares),
        same(experiment.until.key),
    ]
    return pa.table(columns, schema=TABLE.schema)


def contract(row: Mapping[str, Any], schema: sch.Schema) -> Verdict:
    """Fails on a wrong column, a repeated user or a null. ``row``: of :func:`figures`."""
    repeated = int(row["rows"]) - int(row["users"])
    faults = wrong_columns(schema, TABLE.columns)
    faults += [f"{plural(repeated, 'further row')} of a user already in the experiment"] if repeated else []
    faults += [f"{plural(row['nulls'], 'row')} with a null"] if row["nulls"] else []
    summary = f"{plural(row['experiments'], 'experiment')}, {plural(row['users'], 'user')} assigned"
    return Verdict(CONTRACT.name, not faults, "; ".join(faults) or summary, numbers={"users": int(row["users"])})


def figures(table: ir.Table) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``users`` (of each experiment, distinct), ``experiments``, ``nulls``."""
    empty = [table[column.name].isnull() for column in TABLE.columns]
    return {
        "rows": table.count(),
        "users": ibis.struct({"experiment": table.experiment, "user": table.user_id}).nunique(),
        "experiments": table.experiment.nunique(),
        "nulls": ibis.or_(*empty).sum().coalesce(0),
    }


def defined(refused: Mapping[str, str]) -> Verdict:
    """Fails where experiments were refused. ``refused``: why, by name."""
    summary = "; ".join(refused.values()) or "no experiment was refused"
    return Verdict(DEFINED.name, not refused, summary, numbers={"refused": len(refused)})


def in_time(late: Mapping[str, str]) -> Verdict:
    """Warns of experiments that were assigned after their first look had ended. ``late``: a sentence, by name."""
    summary = "; ".join(f"{name}: {what}" for name, what in late.items()) or "users were assigned in time"
    return Verdict(IN_TIME.name, not late, summary, "WARN", {"late": len(late)})


def every_arm(arms: Sequence[Mapping[str, Any]], begun: Sequence[Experiment]) -> Verdict:
    """Warns of an arm that nobody is in. ``arms``: as :func:`sample_ratio` takes them; ``begun``: the experiments that
    assign users in the interval."""
    with_users = {(arm["experiment"], arm["arm"]) for arm in arms}
    empty = [
        f"{one.name}: {listed([arm for arm in one.shares if (one.name, arm) not in with_users])}"
        for one in begun
        if any((one.name, arm) not in with_users for arm in one.shares)
    ]
    why = "; few users are eligible by tiers and leave_out, or none"
    summary = f"nobody is in {'; '.join(empty)}{why}" if empty else f"{plural(len(with_users), 'arm')}, each with users"
    return Verdict(EVERY_ARM.name, not empty, summary, "WARN", {"experiments_with_an_empty_arm": len(empty)})


def exclusive(shared: Mapping[tuple[str, str], int]) -> Verdict:
    """Fails where users are in two exclusive experiments. ``shared``: how many, by the names of both."""
    wrong = [f"{plural(count, 'user')} in both {a} and {b}" for (a, b), count in shared.items() if count]
    return Verdict(
        EXCLUSIVE.name,
        not wrong,
        "; ".join(wrong) or f"{plural(len(shared), 'pair')} of exclusive experiments, none with a user in both",
    )
