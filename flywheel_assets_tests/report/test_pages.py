"""Pages are seen whole or not at all."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flywheel_assets.errors import ReportError
from flywheel_assets.report.pages import Pages
from flywheel_assets_tests.frames import CALENDAR, SECOND

PAGE = '<!doctype html><head><meta name="made-from" content="a &quot;digest&quot;"></head><body>first</body>'


@contextmanager
def full_after(size_bytes: int) -> Iterator[None]:
    """No file can grow beyond so many bytes: a write ends in the middle, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def test_a_page_its_index_and_the_script_beside_them_are_there_after_writing(tmp_path: Path) -> None:
    pages = Pages(tmp_path)
    path = pages.write(SECOND, PAGE, lambda: "index", "s.js", "script")
    assert path.name == "interval_002_2024-01-15_2024-01-28.html"
    assert files(tmp_path / "reports") == {path.name: PAGE, "index.html": "index", "s.js": "script"}


def test_a_page_says_what_it_was_made_from(tmp_path: Path) -> None:
    pages = Pages(tmp_path)
    assert pages.digest(SECOND, "made-from") is None
    pages.write(SECOND, PAGE, lambda: "", "s.js", "")
    assert pages.digest(SECOND, "made-from") == 'a "digest"'
    assert pages.digest(SECOND, "made-by") is None


def test_a_full_disk_leaves_the_page_and_the_index_that_were_there_and_says_so(tmp_path: Path) -> None:
    pages = Pages(tmp_path)
    pages.write(SECOND, PAGE, lambda: "index", "s.js", "script")
    before = files(tmp_path)
    for page, index in (("x" * 100_000, "new index"), ("new page", "x" * 100_000)):
        with full_after(50_000), pytest.raises(ReportError) as raised:
            pages.write(SECOND, page, lambda index=index: index, "s.js", "script")  # type: ignore[misc]
        assert files(tmp_path) == before
        assert "the report of 2024-01-15 could not be written to" in str(raised.value)
        assert "File too large. No part of it was kept, and no table is affected" in str(raised.value)
        assert "flywheel report --interval 2024-01-15" in str(raised.value)


def test_a_disk_too_full_for_the_script_leaves_no_page_that_would_lack_it(tmp_path: Path) -> None:
    with full_after(50_000), pytest.raises(ReportError):
        Pages(tmp_path).write(SECOND, PAGE, lambda: "index", "s.js", "x" * 100_000)
    assert files(tmp_path) == {}


def test_under_another_first_interval_a_page_replaces_that_of_its_old_number(tmp_path: Path) -> None:
    pages, other = Pages(tmp_path), CALENDAR.number(3)
    pages.write(other, PAGE, lambda: "", "s.js", "")
    pages.write(SECOND, PAGE, lambda: "", "s.js", "")
    old = pages.folder / "interval_007_2024-01-15_2024-01-28.html"
    pages.path(SECOND).rename(old)
    pages.write(SECOND, PAGE, lambda: "", "s.js", "")
    assert sorted(p.name for p in pages.folder.glob("interval_*")) == [pages.path(SECOND).name, pages.path(other).name]


def test_a_page_to_send_goes_where_it_is_wanted_or_nowhere(tmp_path: Path) -> None:
    pages, wanted = Pages(tmp_path), tmp_path / "mine.html"
    pages.write_alone(wanted, "first")
    with full_after(50_000), pytest.raises(ReportError, match=r"could not be written to .*mine\.html: File too large"):
        pages.write_alone(wanted, "x" * 100_000)
    assert files(tmp_path) == {"mine.html": "first"}
    with pytest.raises(ReportError, match="No such file or directory"):
        pages.write_alone(tmp_path / "nowhere" / "mine.html", "page")
