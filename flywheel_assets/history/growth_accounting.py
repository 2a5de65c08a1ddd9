"""growth_accounting: who is new, retained, resurrected or churned."""

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir

from flywheel_assets.history.moves import Moves, Row, all_labels, number_and_labels, users_before, users_now, when
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import WHEN
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.users import user_labels

ALL_USERS, OF_LABEL = "All users", "Label"
"""The two kinds of rows, by their Scope."""

ACTIVE = Check("active_users", "Active users are the new, retained and resurrected ones, in every row.", blocking=True)
PREVIOUS = Check("previous_users", "Previous users are the retained and the churned ones, in every row.", blocking=True)
TOTALS = Check("totals", "The rows of the labels sum to the row of all users.", blocking=True)
CONSERVATION = Check(
    "conservation",
    "All users are the rows of user_labels, of this interval and of the previous one.",
    blocking=True,
    of_sources=True,
)
CHECKS = (ACTIVE, PREVIOUS, TOTALS, CONSERVATION)

OR_INCOMPLETE = "or if this or the previous interval is incomplete"

SCOPE = Column("Scope", "string", "All users, in one row, or Label: users with one label.")


TABLE = Table(
    "growth_accounting",
    "label, and all users",
    "New, retained, resurrected and churned users of the interval: all of them, and by label.",
    (user_labels.TABLE,),
    (
        SCOPE,
        Column("Label", "string", "The label; null in the row for all users."),
        Column("Label_Order", "int32", "The label's place from worst to best, from 1; null for all users."),
        Column("Active_Users", "int64", "Users with this label in this interval: new, retained, resurrected."),
        Column("New_Users", "int64", "Of these, users seen in no earlier interval since the first with data."),
        Column("Retained_Users", "int64", "Of these, users with a label in the previous interval too."),
        Column("Resurrected_Users", "int64", "Of these, users seen earlier but absent in the previous interval."),
        Column("Previous_Users", "int64", "Users with this label in the previous interval."),
        Column("Previous_Retained_Users", "int64", "Of these, users who have any label now."),
        Column("Churned_Users", "int64", "Of these, users who have no label now."),
        Column("Retention", "float64", f"Previous_Retained_Users / Previous_Users; null without any, {OR_INCOMPLETE}."),
        Column(
            "Quick_Ratio",
            "float64",
            f"(New_Users + Resurrected_Users) / Churned_Users; null without churn, {OR_INCOMPLETE}.",
        ),
        *WHEN,
    ),
    previous=(user_labels.TABLE,),
    earlier=(user_labels.TABLE,),
    checks=CHECKS,
    parameters=number_and_labels,
    model_parameters=lambda flywheel: ("user labels",),
    code_version=2,  # 1 concluded from intervals that data cover in part
)


def resurrected(now: ir.Table, before: ir.Table | None, earlier: Sequence[ir.Table]) -> ir.Table:
    """The users of an interval who were absent in the previous one but active in an earlier one: one row per label
    (null included), ``Label`` and ``User_Count``; no rows without any.

    ``now`` and ``before``: user_labels of this interval and of the previous one, None at the first with data;
    ``earlier``: of all intervals before that one. Of ``before`` and ``earlier`` only the user ids are read.

    An interval's users who were not there in the previous one are held in memory, and earlier ids stream past them: so
    memory is that of one interval however long the history, and time grows by a scan of one column per interval. With
    1 M users in each, and 1, 5, 13 and 25 intervals before the previous one: 1.0, 1.3, 1.7 and 2.7 CPU seconds, 295 MB
    each time (the whole process, on DuckDB).
    """
    users = now.select("user_id", Label="user_flywheel_label")
    if before is None or not earlier:
        users = users.filter(ibis.literal(False))
    else:
        seen = ibis.union(*(ids.select("user_id") for ids in earlier)) if len(earlier) > 1 else earlier[0]
        away = users.anti_join(before.select("user_id"), "user_id")
        users = away.semi_join(seen.select("user_id"), "user_id")
    return users.group_by("Label").aggregate(User_Count=users.count())


