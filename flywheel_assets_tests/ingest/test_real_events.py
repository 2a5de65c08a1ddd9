"""Real events, mapped without help, make the sessions that others cut from them."""

import os
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flywheel_assets.ingest.proposal import propose
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.ingest.proposed import cut

DATA = Path(os.environ.get("TEST_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data")
WHERE = "not in ../shared/data, nor in TEST_DATA_DIR"


@pytest.mark.skipif(not (DATA / "deskdrop_events.parquet").is_file(), reason=f"deskdrop_events.parquet is {WHERE}")
def test_deskdrops_events_make_its_sessions(tmp_path: Path, engine: DuckDBEngine) -> None:
    """Which counts its exact repeats."""
    file = DATA / "deskdrop_events.parquet"
    proposal = propose(engine, [file])
    every = replace(proposal, mapping=replace(proposal.mapping, deduplicate=None))
    found = {
        key: (row["view"], row["like"] + row["bookmark"], row["comment_created"] + row["follow"], row["distinct_items"])
        for key, row in cut(engine, file, every, tmp_path).items()
    }
    expected = {
        row["session_id"]: (row["pageviews"], row["favorites"], row["leads"], row["distinct_items"])
        for row in pq.read_table(DATA / "deskdrop_sessions.parquet").to_pylist()
    }
    assert len(expected) == 38_508
    assert found == expected


MAVEN = DATA / "maven_partial"


@pytest.mark.skipif(not MAVEN.is_dir(), reason=f"maven_partial is {WHERE}")
def test_mavens_page_views_make_its_sessions(tmp_path: Path, engine: DuckDBEngine) -> None:
    file = MAVEN / "pageviews_first.parquet"
    found = {
        int(row["user_id"]): (
            row["timestamp_unix"],
            row["session_end"].timestamp(),
            row["pageviews"],
            row["landing_page"],
            row["exit_page"],
            row["cart_views"] > 0,
            row["thank_you_for_your_order_views"] > 0,
        )
        for row in cut(engine, file, propose(engine, [file]), tmp_path).values()
    }
    sessions = pq.read_table(MAVEN / "sessions_first_23702_from_pageviews.parquet").to_pylist()
    expected = {
        row["website_session_id"]: (
            row["session_start"].timestamp(),
            row["last_pageview"].timestamp(),
            row["n_pageviews"],
            row["landing_page"],
            row["exit_page"],
            row["saw_cart"],
            row["saw_thankyou"],
        )
        for row in sessions
    }
    assert len(expected) == 23_702
    assert found == expected
