"""Labels of users from the mix of their sessions' labels: centres once, then the nearest one in the file."""

from pathlib import Path

import pandas as pd
import pytest

from flywheel_assets.errors import LabelError
from flywheel_assets.training.user_clusters import user_labels

ORDERS = ("Low", "High"), ("Passive", "Exploring", "Engaged")


def sessions(*users: tuple[str, str, int, int]) -> pd.DataFrame:
    """(user, interval, sessions Low, sessions High)."""
    rows = [(u, key, label) for u, key, low, high in users for label in ["Low"] * low + ["High"] * high]
    return pd.DataFrame(rows, columns=["user_id", "interval_start", "session_quality_label"])


FIVE = sessions(("a", "k1", 4, 0), ("b", "k1", 2, 2), ("c", "k1", 0, 3), ("a", "k2", 0, 1), ("d", "k2", 7, 1))


def labelled(table: pd.DataFrame, path: Path) -> dict[tuple[str, str], str]:
    rows = user_labels(table, ("k1",), ORDERS, "people", path).rows
    return {(row.user_id, row.interval_start): row.user_flywheel_label for row in rows.itertuples()}


def test_users_with_better_mixes_have_better_labels_in_each_interval(tmp_path: Path) -> None:
    assert labelled(FIVE, tmp_path / "u.toml") == {
        ("a", "k1"): "Passive",
        ("b", "k1"): "Exploring",
        ("c", "k1"): "Engaged",
        ("a", "k2"): "Engaged",
        ("d", "k2"): "Passive",
    }


def test_the_proposal_is_of_training_intervals_alone(tmp_path: Path) -> None:
    found = user_labels(FIVE, ("k1",), ORDERS, "people", tmp_path / "u.toml")

    assert [cluster.center for cluster in found.clusters] == [
        {"Low": 1.0, "High": 0.0},
        {"Low": 0.5, "High": 0.5},
        {"Low": 0.0, "High": 1.0},
    ]
    assert "Proposed from 3 users and intervals, k1 to k1" in (tmp_path / "u.toml").read_text()
    assert found.users == [2, 1, 2]
    assert found.qualities == pytest.approx([(1 + 1.125) / 2, 1.5, 2.0])
    assert [line["mean_quality"] for line in found.tiers()] == found.qualities


def test_the_file_decides_whatever_the_range(tmp_path: Path) -> None:
    path = tmp_path / "u.toml"
    labelled(FIVE, path)
    path.write_text(path.read_text().replace('label = "Exploring"', 'label = "Passive"'))
    edited = path.read_bytes()

    assert labelled(sessions(("x", "k1", 3, 2), ("y", "k1", 0, 2)), path) == {
        ("x", "k1"): "Passive",
        ("y", "k1"): "Engaged",
    }
    assert path.read_bytes() == edited


def test_fewer_mixes_than_labels_have_the_outermost_labels(tmp_path: Path) -> None:
    assert set(labelled(sessions(("a", "k1", 1, 0), ("b", "k1", 0, 1)), tmp_path / "u.toml").values()) == {
        "Passive",
        "Engaged",
    }


def test_users_that_are_all_alike_are_an_error_and_no_file_is_written(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="all 2 users have the same mix of session labels"):
        labelled(sessions(("a", "k1", 1, 1), ("b", "k1", 2, 2)), tmp_path / "u.toml")

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_utf_8_is_one_sentence_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "user_cluster_labels.toml"
    path.write_bytes("# für später".encode("latin-1"))
    with pytest.raises(LabelError, match=r"user_cluster_labels\.toml is not UTF-8: .*; save it as UTF-8, or delete"):
        labelled(sessions(("ann", "k1", 1, 0), ("bob", "k1", 0, 1)), path)
