"""A team's own labels: parquet in ``sessions/`` and ``users/`` of its own folder, and the order of labels, by default
that of the models in use."""

import json
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import LabelError
from flywheel_assets.sessions.reviewed_labels import REVIEWED

ORDER_FILE = "label_order.toml"


@dataclass(frozen=True)
class OwnLabels:
    """The labels in ``folder``, which is only read here."""

    folder: Path

    def sessions(self) -> pd.DataFrame | None:
        """``session_id`` and ``session_quality_label``, strings, one row per session; rows without a label are left
        out. None when there is no ``sessions/*.parquet``.

        Raises LabelError for a file that cannot be read or lacks a column, and for a session with two labels."""
        return self._read("sessions", ["session_id"], (), "session_quality_label")

    @property
    def only_reviewed(self) -> bool:
        """Whether there are answers of a review, and no other labels of sessions. Answers correct labels that clusters
        propose; other files of a team's labels replace them."""
        return [path.name for path in (self.folder / "sessions").glob("*.parquet")] == [REVIEWED]

    def users(self) -> pd.DataFrame | None:
        """The same of ``users/*.parquet``: ``user_id``, ``interval_start`` and ``user_flywheel_label``. The interval's
        key is null for a label that holds in every interval."""
        return self._read("users", ["user_id"], ("interval_start",), "user_flywheel_label")

    def orders(self) -> Mapping[str, tuple[str, ...]]:
        """What ``label_order.toml`` says: the labels of ``sessions`` and of ``users``, worst to best; empty without it.

        Raises LabelError for a file that says anything else."""
        path = self.folder / ORDER_FILE
        if not path.is_file():
            return {}
        expected = 'expected sessions = ["the worst", ..., "the best"] and users = [...], each label once'
        try:
            found = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise LabelError(f"{path} is not TOML: {error}; {expected}") from None
        for name, order in found.items():
            texts = isinstance(order, list) and all(isinstance(label, str) for label in order)
            if name not in ("sessions", "users") or not texts or len(set(order)) < len(order):
                raise LabelError(f"{path} says {name} = {order!r}; {expected}")
        return {name: tuple(order) for name, order in found.items()}

    def _read(self, part: str, needed: list[str], optional: tuple[str, ...], label: str) -> pd.DataFrame | None:
        paths = sorted((self.folder / part).glob("*.parquet"))
        if not paths:
            return None
        found = pd.concat([_texts(path, [*needed, label], optional) for path in paths], ignore_index=True)
        labelled = found.dropna(subset=[*needed, label]).drop_duplicates(ignore_index=True)
        ids = [*needed, *optional]
        repeated = labelled[labelled.duplicated(ids, keep=False)].sort_values([*ids, label])
        if len(repeated):
            one = repeated[repeated[needed[0]] == repeated[needed[0]].iloc[0]]
            raise LabelError(
                f"{self.folder / part} labels {one[needed[0]].iloc[0]} {' and '.join(one[label].unique())}; expected "
                f"one label each ({repeated[needed[0]].nunique():,} have more): delete the others"
            )
        return labelled


def order_of_labels(
    what: str, labels: Collection[str], stated: Sequence[str] | None, in_use: Sequence[str], file: str
) -> tuple[str, ...]:
    """The order that has all of the ``labels``: the ``stated`` one of ``file``, or without it that of the models
    ``in_use``. It may have more. ``what``: the noun of the rows, as ``sessions``.

    Raises LabelError that names the labels which the order doesn't know, and shows what to write."""
    order = tuple(in_use if stated is None else stated)
    unknown = sorted(set(labels) - set(order))
    if not unknown:
        return order
    line = f"{what} = {json.dumps(sorted(labels), ensure_ascii=False)}"
    whose = (
        f"the models in use, whose labels are {', '.join(in_use)}" if stated is None else f"{file}: {', '.join(order)}"
    )
    raise LabelError(
        f"{what} are labelled {', '.join(unknown)}, missing from the order of {whose}. "
        f"Write {line}, brought into order from worst to best, into {file}, or correct the labels"
    )


def _texts(path: Path, needed: list[str], optional: tuple[str, ...]) -> pd.DataFrame:
    """The columns as strings; an optional one that is not there is null. Times are cut to their day."""
    try:
        file = pq.ParquetFile(path)
        there = file.schema_arrow.names
        missing = [name for name in needed if name not in there]
        if missing:
            raise LabelError(
                f"{path} has no column {' nor '.join(missing)}; expected {', '.join(needed)}; found: {', '.join(there)}"
            )
        table = file.read([*needed, *(name for name in optional if name in there)])
        texts = {name: table[name].cast(pa.string()).to_pandas().astype(object) for name in table.column_names}
    except (OSError, pa.ArrowException) as error:
        raise LabelError(f"{path} cannot be read as labels: {error}; write it again, or remove it") from None
    frame = pd.DataFrame(texts, columns=[*needed[:-1], *optional, needed[-1]], dtype=object)
    for name in optional:
        frame[name] = frame[name].str.slice(0, 10) if name in texts else None
    return frame
