"""Every table that is partitioned by interval, by name: those of the spine and those built on them."""

from collections.abc import Mapping

from flywheel_assets.domain.history_tables import HISTORY
from flywheel_assets.domain.segment_tables import SEGMENTS
from flywheel_assets.domain.tables import TABLES, Table

CONTRACTS: Mapping[str, Table] = {**TABLES, **HISTORY, **SEGMENTS}
