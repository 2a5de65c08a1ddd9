import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.simulation import draw
from flywheel_assets.simulation.world import FEATURES, WORLD


@pytest.fixture(scope="module")
def features() -> dict[str, np.ndarray]:
    """The counts of 50,000 sessions of humans, of all qualities."""
    rng = np.random.default_rng(1)
    qualities = rng.choice(4, 50_000, p=WORLD.session_shares())
    return dict(zip(FEATURES, draw.features(WORLD, qualities, rng).T, strict=True))


def test_counts_of_one_quality_are_over_dispersed_and_positively_correlated() -> None:
    rng = np.random.default_rng(2)
    for quality, parameters in enumerate(WORLD.qualities):
        counts = draw.features(WORLD, np.full(50_000, quality), rng)
        impressions, pageviews = counts[:, 0], counts[:, 1]
        mean = parameters.impressions
        assert impressions.mean() == pytest.approx(mean, rel=0.02)
        assert impressions.var() == pytest.approx(mean + mean**2 / WORLD.frailty_shape, rel=0.06)
        assert np.corrcoef(impressions, pageviews)[0, 1] > 0.05


def test_shares_and_leads_are_rare_but_not_as_rare_as_what_trimming_cuts(features: dict[str, np.ndarray]) -> None:
    assert 0.005 < (features["shares"] > 0).mean() < 0.02
    assert 0.01 < (features["leads"] > 0).mean() < 0.05


def test_no_session_is_without_a_page_and_parts_never_exceed_the_whole(features: dict[str, np.ndarray]) -> None:
    assert features["pageviews"].min() == 1
    assert (features["detail_pageviews"] <= features["pageviews"]).all()
    assert (features["distinct_items"] <= features["detail_pageviews"]).all()
    assert (features["distinct_categories"] <= features["distinct_items"]).all()


def test_a_session_with_a_detail_page_has_an_item_and_a_category(features: dict[str, np.ndarray]) -> None:
    some = features["detail_pageviews"] > 0
    assert ((features["distinct_items"] > 0) == some).all()
    assert ((features["distinct_categories"] > 0) == some).all()


def test_every_session_of_a_bot_exceeds_any_of_a_human(features: dict[str, np.ndarray]) -> None:
    bots = draw.bot_features(WORLD, 200, np.random.default_rng(3))
    assert bots[:, 0].min() > features["impressions"].max()
    assert bots[:, 1].min() > features["pageviews"].max()


def test_states_move_as_the_transitions_say() -> None:
    rng = np.random.default_rng(4)
    before = draw.first_states(WORLD, 100_000, rng)
    after = draw.next_states(WORLD, before, rng)
    for state, chances in enumerate(WORLD.transitions):
        moved = np.bincount(after[before == state], minlength=4)
        standard_error = np.sqrt(chances * (1 - chances) / moved.sum())
        assert (np.abs(moved / moved.sum() - chances) < 4 * standard_error).all()


def test_first_states_are_stationary() -> None:
    states = draw.first_states(WORLD, 100_000, np.random.default_rng(5))
    assert np.bincount(states) / 100_000 == pytest.approx(WORLD.stationary(), abs=0.007)


def test_sessions_of_a_state_have_its_mean_and_its_mix() -> None:
    rng = np.random.default_rng(6)
    for position, state in enumerate(WORLD.states):
        owners, qualities = draw.sessions(WORLD, np.full(20_000, position), rng)
        assert len(owners) / 20_000 == pytest.approx(state.sessions, rel=0.03)
        assert np.bincount(qualities, minlength=4) / len(qualities) == pytest.approx(state.mix, abs=0.01)


def test_some_users_have_no_session() -> None:
    owners, _ = draw.sessions(WORLD, np.zeros(10_000, dtype=np.int64), np.random.default_rng(7))
    absent = 1 - len(np.unique(owners)) / 10_000
    assert absent == pytest.approx((6 / (6 + 3)) ** 6, abs=0.02)


@given(
    counts=st.lists(st.integers(0, 6), max_size=8),
    spare=st.integers(0, 5),
    seed=st.integers(0, 1000),
)
def test_starts_are_inside_the_interval_and_differ_within_a_user(counts: list[int], spare: int, seed: int) -> None:
    users = np.repeat(np.arange(len(counts)), counts)
    length = max(counts, default=0) + spare
    starts = draw.start_seconds(users, length, np.random.default_rng(seed))
    assert len(starts) == len(users)
    assert all(0 <= start < length for start in starts)
    assert len(set(zip(users, starts, strict=True))) == len(users)
