"""CUPED: a difference between arms, less what users were like before (Deng, Xu, Kohavi and Walker 2013, "Improving the
Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment Data")."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Differences:
    """Of each arm after the first from the first, which is the control, per outcome. ``difference`` and ``error``, its
    standard error, are [outcome, arm]; nan for an arm without users, and everywhere where the control has none.
    ``correlation`` [outcome, outcome] is that of the outcomes, and so of the differences of one arm; 0 with an outcome
    that does not vary. ``variance_reduction`` per outcome: the share of its variance that the covariates explain."""

    difference: FloatArray
    error: FloatArray
    correlation: FloatArray
    variance_reduction: FloatArray


def differences(
    outcomes: npt.NDArray[np.bool_], arms: npt.NDArray[np.int64], covariates: FloatArray, arm_count: int
) -> Differences:
    """``outcomes`` [user, outcome], ``arms`` a position per user, ``covariates`` [user, covariate] of the time before.

    Each outcome y becomes y - theta (x - mean of x), with theta from the covariances of the users of all arms. The
    variance is that of all users too, as it is where the arms do not differ: the error of a score test. A covariate
    that is constant, or that others determine, changes nothing. A sum over fewer users than there are covariates and
    two more has a variance of 0."""
    users, sizes = len(arms), np.bincount(arms, minlength=arm_count)
    values = _centred(outcomes.astype(float))
    x = _centred(covariates)
    x = x[:, x.std(axis=0) > 0] if users else x
    x = x / x.std(axis=0) if x.size else x
    theta, _, rank, _ = np.linalg.lstsq(x, values, rcond=1e-9) if x.size else (np.zeros((x.shape[1], 1)), 0, 0, 0)
    adjusted = values - x @ theta if x.size else values
    covariance = adjusted.T @ adjusted / max(users - 1 - int(rank), 1)
    before = (values**2).sum(axis=0) / max(users - 1, 1)
    deviation = np.sqrt(covariance.diagonal())
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = np.array([adjusted[arms == arm].sum(axis=0) for arm in range(arm_count)])
        means = sums / sizes[:, None]
        per_user = np.sqrt(np.where(sizes[1:] * sizes[0] > 0, 1 / sizes[1:] + 1 / sizes[0], np.nan))
        correlation = np.nan_to_num(covariance / np.outer(deviation, deviation))
        reduction = np.where(before > 0, 1 - covariance.diagonal() / before, 0.0)
    np.fill_diagonal(correlation, 1.0)
    return Differences((means[1:] - means[0]).T, deviation[:, None] * per_user, correlation, reduction)


def _centred(values: FloatArray) -> FloatArray:
    return values - values.mean(axis=0) if len(values) else values
