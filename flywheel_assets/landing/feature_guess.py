"""The features that session files seem to have, to begin `features.toml` with: their numeric columns, ids and times
aside, with the kind that their values and names suggest."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
from pyarrow import ArrowInvalid

from flywheel_assets.errors import LandingError
from flywheel_assets.features import SHIPPED, Feature, name_problem
from flywheel_assets.warehouse.engine import Engine, parquet_schema

_ID = re.compile(r"(^|_)(id|uuid|key)$", re.IGNORECASE)
_TIME = re.compile(r"(^|_)(time|timestamp|unix|epoch|date|at|ts)$", re.IGNORECASE)
_DURATIONS = {"ms": "milliseconds", "seconds": "seconds", "minutes": "minutes", "hours": "hours", "duration": ""}
_DURATION = re.compile(rf"(^|_)({'|'.join(_DURATIONS)})(_|$)", re.IGNORECASE)
_LEAST_UNIX_TIME = 1e9
"""Whole numbers from here on, ten digits, are times of sessions and no counts of theirs."""


def guessed_features(
    engine: Engine, paths: Sequence[Path], names: Mapping[str, str], taken: Collection[str] = ()
) -> list[tuple[Feature, str]]:
    """The features that all files have, in the order of the first, each with what was seen and why it is of its kind.
    ``names``: what a team calls columns of ours or features, theirs to ours. ``taken``: names that no feature may have.

    Raises LandingError for a file that is missing or no parquet, and where no column can be a feature."""
    for path in paths:
        if not path.is_file():
            raise LandingError(f"there is no file at {path}")
        try:
            parquet_schema(path)
        except (OSError, ArrowInvalid):
            raise LandingError(f"{path} is not a parquet file; expected one of sessions") from None
    tables = [engine.read([path]) for path in paths]
    columns = [name for name in tables[0].columns if all(_is_number(table, name) for table in tables)]
    found = [
        _guessed(names.get(name, name), figures)
        for name in columns
        if not name_problem(names.get(name, name), ("session_id", "user_id", *taken))
        and not _ID.search(name)
        and not _TIME.search(name)
        if not _are_times(figures := _figures(engine, tables, name))
    ]
    if not found:
        raise LandingError(
            f"{', '.join(map(str, paths))}: no column can be a feature; expected numbers per session beside ids and "
            f"times; found: {', '.join(tables[0].columns)}"
        )
    return found


def _is_number(table: ir.Table, name: str) -> bool:
    return name in table.columns and table[name].type().is_numeric() and not table[name].type().is_boolean()


def _figures(engine: Engine, tables: Sequence[ir.Table], name: str) -> dict[str, Any]:
    """``rows``, ``nulls``, ``least``, ``most`` and whether all values are ``whole``."""
    each = []
    for table in tables:
        value = table[name].cast("float64")
        finite = value.abs() < float("inf")
        aggregates = {
            "rows": table.count(),
            "nulls": value.isnull().sum().coalesce(0),
            "least": value.min(where=finite),
            "most": value.max(where=finite),
            "fractions": (finite & (value % 1 != 0)).sum().coalesce(0),
        }
        each += engine.collect(table.aggregate(**aggregates)).to_pylist()
    some = [one for one in each if one["least"] is not None]
    return {
        "rows": sum(one["rows"] for one in each),
        "nulls": sum(one["nulls"] for one in each),
        "least": min((one["least"] for one in some), default=0.0),
        "most": max((one["most"] for one in some), default=0.0),
        "whole": not any(one["fractions"] for one in each),
    }


def _are_times(figures: Mapping[str, Any]) -> bool:
    return bool(figures["whole"] and figures["least"] >= _LEAST_UNIX_TIME)


def _guessed(name: str, figures: Mapping[str, Any]) -> tuple[Feature, str]:
    least, most, whole = figures["least"], figures["most"], figures["whole"]
    duration, unit = _DURATION.search(name), ""
    if least < 0:
        kind, why = "amount", "some are negative, so it is an amount"
    elif duration:
        kind, unit, why = "duration", _DURATIONS[duration[2].lower()], "by its name a duration"
    elif whole:
        kind, why = "count", "whole numbers, so it is a count"
    elif most <= 1:
        kind, why = "share", "fractions within 0 and 1, so it is a share"
    else:
        kind, why = "amount", "it has decimals, so it is an amount"
    nulls = f"; {figures['nulls']:,} are null, and such rows cannot land: write 0" if figures["nulls"] else ""
    seen = f"{least:g} to {most:g} in {figures['rows']:,} rows; {why}{nulls}"
    shipped = next((one for one in SHIPPED if (one.name, one.kind) == (name, kind)), None)
    return shipped or Feature(name, kind, unit), seen
