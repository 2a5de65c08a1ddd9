import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from flywheel_assets.simulation import draw
from flywheel_assets.simulation.likelihood import session_log_likelihood, session_posterior
from flywheel_assets.simulation.world import FEATURES, WORLD, Quality

FEW, MANY = st.integers(0, 5), st.integers(0, 800)


@st.composite
def counts(chosen: st.DrawFn) -> dict[str, int]:
    """Counts that the world can draw, likely or not: no more details than pages, items than details and so on."""
    pages = 1 + chosen(MANY)
    details = chosen(st.integers(0, pages))
    items = chosen(st.integers(min(details, 1), details))
    categories = chosen(st.integers(min(items, 1), items))
    return {
        "impressions": chosen(MANY),
        "pageviews": pages,
        "detail_pageviews": details,
        "favorites": chosen(MANY),
        "shares": chosen(FEW),
        "leads": chosen(FEW),
        "distinct_categories": categories,
        "distinct_items": items,
    }


def closed_form(session: dict[str, int]) -> np.ndarray:
    """The log likelihoods in full: events are negative multinomial, their sum negative binomial, the parts binomial."""

    def log_probability(quality: Quality) -> float:
        events = [session["impressions"], session["pageviews"] - 1] + [
            session[f] for f in ("favorites", "shares", "leads")
        ]
        means = np.array(
            [quality.impressions, quality.further_pageviews, quality.favorites, quality.shares, quality.leads]
        )
        shape = WORLD.frailty_shape
        value = stats.nbinom.logpmf(sum(events), shape, shape / (shape + means.sum()))
        value += stats.multinomial.logpmf(events, sum(events), means / means.sum())
        value += stats.binom.logpmf(session["detail_pageviews"], session["pageviews"], quality.detail_chance)
        if session["detail_pageviews"]:
            items, details = session["distinct_items"], session["detail_pageviews"]
            value += stats.binom.logpmf(items - 1, details - 1, quality.new_item_chance)
            value += stats.binom.logpmf(session["distinct_categories"] - 1, items - 1, quality.new_category_chance)
        return float(value)

    return np.array([log_probability(quality) for quality in WORLD.qualities])


@given(session=counts())
def test_the_quadrature_gives_the_likelihood_ratios_of_the_negative_multinomial(session: dict[str, int]) -> None:
    quadrature = session_log_likelihood(WORLD, [[session[feature] for feature in FEATURES]])[0]
    exact = closed_form(session)
    assert quadrature - quadrature[0] == pytest.approx(exact - exact[0], abs=1e-6)


def test_the_posterior_weighs_the_likelihood_by_the_shares_of_sessions() -> None:
    session = dict(zip(FEATURES, [16, 6, 3, 0, 0, 0, 1, 3], strict=True))
    joint = np.exp(closed_form(session)) * WORLD.session_shares()
    assert session_posterior(WORLD, [list(session.values())])[0] == pytest.approx(joint / joint.sum(), abs=1e-9)


def test_the_posterior_is_calibrated() -> None:
    rng = np.random.default_rng(1)
    qualities = rng.choice(4, 100_000, p=WORLD.session_shares())
    posterior = session_posterior(WORLD, draw.features(WORLD, qualities, rng))
    assert posterior.sum(axis=1) == pytest.approx(1)
    for quality in range(4):
        for low in (0.1, 0.3, 0.5, 0.7, 0.9):
            inside = (posterior[:, quality] >= low) & (posterior[:, quality] < low + 0.1)
            expected = posterior[inside, quality].mean()
            noise = 4 * np.sqrt(expected * (1 - expected) / inside.sum())
            assert (qualities[inside] == quality).mean() == pytest.approx(expected, abs=noise)


def test_a_session_of_one_page_is_of_very_low_quality_and_one_with_leads_of_high() -> None:
    one_page = [2, 1, 0, 0, 0, 0, 0, 0]
    busy = [35, 40, 30, 6, 0, 2, 6, 22]
    assert session_posterior(WORLD, [one_page, busy]).argmax(axis=1).tolist() == [0, 3]


def test_no_sessions_have_no_posteriors() -> None:
    assert session_posterior(WORLD, np.zeros((0, 8))).shape == (0, 4)


@pytest.mark.parametrize(
    "impossible",
    [[5, 0, 0, 0, 0, 0, 0, 0], [5, 2, 3, 0, 0, 0, 1, 1], [5, 9, 3, 0, 0, 0, 1, 4], [5, 9, 3, 0, 0, 0, 3, 2]],
)
def test_counts_that_the_world_cannot_draw_are_refused(impossible: list[int]) -> None:
    with pytest.raises(ValueError, match="not of this world"):
        session_posterior(WORLD, [impossible])
