"""Session labels that a person reviewed: the answers in their file, and what is said of labels by clusters."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import ArtefactError, LabelError
from flywheel_assets.registry.shelves import bundle_with
from flywheel_assets.warehouse.files import locked, write_whole

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

REVIEWED = "reviewed.parquet"
"""Among the files of a team's own labels of sessions."""

_COLUMNS = ("session_id", "session_quality_label", "rejected_label")
_SCHEMA = pa.schema([(name, pa.string()) for name in _COLUMNS])


@dataclass(frozen=True)
class Answer:
    """What a person said of a session that was shown with a label. ``label``: the right one, None for a plain no;
    ``rejected``: the one that was shown, None where it is right."""

    session_id: str
    label: str | None
    rejected: str | None

    @classmethod
    def of(cls, session_id: str, shown: str, label: str | None) -> "Answer":
        return cls(session_id, label, None if label == shown else shown)


class ReviewedLabels:
    """The answers in a folder of labels, in ``sessions/reviewed.parquet``, one row per session."""

    def __init__(self, labels_dir: Path) -> None:
        self.path = labels_dir / "sessions" / REVIEWED

    def read(self) -> pd.DataFrame | None:
        """``session_id``, ``session_quality_label``, null for a plain no, and ``rejected_label``, null where the label
        that was shown is right; strings. None without the file.

        Raises LabelError for a file that cannot be read or lacks a column."""
        if not self.path.is_file():
            return None
        try:
            found = pq.ParquetFile(self.path).read(list(_COLUMNS)).cast(_SCHEMA)
        except (OSError, pa.ArrowException, ValueError) as error:
            raise LabelError(
                f"{self.path} cannot be read as reviewed labels: {error}; expected the columns {', '.join(_COLUMNS)}: "
                "remove it, and review again: flywheel labels review"
            ) from None
        return pd.DataFrame(found.to_pylist(), columns=[*_COLUMNS], dtype=object)

    def add(self, answers: Iterable[Answer]) -> None:
        """Write these answers beside the earlier ones, or in the place of an earlier one of the same session. Raises
        LabelError as :meth:`read`."""
        with locked(self.path.with_name(f".{REVIEWED}.lock")):
            earlier = self.read()
            rows = {} if earlier is None else {row[0]: tuple(row) for row in earlier.itertuples(index=False)}
            rows |= {answer.session_id: astuple(answer) for answer in answers}
            columns = [pa.array(column, pa.string()) for column in zip(*rows.values(), strict=True)]
            content = pa.BufferOutputStream()
            pq.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA), content)
            write_whole(self.path, content.getvalue().to_pybytes())


@dataclass(frozen=True)
class ProposedLabels:
    """Session labels that follow from clusters. ``reviewed``: how many sessions a person reviewed; ``kept``: how many
    of these kept their label."""

    reviewed: int
    kept: int

    @property
    def sentence(self) -> str:
        proposals = "These labels are proposals made from clusters of sessions."
        if not self.reviewed:
            return f"{proposals} Nobody has confirmed them: flywheel labels review."
        sessions, their = ("1 session", "its") if self.reviewed == 1 else (f"{self.reviewed:,} sessions", "their")
        return f"{proposals} Of {sessions} that a person reviewed, {self.kept:,} kept {their} label."


def proposed_in(training: Mapping[str, Any]) -> ProposedLabels | None:
    """What a manifest says of the labels that its models were trained on; None where they do not follow from
    clusters."""
    # A manifest from before there was `from_clusters` names the file of the clusters' labels in its source.
    earlier = ["sessions"] if "segment_labels.toml" in training.get("source", "") else []
    if "sessions" not in training.get("from_clusters", earlier):
        return None
    counts = training.get("reviewed", {}).get("sessions", {})
    return ProposedLabels(sum(counts.values()), counts.get("confirmed", 0))


def proposed_labels(flywheel: "Flywheel", version: str | None = None) -> ProposedLabels | None:
    """Of the labels that the session model of that version gives, by default the one in use: as in its manifest, or as
    reviewed since, where the answers are at hand. None where they do not follow from clusters, where the model is gone
    and where there is none."""
    if flywheel.labels_wait:
        return None
    bundle = flywheel.models
    if version not in (None, bundle["session"].version):
        try:
            bundle = bundle_with(flywheel.settings.models_dir, {"session": version or ""})
        except ArtefactError:
            return None
    proposed = proposed_in(bundle.training)
    with suppress(LabelError):  # of a file that a training or a review will refuse, and no run need stop for
        answers = ReviewedLabels(flywheel.settings.labels_dir).read() if proposed else None
        if answers is not None:
            return ProposedLabels(len(answers), int(answers["rejected_label"].isna().sum()))
    return proposed
