"""Labelled data of a range of intervals and of a file, from landed sessions to what a candidate learns from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flywheel_assets.defs.labelled import labelled_file, labelled_range
from flywheel_assets.errors import LabelError, NotMaterializedError, SettingsError
from flywheel_assets.learning.labelled import LabelledData
from flywheel_assets.learning.world import FEATURES
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


def labelled(project: Project, first: str = FIRST, last: str = LAST) -> tuple[LabelledData, list[str]]:
    warnings: list[str] = []
    with project.flywheel() as flywheel:
        return labelled_range(flywheel, first, last, warnings.append), warnings


def all_labelled(project: Project) -> None:
    label_sessions(project, [(one, HIGH if one.startswith("ann") else LOW) for one in IDS])
    label_users(project, [("ann", "Engaged"), ("bob", "Passive"), ("cy", "Passive")])


def test_a_teams_own_labels_come_with_the_features_of_the_range(copy: Project) -> None:
    all_labelled(copy)
    data, warnings = labelled(copy)

    assert list(data.sessions.session_id) == sorted(IDS[:3]) + sorted(IDS[3:5]) + [IDS[5]]
    assert list(data.sessions.columns) == [
        "session_id", "user_id", "interval_start", *FEATURES, "session_quality_label", "part",
    ]  # fmt: skip
    assert list(data.sessions.pageviews) == [3, 40, 1, 8, 2, 5]
    assert list(data.sessions.part) == ["training"] * 5 + ["validation"]
    assert data.users.to_dict("list") == {
        "user_id": ["ann", "bob", "ann", "cy", "ann"],
        "interval_start": [FIRST, FIRST, AFTER_GAP, AFTER_GAP, LAST],
        "user_flywheel_label": ["Engaged", "Passive", "Engaged", "Passive", "Engaged"],
    }
    assert data.intervals == (FIRST, AFTER_GAP, LAST)
    assert (data.session_order, data.user_order) == ((LOW, HIGH), ("Passive", "Engaged"))
    assert (data.features, data.outcome_features) == (FEATURES, ())
    assert data.source == "sessions: a team's own labels of 6 sessions; users: a team's own labels of 3 users"
    assert warnings == []
