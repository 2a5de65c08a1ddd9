"""What an analyst would write for a score of intent: pandas, a groupby per kind of event, and the rules.

    python -m benchmarks.script_intent EVENTS_FOLDER RULES.toml KINDS.json LAST_DAY OUT.parquet [--by-row]
    python -m benchmarks.script_intent FEATURES.parquet RULES.toml KINDS.json LAST_DAY OUT.parquet [--by-row]

With --by-row the rules are a function that is applied to each user, as most scripts begin; without, each rule is one
expression over all users. KINDS.json: the name of the events of each kind."""

import json
import math
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

LOOK_BACK_DAYS = 90


def features(events: pd.DataFrame, names: Mapping[str, str], last_day: pd.Timestamp) -> pd.DataFrame:
    """The features that the rules read, by user."""
    events = events.drop_duplicates()
    day = events["event_time"].dt.floor("D")
    events = events.assign(day=day)[(day <= last_day) & (day > last_day - pd.Timedelta(days=LOOK_BACK_DAYS))]
    users = events.groupby("user_id")
    made = pd.DataFrame({"active_days": users["day"].nunique(), "last": users["day"].max()})
    made["days_since_event"] = (last_day - made.pop("last")).dt.days
    for kind, name in names.items():
        of_kind = events[events["event_name"] == name].groupby("user_id")["day"]
        made[kind] = of_kind.size().reindex(made.index, fill_value=0)
        made[f"days_since_{kind}"] = (last_day - of_kind.max().reindex(made.index)).dt.days
    return made


def points(rule: Mapping[str, Any], value: float, days: float) -> float:
    """What a rule gives one user."""
    part = 2 ** (-value / rule["half_at"])
    given = rule["points"] * (part if rule.get("falls") else 1 - part)
    if "half_life_days" in rule:
        given *= 0.0 if math.isnan(days) else 2 ** (-days / rule["half_life_days"])
    return given


def days_of(rule: Mapping[str, Any]) -> str:
    known = rule["feature"] in ("days_since_event", "active_days")
    return "days_since_event" if known else f"days_since_{rule['feature']}"


def score_by_row(user: pd.Series, rules: Mapping[str, Any]) -> pd.Series:
    """The score of one user and the rules with the most points, in words."""
    given = {n: points(r, user[r["feature"]], user[days_of(r)]) for n, r in rules["rules"].items()}
    total = 0.0
    for name, group in rules["groups"].items():
        of_group = [n for n, rule in rules["rules"].items() if rule["group"] == name]
        found = sum(given[n] for n in of_group)
        limited = min(max(found, group["floor"]), group["cap"])
        for n in of_group:
            given[n] *= limited / found if found else 1.0
        total += round(limited, 2)
    first = sorted(given, key=lambda n: -given[n])[:3]
    reasons = [f"{user[rules['rules'][n]['feature']]:.0f} {n}: +{given[n]:.2f}" for n in first if given[n] > 0]
    return pd.Series({"score": min(max(total, 1.0), 100.0), **given, "reasons": "; ".join(reasons)})


def score_by_column(users: pd.DataFrame, rules: Mapping[str, Any]) -> pd.DataFrame:
    """As :func:`score_by_row`, of all users at once."""
    made = pd.DataFrame(index=users.index)
    total = pd.Series(0.0, users.index)
    for group, bounds in rules["groups"].items():
        of_group = {n: rule for n, rule in rules["rules"].items() if rule["group"] == group}
        for name, rule in of_group.items():
            part = 2.0 ** (-users[rule["feature"]] / rule["half_at"])
            made[name] = rule["points"] * (part if rule.get("falls") else 1 - part)
            if "half_life_days" in rule:
                made[name] *= (2.0 ** (-users[days_of(rule)] / rule["half_life_days"])).fillna(0.0)
        found = made[list(of_group)].sum(axis=1)
        limited = found.clip(bounds["floor"], bounds["cap"])
        made[list(of_group)] = made[list(of_group)].mul((limited / found).where(found != 0, 1.0), axis=0)
        total += limited.round(2)
    names = list(rules["rules"])
    order = np.argsort(-made[names].to_numpy(), axis=1)[:, :3]
    made["score"] = total.clip(1, 100)
    given, values = made[names].to_numpy(), users[[r["feature"] for r in rules["rules"].values()]].to_numpy()
    made["reasons"] = [
        "; ".join(f"{values[u, r]:.0f} {names[r]}: +{given[u, r]:.2f}" for r in first if given[u, r] > 0)
        for u, first in enumerate(order)
    ]
    return made


if __name__ == "__main__":
    folder, rules_file, kinds_file, last, out, *options = sys.argv[1:]
    read = tomllib.loads(Path(rules_file).read_text())
    if Path(folder).is_file():
        users = pd.read_parquet(folder).set_index("user_id")
    else:
        parts = [pd.read_parquet(path) for path in sorted(Path(folder).glob("*.parquet"))]
        names = json.loads(Path(kinds_file).read_text())
        users = features(pd.concat(parts, ignore_index=True), names, pd.Timestamp(last))
    scored = users.apply(score_by_row, axis=1, rules=read) if "--by-row" in options else score_by_column(users, read)
    scored.reset_index().to_parquet(out, index=False)
