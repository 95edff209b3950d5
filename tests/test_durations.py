from __future__ import annotations

import pytest

from driftmeter.durations import duration_text, parse_duration
from driftmeter.errors import InputError


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("0s", 0), ("500ms", 500), ("1.5h", 5_400_000), (" 12 H ", 43_200_000), ("30d", 2_592_000_000)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, milliseconds: int) -> None:
    assert parse_duration(text, "budget") == milliseconds


@pytest.mark.parametrize("wrong", ["", "10", "1w", "-1s", "1e3s", "9" * 400 + "d", 10, None, ["1s"]])
def test_anything_else_is_refused_by_its_name(wrong: object) -> None:
    with pytest.raises(InputError, match="budget: expected a number with ms, s, m, h or d, such as 500ms"):
        parse_duration(wrong, "budget")


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (1_000, "1s"),
        (90_000, "90s"),
        (3_600_000, "1h"),
        (172_800_000, "2d"),
        (86_400_001, "86400001ms"),
    ],
)
def test_a_duration_is_written_in_the_largest_unit_and_read_back(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds) == text
    assert parse_duration(text, "x") == milliseconds
