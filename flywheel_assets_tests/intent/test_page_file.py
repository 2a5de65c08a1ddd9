"""From the warehouse to the page of intent: what it is made from, when it is stale, and how it is linked."""

from pathlib import Path

import pytest
from markupsafe import escape

from flywheel_assets.intent.page_file import content_of, is_stale, pages
from flywheel_assets.orchestration.jobs import REPORTS_JOB
from flywheel_assets.report.pages import INDEX
from flywheel_assets_tests.ingest.projects import land_events
from flywheel_assets_tests.intent.projects import TABLES, intent_project
from flywheel_assets_tests.intent.test_user_features import EVENTS, FIRST, HOSTILE, SECOND
from flywheel_assets_tests.projects import Project

MORE = (HOSTILE, "2024-01-16 10:00", "view", "a")

LABELLING = ("landed_sessions", "trimmed_sessions", "session_predictions", "user_distributions", "user_labels")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two intervals with scores, without labels, and the page of the second."""
    project = intent_project(tmp_path_factory.mktemp("intent"))
    land_events(project, "2024.parquet", *EVENTS, MORE)
    for key in (FIRST, SECOND):
        assert project.materialize(key, *TABLES).success
    assert project.materialize(SECOND, "intent_page", job=REPORTS_JOB).success
    return project


def page(project: Project, key: str) -> str:
    with project.flywheel() as flywheel:
        return pages(flywheel).path(*project.intervals(key)).read_text()


def stale(project: Project, key: str) -> bool:
    with project.flywheel() as flywheel:
        return is_stale(flywheel, *project.intervals(key))


def test_without_labels_and_outcomes_there_is_a_page_with_every_ranked_user(once: Project) -> None:
    text = page(once, SECOND)
    ranked = once.rows("ranked_users", SECOND)
    assert HOSTILE in {row["user_id"] for row in ranked}
    for row in ranked:
        assert f'<h2 id="user-{row["rank"]}-title">{escape(row["user_id"])}</h2>' in text
    assert "No outcomes yet" in text
    assert "Label</th>" not in text


def test_the_days_and_points_of_a_user_are_those_of_the_tables(once: Project) -> None:
    with once.flywheel() as flywheel:
        content = content_of(flywheel, *once.intervals(SECOND))
    days = once.rows("user_days", FIRST) + once.rows("user_days", SECOND)
    explanations = once.rows("intent_explanations", SECOND)
    for row in content.ranked:
        user = row["user_id"]
        assert sum(day["events"] for day in content.days[user]) == sum(
            day["events"] for day in days if day["user_id"] == user
        )
        assert sum(one["points"] for one in content.explanations[user]) == row["score"]
        assert len(content.explanations[user]) == sum(one["user_id"] == user for one in explanations)


def test_the_index_links_the_page_and_the_page_the_index_and_the_previous_one(once: Project) -> None:
    with once.flywheel() as flywheel:
        first, second = (pages(flywheel).path(interval) for interval in once.intervals(FIRST, SECOND))
    assert second.name == f"intent_002_{SECOND}_2024-01-28.html"
    index = (second.parent / INDEX).read_text()
    assert f'<a href="{second.name}">Whom to contact</a>' in index
    assert first.name not in index
    text = page(once, SECOND)
    assert f'<a href="{INDEX}">' in text
    assert f'<a href="{first.name}">' in text


def test_a_page_is_stale_when_what_it_shows_changes(once: Project, tmp_path: Path) -> None:
    assert not stale(once, SECOND)
    assert stale(once, FIRST)
    project = once.copied_to(tmp_path)
    rules = project.settings.intent_file
    rules.write_text(rules.read_text().replace("Who was here lately remembers us.", "They remember us."))
    assert stale(project, SECOND)
    assert project.materialize(SECOND, "intent_page", job=REPORTS_JOB).success
    assert "They remember us." in page(project, SECOND)
    assert not stale(project, SECOND)
    rules.write_text(rules.read_text().replace("half_at = 7", "half_at = 0"))
    assert not stale(project, SECOND)  # nor could it be made


def test_labels_that_come_later_make_the_page_stale_and_are_on_it(once: Project, tmp_path: Path) -> None:
    project = once.copied_to(tmp_path)
    assert project.materialize(SECOND, *LABELLING).success
    assert stale(project, SECOND)
    assert project.materialize(SECOND, "intent_page", job=REPORTS_JOB).success
    labels = {row["user_id"]: row["user_flywheel_label"] for row in project.rows("user_labels", SECOND)}
    with project.flywheel() as flywheel:
        content = content_of(flywheel, *project.intervals(SECOND))
    assert content.labels == labels
    assert set(labels) == {"ben", HOSTILE}  # anna's last session began before the interval
    assert ">Absent</td>" in page(project, SECOND)


def test_forgetting_an_interval_deletes_its_page(once: Project, tmp_path: Path) -> None:
    project = once.copied_to(tmp_path)
    with project.flywheel() as flywheel:
        flywheel.warehouse.forget(*project.intervals(SECOND))
        assert not pages(flywheel).exists(*project.intervals(SECOND))
