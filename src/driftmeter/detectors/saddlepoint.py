"""Tail probabilities of a mean score, far out where a normal approximation is wrong by orders of magnitude."""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

from driftmeter.types import Floats

LOG10E = float(np.log10(np.e))
_LOG_ROOT_2PI = 0.5 * float(np.log(2 * np.pi))
_STEPS = 60


def log10_tail(share: Floats, scores: Floats, n: Floats, m: Floats, mean: Floats) -> Floats:
    """Return log10 of the chance that the mean of `n` rows is above `mean`, shape (cases,).

    `share` and `scores` (cases, bins) are the reference's distribution of a score with mean 0 and variance 1,
    `n` the effective rows of the window, `m` those of the reference, whose own error counts as normal noise:
    K(t) = n κ(t) + n² t² / (2 m), κ the log of the score's moment generating function. `mean` must be above 0.
    Source: Lugannani & Rice, Saddle point approximation (1980); Daniels (1987), eq. 4.9.

    >>> flat, coin = np.full((1, 2), 0.5), np.array([[-1.0, 1.0]])
    >>> exact = np.log10(2.0 ** -20 * 211)  # at least 18 of 20 coins, between 17 and 18 by halves
    >>> found = log10_tail(flat, coin, np.array([20.0]), np.array([1e12]), np.array([0.75]))
    >>> bool(abs(found[0] - exact) < 0.15)
    True
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
    root = np.sqrt(np.maximum(2 * (tilt * slope - cumulant), 1e-12))
    scaled = np.maximum(tilt * np.sqrt(curve), 1e-9)
    log_tail = log_ndtr(-root)
    correction = 1 / scaled - 1 / root
    # where the correction is negative the normal term alone is the safe one
    with np.errstate(divide="ignore", invalid="ignore"):
        extra = np.where(
            correction > 0, -(root**2) / 2 - _LOG_ROOT_2PI + np.log(np.maximum(correction, 1e-300)), -np.inf
        )
    found: Floats = np.minimum(np.logaddexp(log_tail, extra), 0.0) * LOG10E
    return found


def _solve(share: Floats, scores: Floats, n: Floats, m: Floats, target: Floats) -> Floats:
    """Return the tilt at which the tilted mean is `target`, by Newton's method kept within a bracket."""
    low, high = np.zeros_like(target), np.full_like(target, 1000.0)
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
        # what is found stays: a case must not depend, not even in its last bits, on how long the others take
        tilt = np.where(done, tilt, after)
        done |= near
        if bool(done.all()):
            break
    return tilt


def _cumulants(share: Floats, scores: Floats, tilt: Floats) -> tuple[Floats, Floats, Floats]:
    """Return κ, κ' and κ'' of each case at its tilt."""
    exponent = np.where(share > 0, tilt[:, None] * scores, -np.inf)
    largest = exponent.max(axis=1)
    weight = share * np.exp(exponent - largest[:, None])
    norm = weight.sum(axis=1)
    first = (weight * scores).sum(axis=1) / norm
    second = (weight * scores**2).sum(axis=1) / norm - first**2
    return np.log(norm) + largest, first, np.maximum(second, 0.0)
