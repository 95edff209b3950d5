from __future__ import annotations

import pytest

from driftmeter.profile.checks import integer_of, is_utf8


@pytest.mark.parametrize("value", [0, 1, 2**53 - 1])
def test_an_integer_that_a_float_carries_too_is_a_number_of_rows(value: int) -> None:
    assert integer_of(value) == value


@pytest.mark.parametrize("value", [-1, 2**53, 10**400, 1.0, True, "1", None, [1]])
def test_what_no_float_carries_is_no_number_of_rows(value: object) -> None:
    with pytest.raises(ValueError, match=r"an integer from 0 to 2\*\*53 - 1"):
        integer_of(value)


def test_half_a_surrogate_pair_cannot_be_written() -> None:
    assert is_utf8("Zürich 🚋")
    assert not is_utf8("\ud800")
