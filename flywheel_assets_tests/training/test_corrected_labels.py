"""What a person reviewed, through training's own reading of labels."""

from pathlib import Path

import pytest

from flywheel_assets.errors import LabelError
from flywheel_assets.sessions.reviewed_labels import Answer, ReviewedLabels
from flywheel_assets.training.training_data import TrainingData
from flywheel_assets_tests.projects import Project
from flywheel_assets_tests.training.test_sources import HIGH, IDS, LOW, fit, label_sessions, labelled

BAD = "Very Low Quality"
"""By the fit of two clusters, all sessions have this label but two, of 40 and of 12 page views."""


def review(project: Project, *answers: tuple[str, str, str | None]) -> None:
    """Each: session, the label that was shown, the right one."""
    ReviewedLabels(project.settings.labels_dir).add([Answer.of(*answer) for answer in answers])


def labels_of(data: TrainingData) -> dict[str, str | None]:
    rows = data["session"].rows
    return dict(zip(rows.session_id, rows.session_quality_label, strict=True))


def test_answers_correct_the_labels_of_clusters_and_the_other_sessions_keep_theirs(copy: Project) -> None:
    fit(copy)
    proposed = labels_of(labelled(copy)[0])
    review(copy, (IDS[0], BAD, BAD), (IDS[2], BAD, "Medium Quality"), (IDS[4], BAD, None))
    data, warnings = labelled(copy)

    assert labels_of(data) == {**proposed, IDS[2]: "Medium Quality", IDS[4]: None}
    assert data.source.split("; ")[0].endswith(
        "2 clusters, by segment_labels.toml, 3 of 8 sessions reviewed: 1 confirmed, 1 changed, 1 left out"
    )
    assert data.reviewed == {"sessions": {"confirmed": 1, "changed": 1, "left_out": 1}}
    assert data.from_clusters == ("sessions", "users")
    assert warnings == [
        "of 3 reviewed sessions of cluster 1, 2 did not keep its label, Very Low Quality: if that label is wrong, "
        f"correct it in {copy.settings.labels_dir / 'segment_labels.toml'}"
    ]


def test_a_no_to_another_label_than_that_of_the_cluster_leaves_the_clusters(copy: Project) -> None:
    fit(copy)
    proposed = labels_of(labelled(copy)[0])
    review(copy, (IDS[0], HIGH, None))
    data, _ = labelled(copy)

    assert labels_of(data) == proposed
    assert data.reviewed == {"sessions": {"confirmed": 0, "changed": 0, "left_out": 0}}


def test_a_yes_to_another_label_than_that_of_the_cluster_changes_it(copy: Project) -> None:
    fit(copy)
    review(copy, (IDS[0], HIGH, HIGH))
    data, _ = labelled(copy)

    assert labels_of(data)[IDS[0]] == HIGH
    assert data.reviewed["sessions"]["changed"] == 1


def test_answers_on_sessions_that_are_not_in_the_range_are_counted_and_told(copy: Project) -> None:
    fit(copy)
    review(copy, ("eve.1704067200", BAD, BAD), (IDS[0], BAD, BAD))
    data, warnings = labelled(copy)

    assert data.reviewed == {"sessions": {"confirmed": 1, "changed": 0, "left_out": 0}}
    assert warnings == ["1 of 2 reviewed sessions are not in trimmed_sessions from 2024-01-15 to 2024-02-26"]


def test_an_answer_that_no_order_knows_is_an_error_that_says_what_to_write(copy: Project) -> None:
    fit(copy)
    review(copy, (IDS[0], BAD, "superb"))
    with pytest.raises(LabelError, match=r"sessions are labelled superb, missing from the order of the models in use"):
        labelled(copy)


def test_other_labels_of_ones_own_replace_those_of_clusters_and_answers_stand_beside_them(copy: Project) -> None:
    fit(copy)
    label_sessions(copy, [(one, HIGH if one.startswith("ann") else LOW) for one in IDS[1:]])
    review(copy, (IDS[0], BAD, LOW), ("dan.1709287200", BAD, None))
    data, _ = labelled(copy)

    assert labels_of(data)[IDS[0]] == LOW
    assert sum(label is not None for label in labels_of(data).values()) == 6
    assert data.source.startswith("sessions: a team's own labels of 6 of 8 sessions; ")
    assert (data.from_clusters, data.reviewed) == (("users",), {})


def test_without_segments_answers_are_all_the_labels_there_are(copy: Project) -> None:
    review(copy, *((one, LOW, HIGH if one.startswith("ann") else LOW) for one in IDS))
    assert labelled(copy)[0].source.startswith("sessions: a team's own labels of 6 of 8 sessions; ")

    ReviewedLabels(copy.settings.labels_dir).path.unlink()
    review(copy, (IDS[0], LOW, None))
    with pytest.raises(LabelError, match="no session has a label: put parquet"):
        labelled(copy)


def test_an_answer_leaves_the_files_of_clusters_as_they_are(copy: Project) -> None:
    fit(copy)
    labelled(copy)
    files = {path: path.read_bytes() for path in Path(copy.settings.labels_dir).glob("*.toml")}
    review(copy, (IDS[0], BAD, "Medium Quality"))
    labelled(copy)

    assert len(files) == 2
    assert {path: path.read_bytes() for path in files} == files
