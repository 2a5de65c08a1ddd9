"""The Dagster UI as a person sees it: a real browser in front of `dagster dev`, over sample data in a test's folder.

The intervals end around today, because one of them is open: the sensors leave that to a person."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from flywheel_assets.definitions import definitions
from flywheel_assets.orchestration.jobs import INTERVAL_JOB, LABELS_JOB
from flywheel_assets.simulation.sample import generate
from flywheel_assets.simulation.world import FEATURES, WORLD
from flywheel_assets_tests.browsers import new_page
from flywheel_assets_tests.daemons import dagster_dev, flywheel_run, served_at
from flywheel_assets_tests.processes import wait_until
from flywheel_assets_tests.projects import Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

USERS = 300
START_SECONDS = 120
RUN_SECONDS = 150
"""From a click or a new file to the end of its run: sensors, daemon and page look every few seconds."""


@dataclass(frozen=True)
class Served:
    """A project and its UI. Three intervals are closed and done; nothing landed for the one that is ``empty``, whose
    sessions are ``late``. The fourth is open, and its sessions landed."""

    project: Project
    address: str
    drifted: str
    empty: str
    open: str
    late: pa.Table = field(repr=False)

    @property
    def assets(self) -> list[dg.AssetSpec]:
        """What the definitions have, whatever that is."""
        return list(definitions(self.project.settings).resolve_all_asset_specs())


@pytest.fixture(scope="module")
def served(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`flywheel run` over what is closed, then Dagster with its daemon."""
    # Dagster believes that an interval is a week, and lists the last one from its eighth day on.
    first = datetime.now(UTC).date() - timedelta(days=3 * 14 + 10)
    project = Project(tmp_path_factory.mktemp("ui"), FLYWHEEL_FIRST_INTERVAL=str(first))
    intervals = [project.settings.calendar.number(number) for number in range(1, 5)]
    ordinary, drifted, late, open_ = (sample.sessions for sample in generate(WORLD, intervals, USERS, seed=7))
    project.land("ordinary.parquet", ordinary)
    project.land("drifted.parquet", quartered(drifted))
    project.land("open.parquet", open_)
    run = flywheel_run(project)
    assert run.wait(START_SECONDS) == 0, run.said()
    with dagster_dev(project):
        wait_until(lambda: served_at(project), START_SECONDS)
        yield Served(project, served_at(project) or "", *(interval.key for interval in intervals[1:]), late)


def quartered(sessions: pa.Table) -> pa.Table:
    """The same sessions as a tracker has them that loses three events of four."""
    for feature in FEATURES:
        column = sessions.schema.get_field_index(feature)
        sessions = sessions.set_column(column, feature, pc.divide(sessions[feature], 4))
    return sessions


@pytest.fixture
def page(browser: "Browser", served: Served, screenshots: Path, request: pytest.FixtureRequest) -> Iterator["Page"]:
    """The first page of the UI. Of what is to be seen when the test ends, however it ends, a picture is kept."""
    page = new_page(browser)
    page.goto(served.address)
    yield page
    page.screenshot(path=screenshots / f"{request.node.name}.png")
    page.context.close()


def test_the_catalog_has_every_asset_under_its_group(served: Served, page: "Page") -> None:
    expected = {spec.key.to_user_string(): spec.group_name for spec in served.assets}
    page.set_viewport_size({"width": 1440, "height": 200 + 70 * len(expected)})  # for every row to be in sight

    page.get_by_role("link", name="Catalog").click()

    groups = page.locator("a[href*='group%3A']")  # in each row, to its asset in the graph of its group
    expect(groups).to_have_count(len(expected))
    names = groups.evaluate_all("links => links.map(link => link.href.split('/').pop())")
    assert dict(zip(names, groups.all_inner_texts(), strict=True)) == expected


def test_a_failed_check_of_a_drifted_interval_shows_its_numbers(served: Served, page: "Page") -> None:
    page.set_viewport_size({"width": 1440, "height": 1200})
    open_asset(page, "session_predictions", "Checks")
    page.get_by_title("drift_from_baseline").click()
    expect(page.get_by_role("tab", name="Execution history")).to_be_visible()
    page.get_by_role("tab", name="Partitions").last.click()
    page.get_by_title(served.drifted, exact=True).click()

    expect(page.get_by_text("major against the training baseline")).to_be_visible()
    expect(page.get_by_text("Failed", exact=True).last).to_be_visible()
    psi, noise_limit = (float(value_of(page, name)) for name in ("psi", "noise_limit"))
    assert psi > 0.25 > noise_limit > 0
    labels = page.locator("table table tbody tr").all()
    shares = [[float(cell) for cell in label.locator("td").all_inner_texts()[2:]] for label in labels]
    assert sum((share - e) * math.log(share / e) for share, e in shares) == pytest.approx(psi, abs=0.01)


