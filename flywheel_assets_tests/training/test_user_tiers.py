"""Labels of users from the sessions that they have: tiers once, then by the file."""

from pathlib import Path

import pandas as pd
import pytest

from flywheel_assets.errors import LabelError
from flywheel_assets.training.user_tiers import user_labels

ORDERS = ("Low", "High"), ("Passive", "Exploring", "Engaged")


def sessions(*users: tuple[str, str, int, int]) -> pd.DataFrame:
    """(user, interval, sessions Low, sessions High)."""
    rows = [(u, key, label) for u, key, low, high in users for label in ["Low"] * low + ["High"] * high]
    return pd.DataFrame(rows, columns=["user_id", "interval_start", "session_quality_label"])


FIVE = sessions(("a", "k1", 4, 0), ("b", "k1", 2, 2), ("c", "k1", 0, 5), ("a", "k2", 0, 4), ("d", "k2", 7, 1))


def labelled(table: pd.DataFrame, path: Path) -> dict[tuple[str, str], str]:
    rows = user_labels(table, ("k1",), ORDERS, "people", path).rows
    return {(row.user_id, row.interval_start): row.user_flywheel_label for row in rows.itertuples()}


def test_users_with_better_mixes_have_better_labels_in_each_interval(tmp_path: Path) -> None:
    assert labelled(FIVE, tmp_path / "u.toml") == {
        ("a", "k1"): "Passive",
        ("b", "k1"): "Exploring",
        ("c", "k1"): "Engaged",
        ("a", "k2"): "Exploring",
        ("d", "k2"): "Passive",
    }


def test_the_proposal_is_of_training_intervals_alone(tmp_path: Path) -> None:
    found = user_labels(FIVE, ("k1",), ORDERS, "people", tmp_path / "u.toml")
    text = (tmp_path / "u.toml").read_text()

    assert "Proposed from 3 users and intervals, k1 to k1" in text
    assert text.endswith(
        "[least_worths]\n"
        '# 1 users and intervals, median sessions 4; 100% Low, 0% High\n"Passive" = 0\n'
        '# 1 users and intervals, median sessions 4; 50% Low, 50% High\n"Exploring" = 0.4\n'
        '# 1 users and intervals, median sessions 5; 0% Low, 100% High\n"Engaged" = 0.83\n'
    )
    assert found.tiers == [
        {"label": "Passive", "users": 2, "median_sessions": 6.0, "Low": 0.9375, "High": 0.0625},
        {"label": "Exploring", "users": 2, "median_sessions": 4.0, "Low": 0.25, "High": 0.75},
        {"label": "Engaged", "users": 1, "median_sessions": 5.0, "Low": 0.0, "High": 1.0},
    ]
    assert found.warnings == ["the median of sessions is 4 for Exploring users, and 6 for Passive users"]


def test_the_best_label_has_the_most_good_sessions_where_the_nearest_of_four_mixes_would_not(tmp_path: Path) -> None:
    """A shop: K-Means put those who buy a third of the times below those who only fill carts."""
    qualities = ("bounce", "view", "cart", "purchase")
    kinds = {"bounce": (60, (3, 0, 0, 0)), "view": (40, (0, 3, 0, 0)), "cart": (25, (0, 0, 3, 0)),
             "buy": (8, (1, 0, 1, 1)), "regular": (6, (0, 0, 2, 4))}  # fmt: skip
    rows = [
        (f"{kind}{user}", "k1", quality)
        for kind, (users, mix) in kinds.items()
        for user in range(users)
        for quality, count in zip(qualities, mix, strict=True)
        for _ in range(count)
    ]
    table = pd.DataFrame(rows, columns=["user_id", "interval_start", "session_quality_label"])
    orders = qualities, ("Passive", "Exploring", "Engaged", "Highly Engaged")
    found = user_labels(table, ("k1",), orders, "people", tmp_path / "u.toml")
    labels = dict(zip(found.rows.user_id.str.rstrip("0123456789"), found.rows.user_flywheel_label, strict=True))

    assert labels == {
        "bounce": "Passive",
        "view": "Exploring",
        "buy": "Engaged",
        "cart": "Engaged",
        "regular": "Highly Engaged",
    }
    assert [round(float(tier["purchase"]), 2) for tier in found.tiers] == [0, 0, 0.08, 0.67]  # type: ignore[arg-type]
    assert found.warnings == []


def test_the_file_decides_whatever_the_range(tmp_path: Path) -> None:
    path = tmp_path / "u.toml"
    labelled(FIVE, path)
    path.write_text(path.read_text().replace('"Exploring" = 0.4', '"Exploring" = 0.6'))
    edited = path.read_bytes()

    assert labelled(sessions(("x", "k1", 3, 2), ("y", "k1", 0, 7)), path) == {
        ("x", "k1"): "Passive",
        ("y", "k1"): "Engaged",
    }
    assert path.read_bytes() == edited


def test_by_a_file_that_counts_the_mix_alone_activity_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "u.toml"
    labelled(FIVE, path)
    path.write_text(path.read_text().replace("added_sessions = 1", "added_sessions = 0"))

    assert set(labelled(sessions(("x", "k1", 0, 1), ("y", "k1", 0, 30)), path).values()) == {"Engaged"}


def test_who_is_worth_less_than_any_label_asks_has_the_worst(tmp_path: Path) -> None:
    path = tmp_path / "u.toml"
    labelled(FIVE, path)
    path.write_text(path.read_text().replace('"Passive" = 0', '"Passive" = 0.1'))

    assert labelled(FIVE, path)["a", "k1"] == "Passive"


def test_users_of_a_file_of_mixes_have_the_nearest_and_disorder_is_told(tmp_path: Path) -> None:
    path = tmp_path / "u.toml"
    path.write_text(
        'sessions_labelled_by = "people"\n[clusters.1]\nlabel = "Engaged"\nmix = { Low = 1.0, High = 0.0 }\n'
        '[clusters.2]\nlabel = "Passive"\nmix = { Low = 0.0, High = 1.0 }\n'
    )
    found = user_labels(FIVE, ("k1",), ORDERS, "people", path)

    assert found.rows.user_flywheel_label.tolist() == ["Engaged", "Engaged", "Passive", "Passive", "Engaged"]
    assert found.warnings == [
        "the mean worth of the mix is 0.21 for Engaged users, and 1.00 for Passive users",
        "the share of High is 0.21 for Engaged users, and 1.00 for Passive users",
        "the median of sessions is 4 for Engaged users, and 4.5 for Passive users",
    ]


def test_a_preview_writes_nothing(tmp_path: Path) -> None:
    assert len(user_labels(FIVE, ("k1",), ORDERS, "people", tmp_path / "u.toml", write=False).tiers) == 3
    assert list(tmp_path.iterdir()) == []


def test_fewer_worths_than_labels_have_the_outermost_labels(tmp_path: Path) -> None:
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
