"""What a flywheel has of intent: rules, model, experiments and outcomes, each read when first needed, and what keeps
their tables from being made."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from flywheel_assets.errors import ArtefactError, FlywheelError, IntentError
from flywheel_assets.intent import intent_calibration
from flywheel_assets.intent.experiments_file import Experiment, read_experiments
from flywheel_assets.intent.pooled_outcomes import COLUMNS, JUDGED_CONVERSIONS, PooledOutcomes
from flywheel_assets.intent.rules import INTENT_MODEL, IntentRules
from flywheel_assets.intent.rules_file import read_rules
from flywheel_assets.intent.traits import objection
from flywheel_assets.intent.user_features import numeric_features
from flywheel_assets.intervals import Interval
from flywheel_assets.registry.booster import BoosterInfo
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.files import has_artefacts
from flywheel_assets.tables.contract import Table

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


class Intent:
    """Of one flywheel, kept from then on. A ``..._wait`` says why something cannot be used, in a sentence; it is empty
    where it can, or where there is none."""

    def __init__(self, flywheel: "Flywheel") -> None:
        self._flywheel = flywheel
        self._settings = flywheel.settings
        self._outcomes: tuple[tuple[str, ...], PooledOutcomes] | None = None

    @cached_property
    def rules(self) -> IntentRules:
        """The rules of the intent score. Raises IntentError for a file that holds none."""
        mapping = self._flywheel.events.mapping
        kinds = list(mapping.kinds)
        return read_rules(self._settings.intent_file, kinds, numeric_features(kinds), list(mapping.carried))

    @cached_property
    def model(self) -> BoosterInfo:
        """The model of intent in use. Raises ArtefactError where there is none, for a broken one, and for one of
        features that users do not have."""
        bundle = ModelBundle.open(self._settings.intent_models_dir)
        if INTENT_MODEL not in bundle.boosters:
            raise ArtefactError(f"{bundle.directory} holds no model of intent; train one: flywheel intent train")
        info = bundle.boosters[INTENT_MODEL]
        known = numeric_features(list(self._flywheel.events.mapping.kinds))
        missing = [name for name in info.features if name not in known]
        if missing:
            raise ArtefactError(
                f"the model of intent {info.version} needs {', '.join(missing)}: {self._settings.events_file} names "
                f"other kinds. Train again: {info.commands} train"
            )
        return info

    @cached_property
    def experiments(self) -> Mapping[str, Experiment]:
        """Those of `experiments.toml`, by name. Raises IntentError for a file that is wrong."""
        settings, tiers = self._settings, [name for name, _ in self.rules.tiers]
        kinds = list(self._flywheel.events.mapping.kinds)
        return read_experiments(settings.experiments_file, settings.calendar, tiers, kinds)

    @cached_property
    def traits_wait(self) -> str:
        """Of carried columns, which go with users."""
        return objection(self._flywheel.events.mapping, self._settings.events_file) if self._flywheel.has_events else ""

    @cached_property
    def rules_wait(self) -> str:
        """Of the rules, and of what goes with users."""
        if not self._settings.intent_file.is_file():
            return ""
        return self.traits_wait or _why_not(lambda: self.rules, IntentError)

    @cached_property
    def model_wait(self) -> str:
        """Of the model, and of the rules beside it."""
        is_there = has_artefacts(self._settings.intent_models_dir)
        return self.rules_wait or (_why_not(lambda: self.model, ArtefactError) if is_there else "")

    @cached_property
    def experiments_wait(self) -> str:
        """Of the experiments, and of the rules that they rest on."""
        is_there = self._settings.experiments_file.is_file()
        return self.rules_wait or (_why_not(lambda: self.experiments, IntentError) if is_there else "")

    def outcomes(self, interval: Interval) -> PooledOutcomes:
        """The outcomes of an interval and of those before it: of the newest with JUDGED_CONVERSIONS, two at least.
        Kept while their tables are those that they were: four tables and their checks ask for them, one after another.
        Raises NotMaterializedError."""
        lineage = self._flywheel.lineage
        tables = sorted(lineage.inputs(intent_calibration.TABLE, interval), key=lambda one: -one[1].number)
        digests = tuple(lineage.stored_digest(*one) for one in tables)
        if self._outcomes is None or self._outcomes[0] != digests:
            self._outcomes = digests, self._pooled(tables)
        return self._outcomes[1]

    def _pooled(self, tables: Sequence[tuple[Table, Interval]]) -> PooledOutcomes:
        engine, warehouse = self._flywheel.engine, self._flywheel.warehouse
        parts: list[pa.Table] = []
        conversions = 0
        for table, interval in tables:
            rows = engine.collect(warehouse.read(table.name, interval).select(COLUMNS).order_by("user_id"))
            parts += [rows] if rows.num_rows else []
            conversions += pc.sum(rows["converted"]).as_py() or 0
            if conversions >= JUDGED_CONVERSIONS and len(parts) > 1:
                break
        return PooledOutcomes.of(parts[::-1])

    def problems(self) -> list[str]:
        """Whatever cannot be used, each once."""
        return list(filter(None, dict.fromkeys([self.experiments_wait, self.model_wait])))


def _why_not(read: Callable[[], object], error_class: type[FlywheelError]) -> str:
    try:
        read()
    except error_class as error:
        return str(error)
    return ""
