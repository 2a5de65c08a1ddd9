"""Whether a change of a share is worth a sentence."""

from scipy.stats import chi2_contingency

from flywheel_assets.tables.significance import beyond_chance


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
