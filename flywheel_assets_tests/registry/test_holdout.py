"""Candidate and champion on a holdout of a few users."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.holdout import SIMULATED, Holdout, on_holdout, remarks, scored, user_shares
from flywheel_assets.registry.scorer import Scorers
from flywheel_assets.simulation.world import FEATURES
from flywheel_assets.tables.labels import share_column
from flywheel_assets.users.user_distributions import user_distributions
from flywheel_assets_tests.projects import MODELS
from flywheel_assets_tests.variants import write_holdout, write_variant

INTERVALS = ("2024-01-15", "2024-01-29")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    write_variant(folder / "busy", "busy", session_scale=10.0)
    write_variant(folder / "renamed", "renamed", session_labels={"High Quality": "Top Quality"})
    return {"champion": MODELS, "busy": folder / "busy", "renamed": folder / "renamed"}


def models(bundles: dict[str, Path], name: str, tmp_path: Path) -> Scorers:
    return Scorers(ModelBundle.open(bundles[name]), tmp_path / "compiled")


@pytest.fixture
def champion(bundles: dict[str, Path], tmp_path: Path) -> Scorers:
    return models(bundles, "champion", tmp_path)


@pytest.fixture
def busy(bundles: dict[str, Path], tmp_path: Path) -> Scorers:
    return models(bundles, "busy", tmp_path)


@pytest.fixture(scope="module")
def holdout() -> Holdout:
    """40 users of two intervals, labelled as the champion would."""
    draw = np.random.default_rng(1)
    pages = draw.integers(1, 40, (400, 1))
    sessions = pd.DataFrame(np.floor(pages * draw.random((400, len(FEATURES)))), columns=list(FEATURES)).assign(
        session_id=[f"s{n}.1705300000" for n in range(400)],
        user_id=[f"u{n % 40}" for n in range(400)],
        interval_start=[INTERVALS[n % 80 < 40] for n in range(400)],
        pageviews=pages.astype(float),
        session_quality_label="Low Quality",
    )
    users = pd.DataFrame(
        [(f"u{n}", interval, "Passive") for n, interval in product(range(40), INTERVALS)],
        columns=["user_id", "interval_start", "user_flywheel_label"],
    )
    same = scored(Scorers(ModelBundle.open(MODELS), Path("unused")), of_tables(sessions, users))
    return of_tables(
        sessions.assign(session_quality_label=same["session"].labels),
        users.assign(user_flywheel_label=same["user"].labels),
    )


def of_tables(sessions: pd.DataFrame, users: pd.DataFrame) -> Holdout:
    return Holdout({"session": sessions, "user": users})


def test_a_bundle_that_labels_as_the_truth_does_is_right_everywhere(champion: Scorers, holdout: Holdout) -> None:
    figures, flips = on_holdout(champion, champion, holdout)

    assert [(f.level, f.rows, f.users, f.not_comparable) for f in figures] == [
        ("sessions", 400, 40, ""),
        ("users", 80, 40, ""),
    ]
    for one in figures:
        accuracy = one.metrics[0]
        assert (accuracy.candidate.value, accuracy.candidate.low) == (1.0, 1.0)
        assert accuracy.difference is not None
        assert accuracy.difference.value == 0
    assert [(f.level, f.interval, f.flipped, f.latest) for f in flips] == [
        (level, interval, 0, False) for level in ("sessions", "users") for interval in INTERVALS
    ]


def test_a_worse_candidate_is_worse_beyond_noise_and_its_flips_are_its_mistakes(
    champion: Scorers, busy: Scorers, holdout: Holdout
) -> None:
    (sessions, users), flips = on_holdout(champion, busy, holdout)

    for one in (sessions, users):
        assert one.metrics[0].difference is not None
        assert one.metrics[0].difference.high < 0, one.level
    flipped = sum(flip.flipped for flip in flips if flip.level == "sessions")
    assert 1 - flipped / 400 == pytest.approx(sessions.metrics[0].candidate.value)
    assert sum(flip.rows for flip in flips if flip.level == "sessions") == 400


def test_the_user_model_sees_the_labels_of_its_own_session_model(
    champion: Scorers, busy: Scorers, holdout: Holdout
) -> None:
    _, flips = on_holdout(champion, busy, holdout)
    assert sum(flip.flipped for flip in flips if flip.level == "users") > 0, "the user models are the same"


def test_labels_that_the_champion_cannot_say_are_not_compared(
    bundles: dict[str, Path], champion: Scorers, holdout: Holdout, tmp_path: Path
) -> None:
    renamed = models(bundles, "renamed", tmp_path)
    theirs = holdout.tables["session"].replace({"session_quality_label": {"High Quality": "Top Quality"}})
    (sessions, users), flips = on_holdout(champion, renamed, of_tables(theirs, holdout.tables["user"]))

    assert sessions.not_comparable.startswith("the champion's labels are Very Low Quality, Low Quality, Medium")
    assert "Top Quality" in sessions.not_comparable
    assert [m.difference for m in sessions.metrics] == [None, None, None]
    assert sessions.metrics[0].candidate.value == 1.0
    assert users.not_comparable == ""
    pairs = {pair[:2] for flip in flips if flip.level == "sessions" for pair in flip.pairs}
    assert ("High Quality", "Top Quality") in pairs


def test_a_feature_of_the_champion_that_the_holdout_lacks_is_said(champion: Scorers, holdout: Holdout) -> None:
    fewer = of_tables(holdout.tables["session"].drop(columns="leads"), holdout.tables["user"])
    with pytest.raises(ArtefactError, match=r"the holdout has no column leads, which .* needs"):
        on_holdout(champion, champion, fewer)


def test_a_champion_that_cannot_score_the_holdout_has_no_figures(
    champion: Scorers, busy: Scorers, holdout: Holdout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(champion["session"], "features", (*FEATURES, "scrolls"))
    figures, flips = on_holdout(champion, busy, holdout)

    assert {f.not_comparable for f in figures} == {
        f"the holdout has no column scrolls, which {champion['session'].version} needs"
    }
    assert flips == []


def test_a_label_that_the_candidate_does_not_know_is_an_error(champion: Scorers, holdout: Holdout) -> None:
    odd = holdout.tables["session"].assign(session_quality_label="Superb")
    with pytest.raises(
        ArtefactError, match="sessions of the holdout have labels that the candidate doesn't know: Superb"
    ):
        on_holdout(champion, champion, of_tables(odd, holdout.tables["user"]))


def test_users_without_sessions_do_not_count(champion: Scorers, holdout: Holdout) -> None:
    more = pd.concat([holdout.tables["user"], holdout.tables["user"].assign(user_id="nobody")])
    assert on_holdout(champion, champion, of_tables(holdout.tables["session"], more))[0][1].rows == 80
    with pytest.raises(ArtefactError, match="none of the users of the holdout has both features and a label"):
        on_holdout(
            champion, champion, of_tables(holdout.tables["session"], holdout.tables["user"].assign(user_id="nobody"))
        )


def test_sessions_without_truth_count_in_the_shares_of_their_users_alone(
    champion: Scorers, busy: Scorers, holdout: Holdout
) -> None:
    given = np.arange(400) % 4 == 0
    labels = [
        name if one else None
        for name, one in zip(holdout.tables["session"]["session_quality_label"], given, strict=True)
    ]
    partly = of_tables(holdout.tables["session"].assign(session_quality_label=labels), holdout.tables["user"])
    (sessions, users), flips = on_holdout(champion, busy, partly)
    (_, of_all), all_flips = on_holdout(champion, busy, holdout)
    labelled = of_tables(holdout.tables["session"][given], holdout.tables["user"])

    assert (sessions.rows, users) == (100, of_all)
    assert sessions.metrics == on_holdout(champion, busy, labelled)[0][0].metrics
    assert flips == all_flips


@settings(max_examples=12)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(INTERVALS), st.sampled_from("XYZ")), min_size=1))
def test_shares_are_those_of_the_table_user_distributions(rows: list[tuple[str, str, str]]) -> None:
    table = pd.DataFrame(rows, columns=["user_id", "interval_start", "session_quality_label"])
    found = user_shares(table, table["session_quality_label"].to_numpy(object), ("X", "Y", "Z"))
    columns = [share_column(name) for name in "XYZ"]

    for interval, of_interval in table.groupby("interval_start"):
        expected = ibis.duckdb.connect().to_pandas(user_distributions(ibis.memtable(of_interval), ("X", "Y", "Z")))
        for row in expected.to_dict("records"):
            assert found.loc[(row["user_id"], interval), columns].tolist() == [row[c] for c in columns]


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"intervals": ["2024-01-01", *INTERVALS], "validation_intervals": [INTERVALS[1]]}, "1 of the holdout's 2"),
        ({"intervals": [*INTERVALS, "2024-02-12"], "validation_intervals": ["2024-02-12"]}, "2 of the holdout's 2"),
        ({"intervals": ["2024-01-01", *INTERVALS], "validation_intervals": [*INTERVALS]}, None),
        ({"intervals": [*INTERVALS, "2024-02-12"], "source": SIMULATED}, None),
        ({"command": "of the shipped models"}, None),
        ({}, None),
    ],
)
def test_a_champion_that_learnt_from_intervals_of_the_holdout_is_told(
    holdout: Holdout, training: dict[str, object], said: str | None
) -> None:
    champion = replace(ModelBundle.open(MODELS), training=training)
    expected = [f"the champion learnt from {said} intervals, so its figures are too good"] if said else []
    assert remarks(champion, holdout) == expected


def unlabelled(folder: Path) -> None:
    path = folder / "holdout_sessions.parquet"
    pd.read_parquet(path).assign(session_quality_label=None).to_parquet(path)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: (f / "holdout_users.parquet").unlink(), "holdout_users.parquet is missing, so there is no truth"),
        (lambda f: (f / "holdout_users.parquet").write_bytes(b"PAR1"), "holdout_users.parquet cannot be read"),
        (lambda f: write_holdout(f, [], []), "holdout_sessions.parquet has no column user_id, interval_start"),
        (unlabelled, "holdout_sessions.parquet has no row with a label; expected user_id, interval_start and"),
    ],
)
def test_a_holdout_that_is_no_holdout_is_an_error_that_says_so(
    holdout: Holdout, tmp_path: Path, damage: object, says: str
) -> None:
    write_holdout(tmp_path, holdout.tables["session"], holdout.tables["user"])
    bundle = replace(ModelBundle.open(MODELS), directory=tmp_path)
    assert len(Holdout.read(bundle).tables["session"]) == 400
    damage(tmp_path)  # type: ignore[operator]
    with pytest.raises(ArtefactError, match=says):
        Holdout.read(bundle)
