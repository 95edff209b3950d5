from __future__ import annotations

import numpy as np
import pytest

from driftmeter.drift.total_variation import TotalVariation
from tests.drift.samples import pair_of


def test_it_is_the_largest_difference_over_all_sets_of_bins() -> None:
    reference, window = np.array([40, 30, 20, 10]), np.array([5, 5, 5, 35])
    gaps = window / 50 - reference / 100
    sets = [sum(gaps[i] for i in range(4) if mask >> i & 1) for mask in range(16)]
    assert float(TotalVariation().score(pair_of(reference, window)).statistic) == pytest.approx(max(sets))


def test_it_is_one_where_nothing_is_shared() -> None:
    assert float(TotalVariation().score(pair_of(np.array([3, 2, 0]), np.array([0, 0, 9]))).statistic) == 1
