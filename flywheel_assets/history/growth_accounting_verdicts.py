"""Verdicts on growth_accounting: its identities, row by row, and the users that it must account for."""

from collections.abc import Mapping, Sequence

from flywheel_assets.history.growth_accounting import ALL_USERS, COUNTS
from flywheel_assets.history.moves import Row
from flywheel_assets.tables.verdict import Check, Verdict

ACTIVE = Check("active_users", "Active users are the new, retained and resurrected ones, in every row.", blocking=True)
PREVIOUS = Check("previous_users", "Previous users are the retained and the churned ones, in every row.", blocking=True)
TOTALS = Check("totals", "The rows of the labels sum to the row of all users.", blocking=True)
CONSERVATION = Check(
    "conservation", "All users are the rows of user_labels, of this interval and of the previous one.", blocking=True
)
CHECKS = (ACTIVE, PREVIOUS, TOTALS, CONSERVATION)


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
