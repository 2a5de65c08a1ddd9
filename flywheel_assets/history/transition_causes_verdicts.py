"""Verdicts on transition_causes, a table of at most (labels + 1) cubed rows, here as a pandas frame."""

from collections.abc import Mapping

import pandas as pd

from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.users.label_transitions_verdicts import CONSERVATION, conservation

SAME_USERS = Check(
    "same_users", "The old models labelled the same users as the new ones: both labels or neither.", blocking=True
)
CHECKS = (CONSERVATION, SAME_USERS)


def verdicts(causes: pd.DataFrame, now: Mapping[str, int], before: Mapping[str, int]) -> list[Verdict]:
    """All checks of CHECKS. ``now`` and ``before``: users by label, empty without a previous interval."""
    one_alone = (causes["Same_Model_Label"] == ABSENT) != (causes["To_Label"] == ABSENT)
    lone = int(causes[one_alone]["User_Count"].sum())
    users = int(causes[causes["To_Label"] != ABSENT]["User_Count"].sum())
    summary = f"{users:,} users, {lone:,} of them with one of both labels alone"
    return [
        conservation(causes, now, before),
        Verdict(SAME_USERS.name, lone == 0, summary, numbers={"users": users, "users_with_one_label": lone}),
    ]
