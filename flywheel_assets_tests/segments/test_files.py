import threading
from pathlib import Path

import pyarrow as pa
import pytest

from flywheel_assets.errors import SegmentsError
from flywheel_assets.segments import k_diagnostics, visit_features
from flywheel_assets.segments.files import SegmentFiles
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets.warehouse.files import write_whole
from flywheel_assets.warehouse.warehouse import Warehouse


@pytest.fixture
def files(tmp_path: Path, engine: DuckDBEngine) -> SegmentFiles:
    return SegmentFiles(Warehouse(tmp_path, engine))


def test_tables_keep_their_rows_and_notes(files: SegmentFiles, engine: DuckDBEngine) -> None:
    kept = files.keep(k_diagnostics.TABLE, [{"clusters": 2}, {"clusters": 3}])
    written = files.write(visit_features.TABLE, engine.read([kept.path]), {"range": "all"})

    assert (written.rows, written.path) == (2, files.folder / "visit_features.parquet")
    assert sorted(files.read("visit_features")["clusters"].to_pylist()) == [2, 3]
    assert files.note("visit_features", "range") == "all"


def test_the_report_is_there_once_it_is_written(files: SegmentFiles) -> None:
    assert files.report() is None
    files.write_report({"why": "so"})
    assert files.report() == {"why": "so"}


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(files: SegmentFiles) -> None:
    files.keep(k_diagnostics.TABLE, [{"clusters": 2}])
    with pytest.raises(pa.ArrowException):
        files.keep(k_diagnostics.TABLE, [{"clusters": "three"}])

    assert files.read("k_diagnostics")["clusters"].to_pylist() == [2]
    assert list((files.folder.parent / "_staging").iterdir()) == []


def test_a_missing_table_and_a_broken_report_say_what_to_do(files: SegmentFiles) -> None:
    with pytest.raises(SegmentsError, match=r"visit_features.parquet is not there: .*flywheel segments fit"):
        files.read("visit_features")
    write_whole(files.report_path, b"{")
    with pytest.raises(SegmentsError, match=r"model_report.json cannot be read .* flywheel segments fit"):
        files.report()


def test_of_two_fits_one_waits_and_says_so(files: SegmentFiles) -> None:
    waiting, order = threading.Event(), []

    def other() -> None:
        with files.lock(waiting.set):
            order.append("second")

    with files.lock():
        thread = threading.Thread(target=other)
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)

    assert order == ["first", "second"]
