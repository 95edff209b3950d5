"""Tail probabilities of a mean score, far out where a normal approximation is wrong by orders of magnitude.

A score X has values φ_b with chances p_b under the reference, mean 0 and variance 1, and

    κ(t) = ln Σ_b p_b exp(t φ_b)                  the log of its moment generating function
    K(t) = n κ(t) + n² t² / (2m)                  of the sum of n rows; the second term is the reference's own error,
                                                  whose m rows make its mean uncertain by 1/√m

With the tilt t at which K'(t)/n is the mean x, r = √(2 (t K'(t) − K(t))) and u = t √K''(t):

    P(mean of n rows > x) ≈ 1 − Φ(r) + φ(r) (1/u − 1/r)

Source: Lugannani & Rice, Saddle point approximation (1980); Daniels (1987), eq. 4.9.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

from driftmeter.types import Floats

LOG10E = float(np.log10(np.e))
"""Turns natural logarithms into base-10 ones."""
_LOG_ROOT_2PI = 0.5 * float(np.log(2 * np.pi))
_STEPS = 60
_LARGEST_TILT = 1000.0
_SMALLEST_ROOT = 1e-12


def log10_tail(share: Floats, scores: Floats, n: Floats, m: Floats, mean: Floats) -> Floats:
    """Return log10 of the chance that the mean of `n` rows is above `mean`, shape (cases,), at most 0.

    `share` and `scores` (cases, bins) are the reference's distribution of a score with mean 0 and variance 1; a bin of
    share 0 does not count. `n` (cases,) are the effective rows of the window, `m` those of the reference. `mean`
    (cases,) must be above 0; a mean at or beyond the largest score is taken as just below it.

    A mean of 0.75 lies halfway between 17 and 18 heads in 20 throws; 18 or more have an exact chance of 211 in 2²⁰:

    >>> fair, coin = np.full((1, 2), 0.5), np.array([[-1.0, 1.0]])
    >>> log10_tail(fair, coin, np.array([20.0]), np.array([1e12]), np.array([0.75])).round(2).tolist()
    [-3.63]
    >>> round(float(np.log10(211 / 2**20)), 2)
    -3.7
    """
    top = np.where(share > 0, scores, -np.inf).max(axis=1)
    # a mean at the very top would need an infinite tilt
    target = np.minimum(mean, 0.9999 * top)
    tilt = _solve(share, scores, n, m, target)
    kappa, first, second = _cumulants(share, scores, tilt)
    noise = n * n / m
    cumulant = n * kappa + noise * tilt**2 / 2
    slope = n * first + noise * tilt
    curve = n * second + noise
    root = np.sqrt(np.maximum(2 * (tilt * slope - cumulant), _SMALLEST_ROOT))
    scaled = np.maximum(tilt * np.sqrt(curve), 1e-9)
    log_normal = log_ndtr(-root)
    correction = 1 / scaled - 1 / root
    # where the correction is negative the normal term alone is the safe one
    with np.errstate(divide="ignore", invalid="ignore"):
        log_correction = np.where(
            correction > 0, -(root**2) / 2 - _LOG_ROOT_2PI + np.log(np.maximum(correction, 1e-300)), -np.inf
        )
    log_tail: Floats = np.minimum(np.logaddexp(log_normal, log_correction), 0.0) * LOG10E
    return log_tail


def _solve(share: Floats, scores: Floats, n: Floats, m: Floats, target: Floats) -> Floats:
    """Return the tilt at which K'(t)/n is `target`, shape (cases,), by Newton's method kept within a bracket."""
    low, high = np.zeros_like(target), np.full_like(target, _LARGEST_TILT)
    tilt = np.minimum(target / (1 + n / m), 30.0)
    done = np.zeros(target.shape, dtype=bool)
    for _ in range(_STEPS):
        _, first, second = _cumulants(share, scores, tilt)
        gap = first + n / m * tilt - target
        high = np.where(gap > 0, tilt, high)
        low = np.where(gap > 0, low, tilt)
        step = tilt - gap / np.maximum(second + n / m, 1e-12)
        after = np.where((step > low) & (step < high), step, (low + high) / 2)
        near = np.abs(after - tilt) <= 1e-6 * (1 + tilt)
        # a solved case is left alone: not even its last bits may depend on how long the others take
        tilt = np.where(done, tilt, after)
        done |= near
        if bool(done.all()):
            break
    return tilt


def _cumulants(share: Floats, scores: Floats, tilt: Floats) -> tuple[Floats, Floats, Floats]:
    """Return κ, κ' and κ'' at the tilt of each case, each of shape (cases,)."""
    exponent = np.where(share > 0, tilt[:, None] * scores, -np.inf)
    largest = exponent.max(axis=1)
    weight = share * np.exp(exponent - largest[:, None])
    norm = weight.sum(axis=1)
    first = (weight * scores).sum(axis=1) / norm
    second = (weight * scores**2).sum(axis=1) / norm - first**2
    return np.log(norm) + largest, first, np.maximum(second, 0.0)
