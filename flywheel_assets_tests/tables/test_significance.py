"""Whether a change of a share is worth a sentence."""

import pytest
from scipy.stats import binomtest, chi2_contingency

from flywheel_assets.tables.significance import beyond_chance, wilson


def test_a_point_among_a_thousand_users_is_chance_and_among_a_hundred_thousand_is_not() -> None:
    assert not beyond_chance(0.30, 0.31, 1_000, 1_000)
    assert beyond_chance(0.30, 0.31, 100_000, 100_000)


def test_it_agrees_with_the_chi_square_test_of_the_same_counts() -> None:
    for now in (120, 130, 134, 138, 150, 170):
        square = [[100, 900], [now, 1000 - now]]
        expected = chi2_contingency(square, correction=False).pvalue < 0.05
        assert beyond_chance(0.1, now / 1000, 1000, 1000) == expected


def test_without_users_or_without_any_change_nothing_is_beyond_chance() -> None:
    assert not beyond_chance(0.0, 1.0, 0, 5)
    assert not beyond_chance(0.0, 0.0, 5, 5)


@pytest.mark.parametrize(("hits", "rows"), [(0, 5), (5, 5), (1, 1), (10, 100), (3, 5_000)])
def test_the_interval_of_a_share_is_that_of_wilson(hits: int, rows: int) -> None:
    expected = binomtest(hits, rows).proportion_ci(method="wilson")
    assert wilson(hits, rows) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_of_no_rows_a_share_may_be_anything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
