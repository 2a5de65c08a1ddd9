"""A finding: what a check said when it last ran, as it is read back from the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flywheel_assets.tables.verdict import Number


@dataclass(frozen=True)
class Finding:
    """``state`` is passed, warned or failed; ``details`` are the rows of the verdict's table."""

    table: str
    check: str
    state: str
    summary: str
    numbers: Mapping[str, Number] = field(default_factory=dict)
    details: Sequence[Mapping[str, Any]] = ()