def growth_accounting(
    moves: Moves, came_back: Mapping[str, int], labels: Sequence[str], interval: Interval, comparable: bool = True
) -> list[Row]:
    """The row of all users, then one per label, worst to best.

    ``moves``: those into the interval; ``came_back``: resurrected users by label, see :func:`resurrected`;
    ``comparable``: whether this interval and the previous one are complete, see `landing.coverage`. The counts of an
    incomplete interval are what landed; ratios of them are null, because nothing is to be concluded from them.

    In each row Active_Users = New_Users + Retained_Users + Resurrected_Users and Previous_Users =
    Previous_Retained_Users + Churned_Users. Retained are the users with a label in both intervals, counted under the
    one they have now; Previous_Retained are the same users, under the one they had. At the first interval with data
    everyone is new. ``Retention`` is Previous_Retained_Users / Previous_Users, null without any; ``Quick_Ratio`` is
    (New_Users + Resurrected_Users) / Churned_Users, null without churn.
    """
    active, previous = users_now(moves), users_before(moves)
    counts = []
    for label in all_labels(labels, moves):
        arrived, churned = moves.get((ABSENT, label), 0), moves.get((label, ABSENT), 0)
        again = came_back.get(label, 0)
        counts.append(
            {
                "Active_Users": active[label],
                "New_Users": arrived - again,
                "Retained_Users": active[label] - arrived,
                "Resurrected_Users": again,
                "Previous_Users": previous[label],
                "Previous_Retained_Users": previous[label] - churned,
                "Churned_Users": churned,
            }
        )
    total = {name: sum(of_label[name] for of_label in counts) for name in COUNTS}
    rows = [_row(ALL_USERS, None, None, total, interval, comparable)]
    for order, (label, of_label) in enumerate(zip(all_labels(labels, moves), counts, strict=True), start=1):
        rows.append(_row(OF_LABEL, label, order, of_label, interval, comparable))
    return rows


COUNTS = (
    "Active_Users",
    "New_Users",
    "Retained_Users",
    "Resurrected_Users",
    "Previous_Users",
    "Previous_Retained_Users",
    "Churned_Users",
)


def _row(
    scope: str, label: str | None, order: int | None, counts: Mapping[str, int], interval: Interval, comparable: bool
) -> Row:
    grown, churned = counts["New_Users"] + counts["Resurrected_Users"], counts["Churned_Users"]
    before = counts["Previous_Users"]
    return {
        "Scope": scope,
        "Label": label,
        "Label_Order": order,
        **counts,
        "Retention": counts["Previous_Retained_Users"] / before if before and comparable else None,
        "Quick_Ratio": grown / churned if churned and comparable else None,
        **when(interval),
    }


def verdicts(rows: Sequence[Row], users: int, users_before: int) -> list[Verdict]:
    """All checks of CHECKS. ``users`` and ``users_before``: rows of user_labels, 0 without a previous interval."""
    everyone = [row for row in rows if row["Scope"] == ALL_USERS]
    total: Mapping[str, int] = everyone[0] if len(everyone) == 1 else dict.fromkeys(COUNTS, -1)
    sums = {name: sum(row[name] for row in rows if row["Scope"] != ALL_USERS) for name in COUNTS}
    wrong = [f"{name}: {sums[name]:,} by label, {total[name]:,} in all" for name in COUNTS if sums[name] != total[name]]
    found = {"users": total["Active_Users"], "users_before": total["Previous_Users"]}
    told = f"{found['users']:,} of {users:,} users now, {found['users_before']:,} of {users_before:,} before"
    return [
        _identity(ACTIVE, rows, "Active_Users", ("New_Users", "Retained_Users", "Resurrected_Users")),
        _identity(PREVIOUS, rows, "Previous_Users", ("Previous_Retained_Users", "Churned_Users")),
        Verdict(TOTALS.name, not wrong, "; ".join(wrong) or f"{len(rows) - 1} labels sum to all users", numbers=sums),
        Verdict(CONSERVATION.name, found == {"users": users, "users_before": users_before}, told, numbers=found),
    ]


def _identity(check: Check, rows: Sequence[Row], whole: str, parts: Sequence[str]) -> Verdict:
    """No count is negative, and in every row the parts sum to the whole."""
    wrong = [
        f"{row['Label'] or row['Scope']}: {whole} {row[whole]:,}, its parts {sum(row[part] for part in parts):,}"
        for row in rows
        if row[whole] != sum(row[part] for part in parts) or min(row[part] for part in parts) < 0
    ]
    words = f"{whole} = {' + '.join(parts)} in {len(rows)} rows"
    return Verdict(check.name, not wrong, "; ".join(wrong) or words, numbers={"rows_wrong": len(wrong)})
