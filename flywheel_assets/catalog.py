"""Every table that is partitioned by interval, by name: those of the spine and those built on them."""

from collections.abc import Mapping

from flywheel_assets.history.contracts import HISTORY
from flywheel_assets.segments.contracts import SEGMENTS
from flywheel_assets.tables.contract import TABLES, Table

CONTRACTS: Mapping[str, Table] = {**TABLES, **HISTORY, **SEGMENTS}
