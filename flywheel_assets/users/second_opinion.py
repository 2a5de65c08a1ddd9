"""An interval's labels as other bundles would give them: trimmed_sessions scored anew, and nothing of the warehouse
changed. Sessions stay as they were trimmed, by the features of the models that were in use then."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.scorer import Scorers
from flywheel_assets.sessions import session_predictions
from flywheel_assets.users import user_labels
from flywheel_assets.users.user_distributions import user_distributions
from flywheel_assets.warehouse.files import staging

_SESSION, _USER = session_predictions.LABELS.label, user_labels.LABELS.label


def models_of(flywheel: Flywheel, bundle: ModelBundle) -> Scorers:
    """A bundle's models, ready to score."""
    return Scorers(bundle, flywheel.warehouse.folder / "_compiled" / bundle.version)


@contextmanager
def second_opinion(
    flywheel: Flywheel, interval: Interval, several: Sequence[Scorers]
) -> Iterator[tuple[ir.Table, list[ir.Table]]]:
    """Sessions, ``user_id`` and ``label_<i>`` of the i-th of ``several`` bundles, and per bundle its users, ``user_id``
    and ``user_flywheel_label``. They are read from files that are gone at the end.

    Raises NotMaterializedError without trimmed_sessions, ArtefactError when those lack a feature."""
    rows = flywheel.warehouse.read("trimmed_sessions", interval)
    needed = dict.fromkeys(feature for models in several for feature in models["session"].features)
    features = [name for name in needed if name in rows.columns]
    with staging(flywheel.warehouse.folder) as folder:  # of the warehouse, because a cluster sees that
        path = folder / "sessions.parquet"
        scorers = [models["session"] for models in several]

        def labels(batch: pa.RecordBatch) -> pa.RecordBatch:
            found = [scorer.labelled(batch, _SESSION, "session_model_version").column(_SESSION) for scorer in scorers]
            return pa.RecordBatch.from_arrays([batch.column("user_id"), *found], schema=schema(batch.schema))

        def schema(of: pa.Schema) -> pa.Schema:
            for scorer in scorers:
                scorer.schema(of, _SESSION, "session_model_version")
            return pa.schema([of.field("user_id"), *((f"label_{i}", pa.string()) for i in range(len(scorers)))])

        flywheel.engine.write_mapped(rows.select("user_id", *features), labels, schema, path, {})
        sessions = flywheel.engine.read([path])
        yield (
            sessions,
            [
                _users(flywheel, models, sessions.select("user_id", **{_SESSION: sessions[f"label_{i}"]}), path, i)
                for i, models in enumerate(several)
            ],
        )


def _users(flywheel: Flywheel, models: Scorers, sessions: ir.Table, beside: Path, number: int) -> ir.Table:
    path = beside.with_name(f"users_{number}.parquet")
    scorer, names = models["user"], ["user_id", _USER]
    flywheel.engine.write_mapped(
        user_distributions(sessions, models["session"].labels),
        lambda batch: scorer.labelled(batch, _USER, "user_model_version").select(names),
        lambda schema: pa.schema([scorer.schema(schema, _USER, "user_model_version").field(name) for name in names]),
        path,
        {},
    )
    return flywheel.engine.read([path])
