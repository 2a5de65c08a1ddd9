"""A team's labels of users, put to the intervals that they hold in."""

import pandas as pd


def in_intervals(labels: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """``user_id``, ``interval_start`` and ``user_flywheel_label``: a row a user and interval of ``visits``, which has
    both columns, that there is a label for. ``labels``: the same columns; one without an interval holds in every
    interval that has none of its own for that user."""
    there = visits[["user_id", "interval_start"]].drop_duplicates()
    always = labels[labels["interval_start"].isna()].set_index("user_id")["user_flywheel_label"]
    joined = there.merge(labels.dropna(subset=["interval_start"]), on=["user_id", "interval_start"], how="left")
    joined["user_flywheel_label"] = joined["user_flywheel_label"].fillna(joined["user_id"].map(always))
    return joined.dropna(subset=["user_flywheel_label"], ignore_index=True)
