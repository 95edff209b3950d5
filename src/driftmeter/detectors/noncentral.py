"""The upper tail of the non-central chi-square distribution, as exact far out as near the middle.

P(χ²_df(λ) > x) = Σ_j Poisson(j; λ/2) P(χ²_{df+2j} > x). All terms are positive, so that the sum keeps its precision in
the far tail; with a term's logarithm about quadratic around the largest one, the terms farther away than 9 deviations
add less than 10⁻¹⁷ of the sum. `scipy.stats.ncx2` has it too, but takes a second to import, and ends its sum too soon
where λ is large (1 part in 700 at λ = 19,000 and P = 10⁻¹⁷²).
Source: Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions 2 (1995), eq. 29.2.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaincc, gammaln

from driftmeter.types import Floats

_DEVIATIONS = 9.0
_LEAST_TERMS = 30.0


def noncentral_tail(x: Floats, freedom: Floats, noncentral: Floats) -> Floats:
    """Return P(χ²_df(λ) > x), shape (cases,); `x`, `freedom` df and `noncentral` λ (cases,) are above 0.

    Each case is summed by itself: its last bits do not depend on the others.

    >>> chances = noncentral_tail(np.array([20.0, 900.0]), np.array([4.0, 10.0]), np.array([3.0, 50.0]))
    >>> [f"{chance:.10g}" for chance in chances]
    ['0.01341029728', '7.738543859e-114']
    """
    cases = zip(x.tolist(), freedom.tolist(), noncentral.tolist(), strict=True)
    return np.array([_tail(*case) for case in cases], dtype=np.float64)


def _tail(x: float, freedom: float, noncentral: float) -> float:
    half, middle, reach = freedom / 2, noncentral / 2, x / 2
    # of the largest term, where the ratio of two neighbours, λ/2 · x/2 / (j (j + df/2)), is 1
    peak = max((math.sqrt(half**2 + 4 * middle * reach) - half) / 2, 0.0)
    wide = _DEVIATIONS * math.sqrt(peak + 1) + _LEAST_TERMS
    terms = np.arange(math.floor(max(peak - wide, 0.0)), math.ceil(peak + wide), dtype=np.float64)
    poisson = np.exp(terms * math.log(middle) - gammaln(terms + 1) - middle)
    return float((poisson * gammaincc(half + terms, reach)).sum())
