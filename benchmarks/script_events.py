"""What a data scientist would write to cut events into sessions: pandas, sort, diff, cumsum, groupby.

    python -m benchmarks.script_events EVENTS_FOLDER OUT.parquet [--lambdas]

With --lambdas each feature is a lambda per group, as most scripts begin; without, flags are made first and summed."""

import sys
from pathlib import Path

import pandas as pd

TIMEOUT = pd.Timedelta(minutes=30)


def sessions(events: pd.DataFrame, lambdas: bool) -> pd.DataFrame:
    """``session_id``, ``user_id`` and the features of the benchmark."""
    events = events.drop_duplicates().sort_values(["user_id", "event_time"], kind="stable")
    begins = events.groupby("user_id")["event_time"].diff().isna() | (
        events.groupby("user_id")["event_time"].diff() > TIMEOUT
    )
    events["session"] = begins.cumsum()
    if lambdas:
        made = events.groupby("session").agg(
            user_id=("user_id", "first"),
            start=("event_time", "min"),
            end=("event_time", "max"),
            views=("event_name", lambda names: (names == "view").sum()),
            carts=("event_name", lambda names: (names == "cart").sum()),
            purchases=("event_name", lambda names: (names == "purchase").sum()),
            revenue=("price", "sum"),
            distinct_items=("item_id", lambda items: items.nunique()),
        )
    else:
        for name in ("view", "cart", "purchase"):
            events[f"{name}s"] = events["event_name"] == name
        made = events.groupby("session").agg(
            user_id=("user_id", "first"),
            start=("event_time", "min"),
            end=("event_time", "max"),
            views=("views", "sum"),
            carts=("carts", "sum"),
            purchases=("purchases", "sum"),
            revenue=("price", "sum"),
            distinct_items=("item_id", "nunique"),
        )
    seconds = made["start"].astype("datetime64[s]").astype("int64").astype(str)
    made.insert(0, "session_id", made["user_id"] + "." + seconds)
    made["minutes"] = (made["end"] - made["start"]).dt.total_seconds() / 60
    return made.drop(columns=["start", "end"])


if __name__ == "__main__":
    folder, out, *options = sys.argv[1:]
    found = pd.concat([pd.read_parquet(path) for path in sorted(Path(folder).glob("*.parquet"))], ignore_index=True)
    sessions(found, "--lambdas" in options).to_parquet(out, index=False)
