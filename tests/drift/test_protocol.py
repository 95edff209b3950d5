from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.drift.protocol import total
from tests.drift.samples import pair_of


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.integers(0, 300))
def test_a_total_has_the_same_bits_whatever_it_is_padded_to(values: list[float], extra: int) -> None:
    padded = np.append(values, np.zeros(extra))
    assert float(total(np.array(values))) == float(total(padded)) == float(total(np.stack([padded] * 3))[1])


def test_equal_proportions_give_steps_of_exactly_zero() -> None:
    reference = np.array([1, 7, 3, 11, 5])
    assert not pair_of(reference, 13 * reference).steps.any()


def test_an_empty_sample_has_no_shares_and_no_effective_size() -> None:
    pair = pair_of(np.array([3, 4]), np.array([0, 0]))
    assert not pair.window_shares.any()
    assert not pair.reference_shares.any()
    assert pair.effective == 0
    assert pair.noise == 0


def test_the_effective_size_uses_both_samples() -> None:
    assert float(pair_of(np.array([100, 200]), np.array([50, 50])).effective) == 75
