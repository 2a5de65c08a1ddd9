"""Verdicts on label_transitions, a table of at most (labels + 1) squared rows, here as a pandas frame."""

from collections.abc import Mapping, Sequence

import pandas as pd

from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.verdict import Check, Number, Verdict

CONSERVATION = Check(
    "conservation",
    "By To_Label the counts sum to this interval's users, by From_Label to the previous interval's, label by label.",
    blocking=True,
)
SAME_MODEL_VERSION = Check("same_model_version", "One version of the user model labelled both intervals (warning).")
CONTRACT = Check("contract", "The table has its dagster-pandas type: columns, dtypes and bounds.", blocking=True)
CHECKS = (CONSERVATION, SAME_MODEL_VERSION, CONTRACT)


def conservation(transitions: pd.DataFrame, now: Mapping[str, int], before: Mapping[str, int]) -> Verdict:
    """Fails when a label's transitions do not sum to its users. ``now`` and ``before``: users by label, empty without a
    previous interval."""
    to_label = transitions.groupby("To_Label")["User_Count"].sum().drop(ABSENT, errors="ignore")
    from_label = transitions.groupby("From_Label")["User_Count"].sum().drop(ABSENT, errors="ignore")
    table = [*_sums("To", to_label, now), *_sums("From", from_label, before)]
    wrong = [line for line in table if line["users"] != line["users_in_transitions"]]
    return Verdict(
        CONSERVATION.name,
        not wrong,
        "; ".join(f"{w['side']} {w['label']}: {w['users_in_transitions']} of {w['users']} users" for w in wrong)
        or f"{sum(now.values()):,} users now and {sum(before.values()):,} before, all accounted for",
        numbers={"users": sum(now.values()), "users_before": sum(before.values()), "labels_wrong": len(wrong)},
        table=table,
    )


def same_model_version(now: Sequence[str], before: Sequence[str]) -> Verdict:
    """Warns when the two intervals' labels are of different model versions: a move may then be the model's, not the
    user's. An interval without users has no version and disagrees with none."""
    versions = sorted({*now, *before})
    summary = f"labelled by {' and '.join(versions)}" if versions else "no users, so no version"
    if len(versions) > 1:
        summary += ": transition_causes tells what users did from what the change of model did"
    return Verdict(SAME_MODEL_VERSION.name, len(versions) <= 1, summary, "WARN", {"versions": len(versions)})


def contract(fault: str) -> Verdict:
    """Fails with what the table's dagster-pandas type says against it; an empty text is no fault."""
    return Verdict(CONTRACT.name, not fault, fault or "the table has its type")


def _sums(side: str, found: "pd.Series[int]", expected: Mapping[str, int]) -> list[dict[str, Number]]:
    labels = sorted({*map(str, found.index), *(label for label, n in expected.items() if n)})
    return [
        {
            "side": side,
            "label": label,
            "users": expected.get(label, 0),
            "users_in_transitions": int(found.get(label, 0)),
        }
        for label in labels
    ]
