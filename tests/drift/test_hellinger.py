from __future__ import annotations

import numpy as np
import pytest

from driftmeter.drift.hellinger import Hellinger
from tests.drift.samples import pair_of


def test_it_is_the_distance_by_the_bhattacharyya_coefficient() -> None:
    rng = np.random.default_rng(2)
    reference, window = rng.integers(0, 500, 30), rng.integers(0, 80, 30)
    coefficient = np.sum(np.sqrt(reference / reference.sum() * window / window.sum()))
    ours = float(Hellinger().score(pair_of(reference, window)).statistic)
    assert ours == pytest.approx(np.sqrt(1 - coefficient), rel=1e-9)


def test_it_is_one_where_nothing_is_shared() -> None:
    assert float(Hellinger().score(pair_of(np.array([3, 2, 0]), np.array([0, 0, 9]))).statistic) == 1
