"""MovieLens as GroupLens ships it, the zip or its folder, as interactions: ratings.csv and movies.csv."""

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from flywheel_assets.engagement.interactions import FILE, ITEMS, ITEMS_FILE, TABLE
from flywheel_assets.errors import EngagementError
from flywheel_assets.tables.contract import arrow_schema
from flywheel_assets.warehouse.files import write_all

RATINGS, MOVIES = "ratings.csv", "movies.csv"
OF_RATINGS = {"userId": pa.string(), "movieId": pa.string(), "rating": pa.float64(), "timestamp": pa.int64()}
OF_MOVIES = {"movieId": pa.string(), "title": pa.string(), "genres": pa.string()}

LOWEST, HIGHEST = 0.5, 5.0
NO_GENRES = "(no genres listed)"
NAMED = 3
"""So many of the rows that are wrong are named."""


@dataclass(frozen=True)
class MovieLens:
    """``interactions`` and ``items`` by their contracts; ``notes`` say what was left out, and why."""

    interactions: pa.Table
    items: pa.Table
    notes: tuple[str, ...]

    def write(self, folder: Path) -> None:
        """Replaces what a folder of interactions has, both files or none. Raises EngagementError."""
        contents = {}
        for name, rows in ((FILE, self.interactions), (ITEMS_FILE, self.items)):
            buffer = io.BytesIO()
            pq.write_table(rows, buffer, compression="zstd")
            contents[folder / name] = buffer.getvalue()
        try:
            write_all(contents)
        except OSError as error:
            raise EngagementError(f"FLYWHEEL_INTERACTIONS_DIR is {folder}: {error.strerror}") from None


def read_movielens(path: Path) -> MovieLens:
    """What a zip of MovieLens, or its folder, holds. A user who rated a film several times counts with the last rating.

    Raises EngagementError, which names file and line, for a zip that is damaged, a file or column that is missing, and
    a row without user, film, rating or time, or with a rating outside of 0.5 to 5."""
    ratings, films = _csv(path, RATINGS, OF_RATINGS), _csv(path, MOVIES, OF_MOVIES)
    where = f"{path}: {RATINGS}"
    for name in ratings.column_names:
        empty = pc.or_kleene(pc.is_null(ratings[name], nan_is_null=True), pc.equal(ratings[name].cast(pa.string()), ""))
        _refuse(empty, f"{where} has rows without {name}", ratings[name], "fill it in, or leave the rows out")
    outside = pc.or_(pc.less(ratings["rating"], LOWEST), pc.greater(ratings["rating"], HIGHEST))
    _refuse(outside, f"{where} has ratings outside of {LOWEST:g} to {HIGHEST:g}", ratings["rating"], "correct the file")
    no_time = pc.less(ratings["timestamp"], 1)
    _refuse(no_time, f"{where} has no times in timestamp", ratings["timestamp"], "expected seconds since 1970")
    if not ratings.num_rows:
        raise EngagementError(f"{where} has no ratings")
    notes = []
    ratings, again = _last(ratings, ["userId", "movieId"], "timestamp")
    if again.num_rows:
        named = [f"user {one['userId']}, film {one['movieId']}" for one in again.slice(0, NAMED).to_pylist()]
        notes.append(
            f"{again.num_rows:,} ratings are of a film that the user rated again; the last one stays: "
            f"{_some(named, again.num_rows)}"
        )
    films, again = _last(films, ["movieId"], None)
    if again.num_rows:
        notes.append(f"{again.num_rows:,} lines of {MOVIES} are of a film that it has already; the last one stays")
    unknown = pc.unique(ratings["movieId"].filter(pc.invert(pc.is_in(ratings["movieId"], films["movieId"]))))
    if len(unknown):
        films_named = _some(unknown.slice(0, NAMED).to_pylist(), len(unknown))
        notes.append(
            f"{len(unknown):,} rated films are not in {MOVIES} and have neither genres nor year: {films_named}"
        )
    interactions = pa.table(
        [ratings[name] for name in ("userId", "movieId", "timestamp", "rating")], schema=arrow_schema(TABLE.columns)
    )
    years = pc.extract_regex(films["title"], r"\((?P<year>\d{4})\)\s*$")
    genres = pc.if_else(pc.equal(films["genres"], NO_GENRES), None, films["genres"])
    items = pa.table(
        [films["movieId"], pc.split_pattern(genres, "|"), pc.struct_field(years, "year").cast(pa.int32())],
        schema=arrow_schema(ITEMS),
    )
    nothing = [pa.nulls(len(unknown), column.type) for column in items.columns[1:]]
    others = pa.table([unknown, *nothing], schema=items.schema)
    return MovieLens(interactions, pa.concat_tables([items, others]), tuple(notes))


def _csv(path: Path, name: str, types: dict[str, pa.DataType]) -> pa.Table:
    try:
        with _opened(path, name) as file:
            return pyarrow.csv.read_csv(
                file,
                read_options=pyarrow.csv.ReadOptions(use_threads=False),  # only then do errors name the row
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=types, include_columns=list(types), strings_can_be_null=True
                ),
            )
    except pa.ArrowKeyError:
        raise EngagementError(f"{path}: {name} lacks a column; expected {', '.join(types)}") from None
    except (pa.ArrowInvalid, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        first = str(error).strip().splitlines()[0]
        raise EngagementError(f"{path}: {name} cannot be read: {first}. Download it again from GroupLens") from None


def _opened(path: Path, name: str) -> IO[bytes]:
    expected = f"expected the zip or folder of MovieLens with {RATINGS} and {MOVIES}, as GroupLens ships it"
    if path.is_dir():
        if not (path / name).is_file():
            raise EngagementError(f"{path} has no {name}; {expected}")
        return (path / name).open("rb")
    if not path.is_file():
        raise EngagementError(f"{path} does not exist; {expected}")
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise EngagementError(f"{path} is no zip, or a damaged one ({error}); {expected}") from None
    member = next((one for one in archive.namelist() if Path(one).name == name), None)
    if member is None:
        found = ", ".join(archive.namelist()[:5]) or "nothing"
        raise EngagementError(f"{path} has no {name}, but {found}; {expected}")
    return archive.open(member)


def _refuse(wrong: pa.ChunkedArray, what: str, values: pa.ChunkedArray, way_out: str) -> None:
    """Raises EngagementError where a row is wrong; the line counts the heading."""
    lines = pc.indices_nonzero(wrong.combine_chunks()).to_pylist()
    if lines:
        first = lines[0]
        found = values[first].as_py()
        raise EngagementError(f"{what}: {len(lines):,}, the first in line {first + 2} ({found!r}); {way_out}")


def _last(rows: pa.Table, keys: Sequence[str], order: str | None) -> tuple[pa.Table, pa.Table]:
    """Of rows of the same keys the last one by ``order`` and then by place, in their order; and those left out."""
    at = rows.append_column("_at", pa.array(np.arange(rows.num_rows)))
    sorted_rows = at.sort_by([(order, "ascending"), ("_at", "ascending")]) if order else at
    kept = sorted_rows.group_by(list(keys), use_threads=False).aggregate([("_at", "last")])["_at_last"]
    stays = pc.is_in(at["_at"], kept.combine_chunks())
    return rows.filter(stays), rows.filter(pc.invert(stays))


def _some(named: Sequence[str], count: int) -> str:
    return "; ".join(map(str, named)) + (f"; and {count - len(named):,} more" if count > len(named) else "")
