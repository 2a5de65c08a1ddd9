"""``promotions.json``: every change of a models folder's champion, oldest first, with when, why and on what figures.

Not here: what a change does to the files (`promotion`)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from flywheel_assets.errors import ArtefactError
from flywheel_assets.warehouse.files import write_whole

RECORD = "promotions.json"

NO_CHAMPION = ""
"""The version of a rollback from the first champion to none."""


@dataclass(frozen=True)
class Promotion:
    """A change of champion: from the bundle ``before`` (None for the first) to ``version``, begun ``at`` a time in ISO
    form. ``objections`` are what spoke against it, which a ``forced`` one overruled; ``figures`` are those it rests on.
    ``complete`` is false while files are being replaced, and after a kill in the middle of that. ``commands`` is what
    the commands of the bundle begin with."""

    action: Literal["promote", "rollback"]
    version: str
    before: str | None
    at: str
    why: str = ""
    forced: bool = False
    objections: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = False
    commands: str = "flywheel models"

    @property
    def command(self) -> str:
        """The command that was typed, which completes the change when typed again."""
        return f"{self.commands} promote {self.version}" if self.action == "promote" else f"{self.commands} rollback"

    @property
    def interruption(self) -> str:
        """The message while the change is not complete."""
        what = "promotion of" if self.action == "promote" else "rollback to"
        return (
            f"the {what} {self.version or 'no champion'} was interrupted; type it again to complete it: {self.command}"
        )


def read_promotions(models_dir: Path) -> list[Promotion]:
    """All of them; none without a record. Raises ArtefactError for a record that cannot be read."""
    path = models_dir / RECORD
    if not path.is_file():
        return []
    try:
        entries = json.loads(path.read_text())
        return [Promotion(**{**entry, "objections": tuple(entry["objections"])}) for entry in entries]
    except (ValueError, TypeError, KeyError) as error:
        raise ArtefactError(
            f"{path} is not a record that this version can read ({type(error).__name__}: {error}); expected a list of "
            "promotions. Restore it, or move it away: the champion then has no version to roll back to"
        ) from None


def write_promotions(models_dir: Path, promotions: Sequence[Promotion]) -> None:
    content = json.dumps([asdict(promotion) for promotion in promotions], indent=1)
    write_whole(models_dir / RECORD, content.encode() + b"\n")


def unfinished(promotions: Sequence[Promotion]) -> Promotion | None:
    """The last one, if it was begun and not completed."""
    return promotions[-1] if promotions and not promotions[-1].complete else None


def earlier_champion(promotions: Sequence[Promotion], champion: str) -> str | None:
    """The version that a rollback of ``champion`` goes back to; None when there is none.

    Promoted a, b, c: from c it is b; after that rollback, from b it is a. A champion that came some other way, as
    trained in place, goes back to the last one recorded."""
    line: list[str] = []
    for promotion in promotions:
        if promotion.action == "rollback":
            while line and line[-1] != promotion.version:
                line.pop()
            continue
        if promotion.before and line[-1:] != [promotion.before]:
            line.append(promotion.before)
        line.append(promotion.version)
    while line and line[-1] == champion:
        line.pop()
    return line[-1] if line else None
