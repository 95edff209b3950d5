from __future__ import annotations

import pytest

from driftmeter.panes.totals import SourceTotals


def test_totals_add_up_by_reason() -> None:
    total = SourceTotals(5, 3, {"full": 2}) + SourceTotals(4, 2, {"full": 1, "late": 1})
    assert total == SourceTotals(9, 5, {"full": 3, "late": 1})
    assert SourceTotals.from_json(total.to_json()) == total


@pytest.mark.parametrize(
    "data",
    [
        {"observed": -1, "counted": 0, "dropped": {}},
        {"observed": 0, "counted": -1, "dropped": {}},
        {"observed": 0, "counted": 0, "dropped": {"x": -1}},
    ],
)
def test_negative_totals_are_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        SourceTotals.from_json(data)


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"observed": 2**53 + 1, "counted": 0, "dropped": {}}, "at most 2"),
        ({"observed": 10**400, "counted": 0, "dropped": {}}, "at most 2"),
        ({"observed": 5, "counted": 0, "dropped": {"x": 2**53 + 1}}, "at most 2"),
        ({"observed": 5, "counted": 6, "dropped": {}}, "counted than observed"),
        ({"observed": 5, "counted": 0, "dropped": {str(n): 1 for n in range(33)}}, "reasons"),
        ({"observed": 5, "counted": 0, "dropped": {"x" * 65: 1}}, "reasons"),
    ],
)
def test_totals_that_no_source_can_have_seen_are_refused(data: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        SourceTotals.from_json(data)


def test_sums_of_totals_can_be_brought_within_bounds() -> None:
    largest = SourceTotals(2**53, 2**53, {str(n): 2**53 for n in range(32)})
    total = (largest + largest + SourceTotals(1, 1, {"x" * 100: 1, "y": 2})).bounded()
    assert SourceTotals.from_json(total.to_json()) == total
    assert SourceTotals(9, 5, {"full": 4}).bounded() == SourceTotals(9, 5, {"full": 4})
