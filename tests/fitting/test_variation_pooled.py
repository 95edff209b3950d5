"""What many bins together say of a variance: more than one of them, unless they vary together."""

from __future__ import annotations

import numpy as np
import pytest

from driftmeter.fitting.variation import pooled_excess

ROWS, BINS = 1_000, 100


@pytest.mark.parametrize("windows", [12, 50])
def test_independent_rows_in_many_bins_look_independent(windows: int) -> None:
    chance = np.random.default_rng(1)
    share = np.full(BINS, 1 / BINS)
    excess = [
        pooled_excess(chance.multinomial(ROWS, share, windows) / ROWS, share, 1 - share, 1 / ROWS) for _ in range(50)
    ]
    # a bin by itself would be taken to vary by 2.0 and 1.3 times what rows do
    assert ROWS * np.quantile(excess, 0.9) < 0.15
    assert np.mean(np.array(excess) > 0) > 0.75  # the upper end of a 90 % interval


def test_bins_that_vary_together_tell_no_more_than_one() -> None:
    chance = np.random.default_rng(2)
    share = np.full(2, 0.5)
    below = 0
    for _ in range(200):
        level = chance.normal(0.5, 0.1, 12)
        shares = np.stack([level, 1 - level], axis=1)
        below += pooled_excess(shares, share, np.ones(2), 0.0) < 0.1**2 / 0.25
    assert below / 200 < 0.2


def test_dependent_groups_are_seen_to_be_dependent() -> None:
    chance = np.random.default_rng(3)
    share = np.full(BINS, 1 / BINS)
    clustered = 10 * chance.multinomial(ROWS // 10, share, 20) / ROWS
    assert 9 <= 1 + ROWS * pooled_excess(clustered, share, 1 - share, 1 / ROWS) <= 12


def test_bins_without_weight_say_nothing() -> None:
    assert pooled_excess(np.zeros((12, 3)), np.full(3, 0.1), np.zeros(3), 0.001) == 0.0
