"""Real page views, through `events.toml` and `conversion.toml`, make the data set that pandas makes of them."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flywheel_assets.conversion.learning_rows import learning_examples
from flywheel_assets_tests.conversion.projects import made
from flywheel_assets_tests.projects import Project

DATA = Path(os.environ.get("TEST_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data")
MAVEN = DATA / "maven_partial"

EVENTS = """
[columns]
user = "user"
time = "created_at"
event = "pageview_url"
session = "website_session_id"
[features.pages]
count = "*"
[features.carts]
count = "/cart"
[features.distinct_pages]
distinct = "pageview_url"
[kinds]
product_pages = ["/the-*", "/products"]
orders = "/thank-you-for-your-order"
[carry]
device = { first = "device_type" }
landing_page = { first = "pageview_url" }
last_page = { last = "pageview_url" }
"""
CONVERSION = """
[conversion]
kinds = ["orders"]
[horizon]
events = 2
[features]
categories = ["device", "landing_page", "last_page"]
"""
KEY = "2012-01-02"
DAY = 86_400
SESSIONS = 5_000
"""The first ones: pandas takes a while."""


def page_views() -> pd.DataFrame:
    """The page views with the user and the device of their session; who has no user is one alone."""
    views = pd.read_parquet(MAVEN / "pageviews_first.parquet")
    sessions = pd.read_parquet(MAVEN / "sessions_first_23702_from_pageviews.parquet")
    users = sessions["user_id"].astype("string").fillna("s" + sessions["website_session_id"].astype("string"))
    sessions = sessions.assign(user=users)[["website_session_id", "user", "device_type"]]
    some = sessions[sessions["website_session_id"] <= SESSIONS]
    return views.merge(some, on="website_session_id").drop(columns="website_pageview_id")


def expected_rows(views: pd.DataFrame) -> pd.DataFrame:
    views = views.drop_duplicates().assign(unix=lambda v: v["created_at"].astype("datetime64[s]").astype("int64"))
    rows = []
    for _, session in views.sort_values("unix", kind="stable").groupby("website_session_id"):
        unix, pages = session["unix"].to_numpy(), session["pageview_url"].to_numpy()
        order = pages == "/thank-you-for-your-order"
        row = {"user_id": session["user"].iloc[0], "timestamp_unix": unix[0], "end": unix[-1], "ordered": order.any()}
        row |= {"all_pages": len(pages), "all_carts": (pages == "/cart").sum(), "all_distinct": len(set(pages))}
        if len(unix) > 1:
            known = unix <= unix[1]
            early = pages[known]
            row |= {
                "horizon_seconds": unix[1] - unix[0],
                "events_so_far": known.sum(),
                "pages_so_far": known.sum(),
                "product_pages_so_far": sum(page.startswith("/the-") or page == "/products" for page in early),
                "carts_so_far": (early == "/cart").sum(),
                "distinct_pages_so_far": len(set(early)),
                "device": session["device_type"].iloc[0],
                "landing_page": min(early[unix[known] == unix[0]]),
                "last_page": min(early[unix[known] == unix[1]]),
                "ordered_so_far": order[known].any(),
            }
        rows.append(row)
    every = pd.DataFrame(rows)
    early = every[every["horizon_seconds"].notna() & (every["ordered_so_far"] == False)].copy()  # noqa: E712
    by_user = {user: of.sort_values("timestamp_unix") for user, of in every.groupby("user_id")}
    past: list[dict[str, float]] = []
    for user, at in zip(early["user_id"], early["timestamp_unix"], strict=True):
        of = by_user[user]
        of = of[(of["end"] < at) & (of["end"] >= at - 90 * DAY)]
        past.append(
            {
                "earlier_sessions": len(of),
                "earlier_conversions": of["ordered"].sum(),
                "earlier_pages": of["all_pages"].sum(),
                "earlier_carts": of["all_carts"].sum(),
                "earlier_distinct_pages": of["all_distinct"].sum(),
                "days_since_last_session": (at - of["timestamp_unix"].max()) / DAY if len(of) else np.nan,
            }
        )
    started = pd.to_datetime(early["timestamp_unix"], unit="s")
    return pd.concat([early.reset_index(drop=True), pd.DataFrame(past)], axis=1).assign(
        session_id=early["user_id"].to_numpy() + "." + early["timestamp_unix"].astype(str).to_numpy(),
        hour=started.dt.hour.to_numpy(),
        weekday=started.dt.weekday.to_numpy(),
        weekend=started.dt.weekday.to_numpy() > 4,
        repeat_session=lambda rows: rows["earlier_sessions"] > 0,
        converted=lambda rows: rows["ordered"],
        seconds_so_far=lambda rows: rows["horizon_seconds"],
    )


@pytest.mark.skipif(not MAVEN.is_dir(), reason="maven_partial is not in ../shared/data, nor in TEST_DATA_DIR")
def test_the_data_set_after_two_pages_is_what_pandas_makes_row_for_row(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        FLYWHEEL_FIRST_INTERVAL=KEY,
        FLYWHEEL_INTERVAL_WEEKS="52",
        FLYWHEEL_MODELS_DIR=str(tmp_path / "no_models"),
    )
    settings = project.settings
    features = ("pages", "carts", "distinct_pages")
    settings.features_file.write_text("".join(f'[features.{name}]\nkind = "count"\n' for name in features))
    settings.events_file.write_text(EVENTS)
    settings.conversion_file.write_text(CONVERSION)
    settings.events_dir.mkdir(parents=True)
    views = page_views()
    views.to_parquet(settings.events_dir / "views.parquet")
    made(project, KEY, tables=("event_sessions", "session_horizons", "conversion_dataset"))
    with project.flywheel() as flywheel:
        found = learning_examples(flywheel).to_pandas().sort_values("session_id", ignore_index=True)
        inputs = list(flywheel.conversion.inputs)
    assert set(found.pop("interval_start")) == {KEY}
    expected = expected_rows(views).sort_values("session_id", ignore_index=True)[list(found.columns)]
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert not {"session_id", "user_id", "timestamp_unix", "horizon_seconds", "converted"} & set(inputs)
    assert (len(found), found["converted"].sum()) == (1_954, 149)
    assert found["repeat_session"].sum() > 50
