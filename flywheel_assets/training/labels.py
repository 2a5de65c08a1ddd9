"""Labels to train on as they were found: rows with a label, its order, and who labelled."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.registry.spec import ModelSpec
from flywheel_assets.sessions.session_model import SESSION_MODEL, SESSION_ORDER
from flywheel_assets.training.own_labels import ORDER_FILE, OwnLabels, order_of_labels
from flywheel_assets.training.training_data import LabelledRows
from flywheel_assets.users.user_model import USER_MODEL, USER_ORDER

Warn = Callable[[str], None]

log_warning: Warn = logging.getLogger("flywheel_assets").warning

PEOPLE = "people"

_ORDERS = {SESSION_MODEL.name: SESSION_ORDER, USER_MODEL.name: USER_ORDER}


@dataclass(frozen=True)
class Labels:
    """``rows`` with their label, null for a row that nobody labelled, and the ``order`` of labels, worst to best.
    ``source`` says in words who labelled; ``labelled_by`` is the same as long as the labels mean the same. For labels
    that follow from clusters: the ``tiers``, one line per cluster, the ``file`` that people edit, the
    ``outcome_features`` that the clusters were ordered by, and how many a person ``reviewed``, by outcome."""

    rows: pd.DataFrame
    order: tuple[str, ...]
    source: str
    labelled_by: str = PEOPLE
    tiers: Sequence[Mapping[str, Any]] = ()
    file: Path | None = None
    outcome_features: tuple[str, ...] = ()
    reviewed: Mapping[str, int] = field(default_factory=dict)

    def to_train(self, spec: ModelSpec, features: tuple[str, ...] = ()) -> LabelledRows:
        """What the model learns from."""
        clusters = self.file is not None
        return LabelledRows(spec, self.rows, self.order, features, self.outcome_features, clusters, self.reviewed)


def counted(rows: pd.DataFrame, spec: ModelSpec) -> str:
    """How many have a label: ``6 sessions``, ``5 of 6 sessions``."""
    labelled = int(rows[spec.label].notna().sum())
    return f"{labelled:,} {spec.rows}" if labelled == len(rows) else f"{labelled:,} of {len(rows):,} {spec.rows}"


def order_in_use(flywheel: Flywheel, spec: ModelSpec, labels: "pd.Series[str]") -> tuple[str, ...]:
    """The order that has these labels: the stated one, else that of the model in use, or without models of the
    shipped ones. Raises LabelError when neither
    has them."""
    folder = flywheel.settings.labels_dir
    stated, in_use = OwnLabels(folder).orders().get(spec.rows), _default_order(flywheel, spec)
    return order_of_labels(spec.rows, set(labels), stated, in_use, str(folder / ORDER_FILE))


def order_of_tiers(flywheel: Flywheel, spec: ModelSpec) -> tuple[str, ...]:
    """The order that clusters are cut into: as :func:`order_in_use` without labels."""
    return OwnLabels(flywheel.settings.labels_dir).orders().get(spec.rows, _default_order(flywheel, spec))


def _default_order(flywheel: Flywheel, spec: ModelSpec) -> tuple[str, ...]:
    """That of the model in use; without models that of the shipped ones."""
    return flywheel.models[spec.name].order if flywheel.has_models else _ORDERS[spec.name]
