"""Files of events as somebody names them, anywhere and of any form, to look at."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.errors import EventsError
from flywheel_assets.ingest.text_files import READ_ERRORS, convert, is_text
from flywheel_assets.warehouse.engine import FILE, PRECEDENCE, ROW, Engine


@contextmanager
def readable(files: Sequence[Path]) -> Iterator[list[Path]]:
    """Parquet files with the rows of the files, for as long as the context lasts. Raises EventsError."""
    with tempfile.TemporaryDirectory(prefix="flywheel-events-") as folder:
        yield [_readable(file, Path(folder) / f"{n}.parquet") for n, file in enumerate(files)]


def _readable(file: Path, target: Path) -> Path:
    if not file.is_file():
        raise EventsError(f"there is no file at {file}")
    if not file.stat().st_size:
        raise EventsError(f"{file} is empty; expected events")
    try:
        if is_text(file.name):
            convert(file, target)
            return target
        pq.read_schema(file)
    except (pa.ArrowException, ValueError, *READ_ERRORS) as error:
        raise EventsError(
            f"{file} cannot be read as parquet, CSV (.csv, .tsv, .csv.gz) or JSON lines (.jsonl, .ndjson, .json): "
            f"{str(error).strip().splitlines()[0]}"
        ) from None
    return file


def united(engine: Engine, paths: Sequence[Path]) -> ir.Table:
    """The rows of parquet files; columns whose types differ are texts."""
    if len(paths) == 1:
        return engine.read(paths)
    schemas = [pq.read_schema(path) for path in paths]
    types: dict[str, set[str]] = {}
    for field in (field for schema in schemas for field in schema):
        types.setdefault(field.name, set()).add(str(field.type))
    mixed = [name for name, found in types.items() if len(found) > 1]
    return engine.read_landed(paths, as_text=mixed).drop(FILE, ROW, PRECEDENCE)