def test_an_open_interval_materialized_by_clicking_succeeds_and_is_green(served: Served, page: "Page") -> None:
    open_job(page, INTERVAL_JOB)
    page.get_by_role("button", name="Materialize all").click()
    page.get_by_role("button", name="Latest", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("textbox")).to_have_value(served.open)
    page.get_by_role("button", name="Launch 1 run").click()
    expect(page.get_by_role("dialog")).to_be_hidden()

    expect_success(page, served.open)
    assert_green_on_the_timeline(page, INTERVAL_JOB)
    open_asset(page, "user_labels", "Partitions")
    page.get_by_title(served.open, exact=True).click()
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
    assert_green(page.get_by_title(served.open, exact=True).first.locator("xpath=../following-sibling::div"))


def test_a_file_that_lands_is_run_and_its_sessions_are_there(served: Served, page: "Page") -> None:
    served.project.land("late.parquet", served.late)  # modified long ago, so that the sensor waits for nothing
    open_job(page, LABELS_JOB)

    expect_success(page, served.empty)
    assert_green_on_the_timeline(page, LABELS_JOB)
    open_asset(page, "landed_sessions", "Partitions")
    page.get_by_title(served.empty, exact=True).click()
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
    assert value_of(page, "rows") == str(served.late.num_rows)


def test_the_graph_has_every_group_and_opens_to_every_asset(served: Served, page: "Page") -> None:
    assets = served.assets
    page.set_viewport_size({"width": 2000, "height": 1400})  # for every asset to be in sight

    page.locator("a[href='/asset-groups']").click()

    for group in {spec.group_name for spec in assets}:
        expect(page.locator(f"[data-tooltip='{group}']").last).to_be_visible()
    expect(page.locator("foreignObject").first).to_be_visible()
    page.mouse.click(560, 1380, button="right")  # on the canvas, in a corner without any group
    page.get_by_text("Expand all groups").filter(visible=True).click()
    for _ in range(2):  # the graph is larger than what it is fitted into
        page.get_by_role("img", name="zoom_out").click()
    expect(page.locator("[class*=AssetNode_assetNodeContainer]")).to_have_count(len(assets))
    page.get_by_text("Hide navigation").click()
    expect(page.locator("[style*='accent-green']").nth(3)).to_be_visible()  # of what is materialized without complaint


def open_asset(page: "Page", asset: str, tab: str) -> None:
    page.goto(urljoin(page.url, f"/assets/{asset}"))  # a row of the catalog that is out of sight is not in the page
    page.get_by_role("tab", name=tab).click()


def open_job(page: "Page", job: str) -> None:
    page.get_by_role("link", name="Jobs").click()
    page.locator(f"a[href$='/jobs/{job}']").click()


def expect_success(page: "Page", key: str) -> None:
    """Of the one run of a job that is open, which is of that interval."""
    page.get_by_role("tab", name="Runs").click()
    expect(page.get_by_text("Success", exact=True)).to_be_visible(timeout=RUN_SECONDS * 1000)
    expect(page.get_by_text(f"partition: {key}")).to_be_visible()


def value_of(page: "Page", entry: str) -> str:
    """The value of a metadata entry that is shown."""
    row = page.locator("tr").filter(has=page.get_by_text(entry, exact=True)).last
    return row.locator("td").nth(1).inner_text().strip()


def assert_green_on_the_timeline(page: "Page", job: str) -> None:
    page.get_by_role("link", name="Overview").click()
    row = page.locator("[class*=RunTimeline_timelineRowContainer]").filter(has=page.get_by_title(job, exact=True))
    assert_green(row.locator("[class*=RunTimeline_runChunk__]"))


def assert_green(dot: "Locator") -> None:
    expect(dot).to_be_visible()
    colour = dot.evaluate("element => getComputedStyle(element).backgroundColor")
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    assert green > 1.3 * max(red, blue), colour


def expect(found: "Locator") -> Any:
    """Playwright's, which waits for what is expected; imported once a browser is known to be there."""
    from playwright.sync_api import expect

    return expect(found)
