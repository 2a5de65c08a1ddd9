"""Labelled data of a range of intervals and of a file, from landed sessions to what a candidate learns from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flywheel_assets.errors import LabelError, NotMaterializedError, SettingsError
from flywheel_assets.segments.files import SegmentFiles
from flywheel_assets.segments.segments import Cluster, Segments
from flywheel_assets.simulation.world import FEATURES
from flywheel_assets.training.sources import file_source, range_source
from flywheel_assets.training.training_data import TrainingData
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import Project

LOW, HIGH = "Low Quality", "High Quality"
IDS = ("ann.1705276800", "ann.1705737600", "bob.1706482800", "ann.1707728400", "cy.1707818400", "ann.1709024400")
"""Of the history: three of the first interval, two of the third, one of the last."""


def label(project: Project, part: str, name: str, rows: Sequence[Sequence[Any]], *columns: str) -> None:
    folder = project.settings.labels_dir / part
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=list(columns)).to_parquet(folder / name)


def label_sessions(project: Project, labels: Sequence[tuple[str, str | None]], name: str = "a.parquet") -> None:
    label(project, "sessions", name, labels, "session_id", "session_quality_label")


def label_users(project: Project, labels: Sequence[tuple[str, str]]) -> None:
    label(project, "users", "a.parquet", labels, "user_id", "user_flywheel_label")


def labelled(project: Project, first: str = FIRST, last: str = LAST) -> tuple[TrainingData, list[str]]:
    warnings: list[str] = []
    with project.flywheel() as flywheel:
        return range_source(flywheel, first, last, warnings.append).data, warnings


def fit(project: Project) -> None:
    """Two clusters by page views: about 2, and about 20."""
    clusters = (Cluster(1, "few views", (2.0,), 0, 0.0), Cluster(2, "many views", (20.0,), 0, 0.0))
    segments = Segments(("pageviews",), (), (0.0,), (1.0,), FEATURES, "leads", clusters, 2, FIRST, LAST, 0)
    with project.flywheel() as flywheel:
        SegmentFiles(flywheel.warehouse).write_report(segments.to_json())


def all_labelled(project: Project) -> None:
    label_sessions(project, [(one, HIGH if one.startswith("ann") else LOW) for one in IDS])
    label_users(project, [("ann", "Engaged"), ("bob", "Passive"), ("cy", "Passive")])


def test_a_teams_own_labels_come_with_the_features_of_the_range(copy: Project) -> None:
    all_labelled(copy)
    data, warnings = labelled(copy)

    assert list(data["session"].rows.session_id)[:6] == sorted(IDS[:3]) + sorted(IDS[3:5]) + [IDS[5]]
    assert list(data["session"].rows.user_id)[6:] == ["cy", "dan"]
    assert data["session"].rows.session_quality_label.tolist() == [HIGH, HIGH, LOW, HIGH, LOW, HIGH, None, None]
    assert list(data["session"].rows.columns) == [
        "session_id", "user_id", "interval_start", *FEATURES, "session_quality_label", "part",
    ]  # fmt: skip
    assert list(data["session"].rows.pageviews) == [3, 40, 1, 8, 2, 5, 4, 12]
    assert list(data["session"].rows.part) == ["training"] * 5 + ["validation"] * 3
    assert data["user"].rows.to_dict("list") == {
        "user_id": ["ann", "bob", "ann", "cy", "ann", "cy"],
        "interval_start": [FIRST, FIRST, AFTER_GAP, AFTER_GAP, LAST, LAST],
        "user_flywheel_label": ["Engaged", "Passive", "Engaged", "Passive", "Engaged", "Passive"],
    }
    assert data.intervals == (FIRST, AFTER_GAP, LAST)
    assert (data["session"].order, data["user"].order) == ((LOW, HIGH), ("Passive", "Engaged"))
    assert (data["session"].features, data["session"].outcome_features, data.from_clusters) == (FEATURES, (), ())
    assert data.source == "sessions: a team's own labels of 6 of 8 sessions; users: a team's own labels of 3 users"
    assert warnings == []


def test_labelled_sessions_that_are_not_in_the_range_are_counted_and_told(copy: Project) -> None:
    all_labelled(copy)
    label_sessions(copy, [("eve.1704067200", LOW), ("nonsense", HIGH)], "b.parquet")
    label_users(copy, [("ann", "Engaged"), ("bob", "Passive"), ("cy", "Passive"), ("eve", "Passive")])
    data, warnings = labelled(copy)

    assert data["session"].rows.session_quality_label.notna().sum() == 6
    assert warnings == [
        f"2 of 8 labelled sessions in {copy.settings.labels_dir / 'sessions'} are unknown: from {FIRST} to {LAST} no "
        "such session is in trimmed_sessions",
        f"1 of 4 labelled users in {copy.settings.labels_dir / 'users'} have no session in the intervals of labelled "
        "ones",
    ]


def test_it_is_an_error_only_when_no_labelled_session_is_known(copy: Project) -> None:
    label_sessions(copy, [("eve.1704067200", LOW), ("nonsense", HIGH)])

    with pytest.raises(LabelError, match=r"2 of 2 labelled sessions in .* are unknown: from"):
        labelled(copy)


def test_it_is_an_error_when_no_labelled_user_is_known(copy: Project) -> None:
    all_labelled(copy)
    label_users(copy, [("eve", "Engaged")])

    with pytest.raises(LabelError, match=r"1 of 1 labelled users in .* have no session in the intervals of"):
        labelled(copy)


def test_sessions_that_nobody_labelled_are_there_without_a_label_for_users_are_served_mixes_of_all(
    copy: Project,
) -> None:
    all_labelled(copy)
    label_sessions(copy, [(one, HIGH if one.startswith("ann") else LOW) for one in IDS if one != IDS[1]])
    data, warnings = labelled(copy)
    labels = dict(zip(data["session"].rows.session_id, data["session"].rows.session_quality_label, strict=True))

    assert len(labels) == 8, "two of the last interval belong to users whose sessions nobody labelled"
    assert labels[IDS[1]] is None
    assert data.source.startswith("sessions: a team's own labels of 5 of 8 sessions; ")
    assert len(data["user"].rows) == 6, "cy has a label, and no labelled session in the last interval"
    assert warnings == []


def test_an_interval_in_which_nobody_labelled_a_session_neither_trains_nor_validates(copy: Project) -> None:
    all_labelled(copy)
    label_sessions(copy, [(one, HIGH if one.startswith("ann") else LOW) for one in IDS[:5]])
    data, _ = labelled(copy)

    assert data.intervals == (FIRST, AFTER_GAP)
    assert set(data["user"].rows.interval_start) == {FIRST, AFTER_GAP}


def test_clusters_are_cut_into_the_labels_of_an_order_that_is_stated(copy: Project) -> None:
    fit(copy)
    copy.settings.labels_dir.mkdir(parents=True, exist_ok=True)
    (copy.settings.labels_dir / "label_order.toml").write_text('sessions = ["cold", "hot"]\nusers = ["lost", "won"]')
    data, _ = labelled(copy)

    assert (data["session"].order, data["user"].order) == (("cold", "hot"), ("lost", "won"))
    assert set(data["session"].rows.session_quality_label[data["session"].rows.pageviews >= 12]) == {"hot"}


def test_labels_of_ones_own_need_an_order_and_take_the_one_that_is_stated(copy: Project) -> None:
    all_labelled(copy)
    label_sessions(copy, [(one, "good" if one.startswith("ann") else "bad") for one in IDS])
    with pytest.raises(LabelError, match=r'sessions are labelled bad, good, .* Write sessions = \["bad", "good"\]'):
        labelled(copy)

    (copy.settings.labels_dir / "label_order.toml").write_text('sessions = ["bad", "good"]')
    assert labelled(copy)[0]["session"].order == ("bad", "good")

    (copy.settings.labels_dir / "label_order.toml").write_text('sessions = ["bad", "better"]')
    with pytest.raises(
        LabelError, match=r"sessions are labelled good, missing from the order of .*label_order\.toml: bad, better"
    ):
        labelled(copy)


def test_without_labels_and_segments_both_ways_to_them_are_told(copy: Project) -> None:
    with pytest.raises(LabelError, match=r"put parquet .* into .*data/labels/sessions, or fit segments, .* fit"):
        labelled(copy)


def test_sessions_that_nobody_labelled_are_labelled_by_their_clusters_and_users_by_their_mixes(copy: Project) -> None:
    fit(copy)
    data, _ = labelled(copy)
    pages = dict(zip(data["session"].rows.pageviews, data["session"].rows.session_quality_label, strict=True))

    assert pages == {**dict.fromkeys([3, 1, 8, 2, 5, 4], "Very Low Quality"), **dict.fromkeys([40, 12], HIGH)}
    assert data["session"].order == ("Very Low Quality", HIGH)
    assert {(row.user_id, row.interval_start): row.user_flywheel_label for row in data["user"].rows.itertuples()} == {
        ("ann", FIRST): "Highly Engaged",
        ("bob", FIRST): "Passive",
        ("ann", AFTER_GAP): "Passive",
        ("cy", AFTER_GAP): "Passive",
        ("ann", LAST): "Passive",
        ("cy", LAST): "Passive",
        ("dan", LAST): "Highly Engaged",
    }
    assert data["session"].outcome_features == ("leads",)
    assert data.from_clusters == ("sessions", "users")
    assert data.source.endswith("users: 2 tiers by the worth of session labels, by user_cluster_labels.toml")
    assert sorted(path.name for path in copy.settings.labels_dir.iterdir()) == [
        "segment_labels.toml",
        "user_cluster_labels.toml",
    ]


def test_the_same_labels_come_again_with_the_same_fingerprint(copy: Project) -> None:
    fit(copy)
    first, second = labelled(copy)[0], labelled(copy)[0]

    assert first.fingerprint == second.fingerprint
    assert first["session"].rows.equals(second["session"].rows)


def test_mixes_of_sessions_that_stand_for_something_else_now_are_an_error_until_somebody_looked(copy: Project) -> None:
    fit(copy)
    labelled(copy)
    tiers, mixes = (copy.settings.labels_dir / name for name in ("segment_labels.toml", "user_cluster_labels.toml"))
    tiers.write_text(tiers.read_text().replace('2 = "High Quality"', '2 = "Medium Quality"'))
    with pytest.raises(LabelError, match=r"user_cluster_labels\.toml is for sessions labelled by segments \w+ as"):
        labelled(copy)

    mixes.unlink()
    assert labelled(copy)[0]["session"].order == ("Very Low Quality", "Medium Quality")


def test_own_labels_of_sessions_go_with_mixes_for_users(copy: Project) -> None:
    label_sessions(copy, [(one, HIGH if one.startswith("ann") else LOW) for one in IDS])
    data, _ = labelled(copy)

    assert (LAST, "cy") not in set(zip(data["user"].rows.interval_start, data["user"].rows.user_id, strict=True)), (
        "no label to mix"
    )
    labels = data["user"].rows.set_index(["user_id", "interval_start"]).user_flywheel_label
    assert labels["ann"].to_dict() == {FIRST: "Highly Engaged", AFTER_GAP: "Exploring", LAST: "Exploring"}, "two, one"
    assert data["session"].outcome_features == ()


def test_an_interval_that_was_not_run_is_named_with_the_command(copy: Project) -> None:
    all_labelled(copy)

    with pytest.raises(NotMaterializedError, match=r"2024-01-01 .*: flywheel run --from 2024-01-01 --to 2024-01-01"):
        labelled(copy, "2024-01-01")


def test_a_single_interval_is_not_enough(copy: Project) -> None:
    all_labelled(copy)

    with pytest.raises(LabelError, match=f"one interval, {FIRST}; expected two or more"):
        labelled(copy, FIRST, GAP)


def test_a_key_that_is_no_interval_is_named(copy: Project) -> None:
    with pytest.raises(SettingsError, match="no interval starts on 2024-01-16"):
        labelled(copy, "2024-01-16")


def file_of(folder: Path, **changed: object) -> Path:
    """Three sessions in two intervals, of two users; ``changed`` columns replace or add some."""
    columns: dict[str, object] = {
        "session_id": ["ann.1705276800", "bob.1706482800", "ann.1707728400"],
        "user_id": ["ann", "bob", "ann"],
        **{feature: [1, 2, 3] for feature in FEATURES},
        "session_quality_label": [LOW, HIGH, LOW],
        "user_flywheel_label": ["Passive", "Engaged", "Passive"],
    }
    table = pd.DataFrame({name: value for name, value in {**columns, **changed}.items() if value is not None})
    table.to_parquet(folder / "mine.parquet")
    return folder / "mine.parquet"


def from_file(project: Project, path: Path) -> tuple[TrainingData, list[str]]:
    warnings: list[str] = []
    with project.flywheel() as flywheel:
        return file_source(flywheel, path, warnings.append).data, warnings


def test_a_labelled_file_needs_no_run_and_no_warehouse(project: Project) -> None:
    data, warnings = from_file(project, file_of(project.folder))

    assert data["session"].rows.interval_start.tolist() == [FIRST, FIRST, AFTER_GAP]
    assert data["session"].rows.part.tolist() == ["training", "training", "validation"]
    assert data["session"].rows.pageviews.tolist() == [1.0, 2.0, 3.0]
    assert data["user"].rows.values.tolist() == [
        ["ann", FIRST, "Passive"],
        ["bob", FIRST, "Engaged"],
        ["ann", AFTER_GAP, "Passive"],
    ]
    assert data.source == "sessions: the labels in mine.parquet; users: the users' in mine.parquet"
    assert warnings == []


def test_sessions_of_a_file_are_placed_by_the_time_column(project: Project) -> None:
    at = pd.to_datetime(["2024-01-15", "2024-01-28", "2024-02-12"])
    path = file_of(project.folder, session_id=["x", "y", "z"], at=at)
    data, warnings = from_file(project.with_settings(FLYWHEEL_SESSION_TIME_COLUMN="at"), path)

    assert data["session"].rows.interval_start.tolist() == [FIRST, FIRST, AFTER_GAP]
    assert warnings == []


def test_a_file_without_labels_of_users_has_them_by_their_mixes(project: Project) -> None:
    data, _ = from_file(project, file_of(project.folder, user_flywheel_label=None))

    assert dict(zip(data["user"].rows.user_id, data["user"].rows.user_flywheel_label, strict=True)) == {
        "ann": "Passive",
        "bob": "Highly Engaged",
    }


def test_rows_of_a_file_that_cannot_be_learnt_from_are_counted_and_told(project: Project) -> None:
    good = pd.read_parquet(file_of(project.folder, user_flywheel_label=None))
    one = good.iloc[0].to_dict()
    bad = [{"session_id": "x"}, {"session_id": "cy.1000000000"}, {"leads": float("nan")}, {"user_id": None}]
    path = project.folder / "mine.parquet"
    pd.concat([good, pd.DataFrame([one | wrong for wrong in bad])]).to_parquet(path)
    data, warnings = from_file(project, path)

    assert data["session"].rows.session_id.tolist() == ["ann.1705276800", "bob.1706482800", "ann.1707728400"]
    assert warnings == [f"{path}: 4 of 7 rows have no interval or no usable feature"]


def test_sessions_of_a_file_without_a_label_are_as_those_that_nobody_labelled(project: Project) -> None:
    good = pd.read_parquet(file_of(project.folder))
    more = [
        good.iloc[0].to_dict() | {"session_id": session_id, "session_quality_label": None}
        for session_id in ("ann.1705276900", "ann.1709024400")
    ]
    path = project.folder / "mine.parquet"
    pd.concat([good, pd.DataFrame(more)]).to_parquet(path)
    data, warnings = from_file(project, path)

    assert data["session"].rows.session_id.tolist() == [
        "ann.1705276800",
        "ann.1705276900",
        "bob.1706482800",
        "ann.1707728400",
    ]
    assert data["session"].rows.session_quality_label.tolist() == [LOW, None, HIGH, LOW]
    assert data.intervals == (FIRST, AFTER_GAP), "nobody labelled a session of the third"
    assert data.source.startswith("sessions: the labels in mine.parquet, of 3 of 4 sessions; ")
    assert warnings == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"leads": None}, "has no column leads; expected session_id, user_id, .* found: "),
        ({"leads": ["a", "b", "c"]}, "has leads of string; features are numbers"),
        ({"session_id": ["x", "y", "z"]}, "of 3 rows, none can be learnt from"),
        ({"session_id": ["a.1705276800", "a.1705276800", "a.1707728400"]}, "has 1 sessions more than once"),
        ({"session_quality_label": [LOW, "Superb", LOW]}, "sessions are labelled Superb"),
        ({"session_quality_label": [LOW, LOW, LOW]}, "sessions need at least two different labels .* all 3 are Low"),
        ({"user_flywheel_label": ["Passive", "Fan", "Passive"]}, "users are labelled Fan"),
        ({"user_id": ["ann"] * 3}, f"labels user ann differently within interval {FIRST} .1 such"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_says_why(
    project: Project, changed: dict[str, object], says: str
) -> None:
    with pytest.raises(LabelError, match=says):
        from_file(project, file_of(project.folder, **changed))


def test_a_file_that_is_none_is_an_error_in_plain_words(project: Project) -> None:
    path = project.folder / "none.parquet"
    with pytest.raises(LabelError) as missing:
        from_file(project, path)
    path.write_text("session_id,user_id\n")
    with pytest.raises(LabelError) as other:
        from_file(project, path)

    assert str(missing.value) == f"there is no file {path}; expected a parquet file of labelled sessions"
    assert str(other.value) == f"{path} is not a parquet file; expected a parquet file of labelled sessions"
