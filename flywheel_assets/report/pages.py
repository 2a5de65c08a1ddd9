"""Pages: the HTML reports under ``<warehouse>/reports``, each seen whole or not at all.

Not here: what they say, and when they are made."""

import html
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from flywheel_assets.errors import ReportError
from flywheel_assets.intervals import Interval
from flywheel_assets.warehouse.files import locked, write_all, write_whole

INDEX = "index.html"
ITEMS = "engagement_items.html"
"""The page of the model of engagement with items, which has no intervals."""

REPORT, INTENT, CONVERSION, ENGAGEMENT = "interval", "intent", "conversion", "engagement"
"""Kinds of pages, which their file names begin with."""

_HEAD_BYTES = 8192
"""A page says within its first 8 KB what it was made from."""


class Pages:
    """The pages of one kind of a warehouse, one per interval; all kinds share an index."""

    def __init__(self, warehouse: Path, kind: str = REPORT) -> None:
        self.warehouse = warehouse
        self.folder = warehouse / "reports"
        self.kind = kind

    def path(self, interval: Interval) -> Path:
        """Where the page of an interval is, or would be."""
        return self.folder / f"{self.kind}_{interval.number:03d}_{interval.first_day}_{interval.last_day}.html"

    @property
    def index(self) -> Path:
        return self.folder / INDEX

    def exists(self, interval: Interval) -> bool:
        return self.path(interval).is_file()

    def made_at(self, interval: Interval) -> datetime | None:
        """When the page was written, in the time of this machine; None without a page."""
        path = self.path(interval)
        return datetime.fromtimestamp(path.stat().st_mtime).astimezone() if path.is_file() else None

    def digest(self, interval: Interval, meta: str) -> str | None:
        """The content of a ``meta`` name in the head of the page; None without a page, or without that name in it."""
        try:
            with self.path(interval).open("rb") as file:
                head = file.read(_HEAD_BYTES).decode("utf-8", "replace")
        except OSError:
            return None
        found = re.search(rf'<meta name="{re.escape(meta)}" content="([^"]*)">', head)
        return html.unescape(found[1]) if found else None

    def write(
        self, interval: Interval, page: str, index: Callable[[], str], beside: str = "", script: str = ""
    ) -> Path:
        """Put the script ``beside`` all pages, if there is one and unless it is there already, the page in its place,
        and then the index. It is made while no other page is being written, so that the last one names them all.

        Raises ReportError when that fails; the earlier files are then unchanged."""
        path = self.path(interval)
        try:
            if beside and not _is(self.folder / beside, script):
                write_whole(self.folder / beside, script.encode())
            with locked(self.folder / ".lock"):
                write_all({path: page.encode(), self.index: index().encode()})
                for old in self.folder.glob(f"{self.kind}_*_{interval.first_day}_*.html"):
                    if old != path:  # under another first interval it had another number
                        old.unlink(missing_ok=True)
        except OSError as error:
            raise ReportError(
                f"the report of {interval.key} could not be written to {path}: {error.strerror or error}. No part "
                f"of it was kept, and no table is affected; fix that, then: flywheel report --interval {interval.key}"
            ) from None
        return path

    def write_beside(self, name: str, page: str, index: Callable[[], str]) -> Path:
        """Put a page of no interval beside the others, and then the index. Raises ReportError when that fails."""
        path = self.folder / name
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked(self.folder / ".lock"):
                write_all({path: page.encode(), self.index: index().encode()})
        except OSError as error:
            raise ReportError(f"the page could not be written to {path}: {error.strerror or error}") from None
        return path

    def write_alone(self, path: Path, page: str) -> None:
        """Write a page to any path. Raises ReportError when that fails."""
        try:
            path.parent.stat()  # a folder is not made: its name may be mistyped
            write_whole(path, page.encode())
        except OSError as error:
            raise ReportError(f"the report could not be written to {path}: {error.strerror or error}") from None


def _is(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False
