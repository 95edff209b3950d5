from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from driftmeter.drift.jensen_shannon import JensenShannon
from tests.drift.samples import pair_of


@pytest.mark.parametrize("seed", range(5))
def test_it_is_scipys_distance_in_base_two(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, window = rng.integers(0, 500, 30), rng.integers(0, 80, 30)
    ours = float(JensenShannon().score(pair_of(reference, window)).statistic)
    assert ours == pytest.approx(jensenshannon(reference, window, base=2), rel=1e-9)


def test_it_is_one_where_nothing_is_shared() -> None:
    assert float(JensenShannon().score(pair_of(np.array([3, 2, 0]), np.array([0, 0, 9]))).statistic) == 1
