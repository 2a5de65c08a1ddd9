"""What is imported of MovieLens, and what is said of files that cannot be used."""

import os
import zipfile
from pathlib import Path

import pytest

from flywheel_assets.engagement.movielens import read_movielens
from flywheel_assets.errors import EngagementError

DATA = Path(os.environ.get("TEST_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data")
ZIP = DATA / "ml-latest-small.zip"

RATINGS = "userId,movieId,rating,timestamp\n1,10,4.0,964982703\n1,20,0.5,964982703\n2,10,5.0,964982800\n"
MOVIES = (
    "movieId,title,genres\n"
    '10,"American President, The (1995)",Comedy|Drama\n'
    "20,Untitled,(no genres listed)\n"
    "30,Unrated (1995),War\n"
)


def folder(path: Path, ratings: str = RATINGS, movies: str | None = MOVIES) -> Path:
    path.mkdir(exist_ok=True)
    (path / "ratings.csv").write_text(ratings)
    if movies is not None:
        (path / "movies.csv").write_text(movies)
    return path


def test_ratings_and_films_become_interactions_and_items(tmp_path: Path) -> None:
    data = read_movielens(folder(tmp_path))
    assert data.interactions.to_pylist()[1] == {
        "user_id": "1",
        "item_id": "20",
        "timestamp_unix": 964982703,
        "strength": 0.5,
    }
    assert data.items.to_pylist()[:2] == [
        {"item_id": "10", "groups": ["Comedy", "Drama"], "year": 1995},
        {"item_id": "20", "groups": None, "year": None},
    ]
    assert data.notes == ()


def test_a_film_that_is_rated_again_counts_once_and_is_named(tmp_path: Path) -> None:
    data = read_movielens(folder(tmp_path, RATINGS + "2,10,1.0,964982799\n2,10,2.0,964982800\n"))
    (again,) = [one for one in data.interactions.to_pylist() if one["user_id"] == "2"]
    assert (again["strength"], again["timestamp_unix"]) == (2.0, 964982800)
    (note,) = data.notes
    assert note.startswith("2 ratings")
    assert "user 2, film 10" in note


def test_a_rated_film_that_is_not_listed_has_no_attributes_and_is_named(tmp_path: Path) -> None:
    data = read_movielens(folder(tmp_path, RATINGS + "3,99,1.0,964982799\n"))
    assert data.items.to_pylist()[-1] == {"item_id": "99", "groups": None, "year": None}
    assert "1 rated films are not in movies.csv" in data.notes[0]
    assert "99" in data.notes[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("3,10,7.0,964982703", "ratings outside of 0.5 to 5: 1, the first in line 5 (7.0)"),
        ("3,10,nan,964982703", "rows without rating: 1, the first in line 5"),
        ("3,10,,964982703", "rows without rating: 1, the first in line 5"),
        (",10,4.0,964982703", "rows without userId: 1, the first in line 5"),
        ("3,10,4.0,", "rows without timestamp: 1, the first in line 5"),
        ("3,10,4.0,-4", "no times in timestamp: 1, the first in line 5 (-4)"),
        ("3,10,good,964982703", "Row #5"),
        ("3,10,4.0", "Expected 4 columns, got 3"),
    ],
)
def test_a_rating_that_cannot_be_used_is_named_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(EngagementError) as error:
        read_movielens(folder(tmp_path, f"{RATINGS}{line}\n"))
    assert said in str(error.value)
    assert "ratings.csv" in str(error.value)


def test_files_that_are_missing_damaged_or_of_another_form_are_refused(tmp_path: Path) -> None:
    def refused(path: Path, said: str) -> None:
        with pytest.raises(EngagementError, match=said):
            read_movielens(path)

    refused(tmp_path / "nowhere.zip", "does not exist; expected the zip or folder of MovieLens")
    refused(folder(tmp_path / "a", movies=None), "has no movies.csv")
    refused(
        folder(tmp_path / "b", ratings="userId,movieId,rating\n1,2,3\n"), "ratings.csv lacks a column; expected userId"
    )
    refused(folder(tmp_path / "c", ratings="userId,movieId,rating,timestamp\n"), "has no ratings")
    whole, other, cut, flipped = (tmp_path / f"{name}.zip" for name in ("whole", "other", "cut", "flipped"))
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ml/ratings.csv", RATINGS * 1 + "".join(f"{n},10,4.0,964982703\n" for n in range(9, 999)))
        archive.writestr("ml/movies.csv", MOVIES)
    assert len(read_movielens(whole).interactions) == 993
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("ml/links.csv", "")
    refused(other, "has no ratings.csv, but ml/links.csv")
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    refused(cut, "is no zip, or a damaged one")
    flipped.write_bytes(content[:200] + bytes(40) + content[240:])
    refused(flipped, "ratings.csv cannot be read: .*Download it again")


@pytest.mark.skipif(not ZIP.is_file(), reason=f"{ZIP.name} is not in ../shared/data, nor in TEST_DATA_DIR")
def test_movielens_small_is_imported_whole() -> None:
    data = read_movielens(ZIP)
    assert (len(data.interactions), len(data.items), data.notes) == (100_836, 9_742, ())
    assert len(data.interactions["user_id"].unique()) == 610
