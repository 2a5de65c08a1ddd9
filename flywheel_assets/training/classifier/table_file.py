"""A labelled table of a team's own as examples: parquet or CSV, with the roles of its columns in a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from flywheel_assets.errors import TrainingError
from flywheel_assets.toml_reader import TomlReader, read_text
from flywheel_assets.training.classifier.examples import Examples, examples_of


@dataclass(frozen=True)
class Roles:
    """The columns of a labelled table by role. ``positive``: the target's text that is the positive class, where it is
    text. ``features``: what to learn from, by default every column without another role. ``categories``: those of them
    that are codes and no numbers; text is one anyway. ``time`` puts rows in order, ``group`` is who a row is of."""

    target: str = ""
    positive: str = ""
    features: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    time: str = ""
    group: str = ""
    row_id: str = ""


def read_roles(path: Path) -> Roles:
    """The roles that a TOML file states under ``[columns]``: ``target``, ``positive``, ``features``, ``categories``,
    ``time``, ``group``, ``id``. Raises TrainingError for a file that is missing or wrong."""
    where = "[columns]"
    text = read_text(path, TrainingError, "expected a file with the roles of columns, under [columns]")
    reader = TomlReader(text, path, TrainingError)
    reader.only(reader.content, ("columns",), "the file")
    table = reader.table("columns")
    one, several = ("target", "positive", "time", "group", "id"), ("features", "categories")
    reader.only(table, (*one, *several), where)
    stated: dict[str, Any] = {name: reader.text(table, name, where) for name in one if name in table}
    stated |= {name: reader.names(table[name], f"{where} {name}") for name in several if name in table}
    return Roles(**{"row_id" if name == "id" else name: value for name, value in stated.items()})


def read_labelled(path: Path) -> pa.Table:
    """All columns of a parquet or CSV file. Raises TrainingError for one that is missing, damaged or neither."""
    try:
        if path.suffix == ".parquet":
            return pq.ParquetFile(path).read()
        if path.suffix == ".csv":
            return pyarrow.csv.read_csv(path)
    except (OSError, pa.ArrowException) as error:
        first = str(error).strip().splitlines()[0]
        raise TrainingError(f"{path} cannot be read: {first}") from None
    raise TrainingError(f"{path} ends in {path.suffix or 'nothing'!r}; expected .parquet or .csv")


def examples_of_file(path: Path, roles: Roles, drop: tuple[str, ...] = ()) -> Examples:
    """The examples of a labelled table, less the columns ``drop``. Raises TrainingError, naming file and column."""
    rows = read_labelled(path)
    if not roles.target:
        raise TrainingError(f"nothing says which column of {path} is the target; name it: --target COLUMN")
    known = {roles.target, roles.time, roles.group, roles.row_id}
    inputs = [name for name in (roles.features or rows.column_names) if name not in drop and name not in known]
    return examples_of(
        rows,
        roles.target,
        inputs,
        [name for name in roles.categories if name not in drop],
        roles.group,
        roles.row_id,
        roles.time,
        positive=roles.positive,
        source=str(path),
    )
