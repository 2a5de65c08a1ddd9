"""How likely a session's counts are under each quality of a world, and what follows for the quality."""

import numpy as np
import numpy.typing as npt

from flywheel_assets.simulation.world import FEATURES, FloatArray, IntArray, World

_LOG_FRAILTIES = np.arange(-14.0, 8.0, 0.02)
"""Nodes of the trapezoidal rule in log frailty, which converges exponentially for such integrands (Trefethen and
Weideman 2014). The peak of a session with 2,500 events is one step wide, and its error is still under 1e-8."""


def session_posterior(world: World, features: npt.ArrayLike) -> FloatArray:
    """The probability of each quality given a session's counts: ``[n, 8]`` in the order of FEATURES to ``[n, 4]``.

    The prior is the share of each quality among the sessions of the world; bots have none and are not thought of.
    The label of the largest is the best possible classification. Raises ValueError for counts that the world cannot
    draw: a session without a page, or more detail pages than pages, items than detail pages, categories than items.
    """
    joint = session_log_likelihood(world, features) + np.log(world.session_shares())
    joint -= joint.max(axis=1, keepdims=True)
    posterior = np.exp(joint)
    return np.asarray(posterior / posterior.sum(axis=1, keepdims=True), dtype=float)


def session_log_likelihood(world: World, features: npt.ArrayLike) -> FloatArray:
    """The log likelihood of counts under each quality, ``[n, 4]``, less a term that is the same for all qualities.

    Given the frailty g, counts are Poisson: together g^events * exp(-g * mean) * product(mean_f^count_f), integrated
    over g by quadrature. Detail pages, items and categories are binomial given the count that they are part of.
    """
    counts = np.asarray(features, dtype=np.int64).reshape(-1, len(FEATURES))
    value = dict(zip(FEATURES, counts.T, strict=True))
    pages, details, items, categories = (
        value[name] for name in ("pageviews", "detail_pageviews", "distinct_items", "distinct_categories")
    )
    if np.any((pages < 1) | (details > pages) | (items > details) | (categories > items)):
        raise ValueError(
            "these counts are not of this world: expected pages >= 1, details <= pages, items <= details,"
            " categories <= items"
        )
    scaled = np.column_stack([value["impressions"], pages - 1, value["favorites"], value["shares"], value["leads"]])
    columns = []
    for quality in world.qualities:
        means = np.array(
            [quality.impressions, quality.further_pageviews, quality.favorites, quality.shares, quality.leads]
        )
        columns.append(
            scaled @ np.log(means)
            + _log_frailty_integral(scaled.sum(axis=1), float(means.sum()), world.frailty_shape)
            + _log_binomial(details, pages, quality.detail_chance)
            + _log_distinct(items, details, quality.new_item_chance)
            + _log_distinct(categories, items, quality.new_category_chance)
        )
    return np.column_stack(columns)


def _log_frailty_integral(events: IntArray, mean: float, shape: float) -> FloatArray:
    """log of the integral of g^events * exp(-g * mean) over the gamma density of mean 1, less a constant."""
    distinct, position = np.unique(events, return_inverse=True)
    frailties = np.exp(_LOG_FRAILTIES)
    log_terms = (distinct[:, None] + shape) * _LOG_FRAILTIES - (mean + shape) * frailties
    peak = log_terms.max(axis=1)
    integral = peak + np.log(np.exp(log_terms - peak[:, None]).sum(axis=1))
    return np.asarray(integral[position], dtype=float)


def _log_binomial(part: IntArray, whole: IntArray, chance: float) -> FloatArray:
    return np.asarray(part * np.log(chance) + (whole - part) * np.log1p(-chance), dtype=float)


def _log_distinct(new: IntArray, events: IntArray, chance: float) -> FloatArray:
    return _log_binomial(np.maximum(new - 1, 0), np.maximum(events - 1, 0), chance)
