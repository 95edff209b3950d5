from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from driftmeter.data.missing_codes import missing_code

CHANCE = np.random.default_rng(5)
N = 1_000


def coded(values: Any, code: float, share: float) -> Any:
    return np.where(np.arange(N) < share * N, code, values)


@pytest.mark.parametrize(
    ("values", "code", "share"),
    [
        (CHANCE.normal(20, 8, N), -999, 0.1),
        (CHANCE.integers(0, 90, N), 999, 0.005),
        (CHANCE.integers(0, 2, N), 99, 0.1),
        (CHANCE.lognormal(3, 1, N), 9_999, 0.1),
        (CHANCE.integers(0, 300, N), -1, 0.1),
        (CHANCE.normal(20, 8, N), 1e20, 0.1),
        (CHANCE.normal(20, 8, N), -3.4028234663852886e38, 0.1),
    ],
)
def test_a_code_for_missing_is_found_with_its_share(values: Any, code: float, share: float) -> None:
    assert missing_code(coded(values, code, share)) == (code, share)
    assert missing_code(np.append(coded(values, code, share), np.nan)) == (code, share)


@pytest.mark.parametrize(
    "values",
    [
        CHANCE.normal(20, 8, N),
        CHANCE.integers(0, 100, N),
        coded(CHANCE.lognormal(3, 1, N), 0, 0.7),
        coded(CHANCE.uniform(20_000, 60_000, N), 0, 0.2),
        CHANCE.integers(-1, 2, N),
        coded(CHANCE.normal(0, 5, N), -1, 0.1),
        coded(CHANCE.integers(0, 90, N), 999, 0.001),
        coded(CHANCE.uniform(0, 9_998, N), 9_999, 0.1),
        np.ones(N),
        np.full(N, np.nan),
        CHANCE.standard_cauchy(N),
        np.array([1.0] * 40 + [999.0] * 5),
    ],
    ids=str,
)
def test_ordinary_extremes_are_none(values: Any) -> None:
    assert missing_code(values.astype(float)) is None
