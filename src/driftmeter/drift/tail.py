"""Tail probabilities of one bin's count, given the margins of the two-by-two table it stands in."""

from __future__ import annotations

import numpy as np
from scipy.special import betainc

from driftmeter.types import Floats


def upper_tail(x: Floats, r: Floats, n: Floats, m: Floats) -> Floats:
    """Return the chance of at least `x` of the window's `n` rows in a bin, given `r` of the reference's `m`.

    The hypergeometric tail by an incomplete beta function. With q = n/(n + m) and p = (x + r)/(n + m) it is
    I_q(x/(1−p), r/(1−p) + 1), the tail of a binomial that 1−p gives the hypergeometric's variance: exact as
    p goes to 0. The table's four cells allow four such binomials, exact as p, q, 1−p or 1−q goes to 0; the
    one whose share is least is taken. Arrays broadcast; any of the sizes may be zero; x = 0 gives 1.
    Source: DLMF 8.17.5; Molenaar, Approximations to the Poisson, binomial and hypergeometric (1970).

    >>> round(float(upper_tail(np.array(3.0), np.array(0.0), np.array(100.0), np.array(300.0))), 4)
    0.0151
    """
    p = (x + r) / np.maximum(n + m, 1)
    q = n / np.maximum(n + m, 1)
    window_out, reference_out = n - x, m - r
    small = np.argmin(np.stack(np.broadcast_arrays(p, q, 1 - p, 1 - q)), axis=0)
    over = np.choose(small, (x, x, reference_out, reference_out))
    under = np.choose(small, (r, window_out, window_out, r))
    share = np.choose(small, (q, p, 1 - q, 1 - p))
    shrink = np.choose(small, (1 - p, 1 - q, p, q))
    tail = betainc(np.maximum(over, 0.5) / shrink, under / shrink + 1, share)
    chance: Floats = np.where(over > 0, tail, 1.0)
    return chance


def two_sided(x: Floats, r: Floats, n: Floats, m: Floats) -> Floats:
    """Return twice the smaller of both tails, at most 1; see `upper_tail`.

    >>> float(two_sided(np.array(10.0), np.array(100.0), np.array(100.0), np.array(1000.0)))
    1.0
    """
    smaller: Floats = np.minimum(upper_tail(x, r, n, m), upper_tail(r, x, m, n))
    return np.clip(2 * smaller, 0.0, 1.0)
