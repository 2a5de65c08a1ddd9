"""Transition chances: how often users of a label were active, and had a session of the best label, one interval later.
The baseline that a model of engagement has to beat."""

from functools import reduce

import ibis.expr.types as ir

from flywheel_assets.tables.contract import Column
from flywheel_assets.tables.labels import ABSENT

CHANCES = (
    Column(
        "transition_active",
        "float64",
        "Of users of this label (user_label), in the intervals of the look-back, the share who were active in the "
        "interval after; null in the first interval with data.",
    ),
    Column("transition_best_label", "float64", "The share who had a session of the best label in it."),
)


def transition_chances(seen: ir.Table, ages: int) -> ir.Table:
    """Per label, Absent included, the columns of CHANCES, over all pairs of intervals in ``seen``, that of
    :func:`by_interval` with ages 0 to ``ages``, 1 at least. Absent are users with a session earlier in ``seen``. A
    label that nobody has had before has the chances of all users."""
    users = seen.group_by("user_id").aggregate(
        _first=seen.age.max(),
        **{f"_label_{age}": seen.label.max(where=seen.age == age) for age in range(ages + 1)},
        **{f"_best_{age}": seen.best_sessions.max(where=seen.age == age) for age in range(ages)},
    )
    pairs = [
        users.filter(users["_first"] >= age).select(
            label=users[f"_label_{age}"].coalesce(ABSENT),
            transition_active=users[f"_label_{age - 1}"].notnull().cast("float64"),
            transition_best_label=(users[f"_best_{age - 1}"] > 0).coalesce(False).cast("float64"),
        )
        for age in range(1, ages + 1)
    ]
    every = reduce(lambda one, other: one.union(other), pairs)
    names = [column.name for column in CHANCES]
    of_label = every.group_by("label").aggregate(**{name: every[name].mean() for name in names})
    of_all = every.aggregate(**{f"_{name}": every[name].mean() for name in names})
    labels = users.select(label=users["_label_0"].coalesce(ABSENT)).distinct()
    joined = labels.left_join(of_label, "label").drop("label_right").cross_join(of_all)
    return joined.select("label", **{name: joined[name].coalesce(joined[f"_{name}"]) for name in names})
