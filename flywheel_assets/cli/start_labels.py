"""The labels and the models of `flywheel start`: proposals that nobody has edited follow what they were made from, and
models follow the labels."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from flywheel_assets.errors import ArtefactError, LabelError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.shelves import ARCHIVE, CANDIDATES, champion, versions_in, whole
from flywheel_assets.training.candidate_comparison import promote_candidate
from flywheel_assets.training.labels import Warn
from flywheel_assets.training.network import without_epochs
from flywheel_assets.training.session_labels import intervals_to_label, session_labels
from flywheel_assets.training.sources import DEFAULT_SEED, range_source, train_and_track
from flywheel_assets.training.tier_files import SEGMENT_LABELS
from flywheel_assets.training.user_labels_for_training import user_labels
from flywheel_assets.training.user_tier_file import USER_CLUSTER_LABELS
from flywheel_assets.warehouse.files import write_whole
from flywheel_assets.warehouse.listing import content_digest

PROPOSED = ".proposed.json"
"""In the folder of labels: the digest of each proposal as it was written, by file. A file of another digest is a
person's."""

CHANGED = "flywheel start: labels, features, segments or sessions changed"

T = TypeVar("T")


def propose(flywheel: Flywheel, warn: Warn) -> None:
    """Writes `segment_labels.toml` and `user_cluster_labels.toml` where labels need them and they are missing, and anew
    where one does not fit and nobody has edited it.

    Raises LabelError for a file that somebody has edited and that does not fit, and where labels are missing."""
    intervals, folder = intervals_to_label(flywheel, None, None), flywheel.settings.labels_dir
    sessions = renewed(folder / SEGMENT_LABELS, lambda: session_labels(flywheel, intervals, warn))
    renewed(folder / USER_CLUSTER_LABELS, lambda: user_labels(flywheel, sessions, warn))


def renewed(path: Path, read: Callable[[], T]) -> T:
    """What ``read`` makes of the file, which it writes where there is none. An untouched proposal that it refuses is
    deleted first."""
    record = path.with_name(PROPOSED)
    digests = json.loads(record.read_text("utf-8")) if record.is_file() else {}
    before = content_digest(path)
    try:
        result = read()
    except LabelError:
        if not before or digests.get(path.name) != before:
            raise
        path.unlink()
        result = read()
    written = content_digest(path)
    if written != before:
        write_whole(record, json.dumps(digests | {path.name: written}).encode())
    return result


def train(flywheel: Flywheel, warn: Warn) -> None:
    """Makes models the champion that learnt the present labels: those in use, or else on the shelves, or else new ones.

    What speaks against them is recorded and does not keep them back: it compares them with models of what a person has
    changed since, and only such a change leads here."""
    if not flywheel.labels_wait:
        known = flywheel.models.training
        keys = known.get("intervals") or ()
        if not keys or range_source(flywheel, keys[0], keys[-1]).data.fingerprint == known["fingerprint"]:
            return
    models_dir = flywheel.settings.models_dir
    source = range_source(flywheel, None, None, warn)
    bundle = learnt_from(models_dir, source.data.fingerprint)
    if bundle is None:
        bundle = train_and_track(models_dir, source, DEFAULT_SEED, without_epochs(warn), quick=True)[0].bundle
    why = CHANGED if champion(models_dir) else "flywheel start"
    promote_candidate(flywheel, bundle.version, why, forced=True)


def learnt_from(models_dir: Path, fingerprint: str) -> ModelBundle | None:
    """The newest candidate, else the newest archived bundle, that is whole and learnt from data of the fingerprint."""
    for folder in (models_dir / CANDIDATES, models_dir / ARCHIVE):
        for version in versions_in(folder):
            with suppress(ArtefactError):
                bundle = whole(folder / version)
                if bundle.training.get("fingerprint") == fingerprint:
                    return bundle
    return None
