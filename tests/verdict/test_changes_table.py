"""The kind of change, over a table of injected changes: right, or not said."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.verdict.changes_table import CATEGORIES, NUMBERS, ROWS, SILENT, TABLE, Row, drawn, flights, told, values_of

SEEDS = 3
ALSO = {"unit": ("scale", "mixture"), "default": ("spike",), "spike": ("default",), "mixture": ("outliers",)}
"""What is right as well, said with less: of a unit its factor, of a default that it is one value."""
DESCRIBED = ("outliers", "new", "spike", "mixture", "missing")
"""Kinds that say what is there, whatever it comes from."""


@pytest.mark.parametrize("name", TABLE)
def test_a_change_is_told_as_what_it_is(name: str) -> None:
    row = TABLE[name]
    right: Counter[str] = Counter()
    for column in row.columns:
        for seed in range(SEEDS):
            change = told(column, drawn(column, row.inject, seed))
            if change is None:
                continue
            assert change.kind in (row.kind, *ALSO.get(row.kind, ())), (column, change)
            if change.kind == row.kind:
                check_numbers(row, column, change.to_json())
                assert row.word in change.text, (column, change)
                right[column] += 1
    silent = [column for column in row.columns if right[column] < 2]
    assert not silent, (silent, right)


def check_numbers(row: Row, column: str, numbers: dict[str, object]) -> None:
    for key, expected in (row.numbers or {}).items():
        off = 0.05 if key == "share" else 0.0
        assert numbers[key] == pytest.approx(expected, rel=0.05, abs=off), (column, numbers)


def test_there_are_sixteen_kinds_on_three_columns_each() -> None:
    held: dict[str, set[str]] = {}
    for row in TABLE.values():
        held.setdefault(row.kind, set()).update(row.columns)
    assert sum(len(names) >= 3 for names in held.values()) >= 16, held


@pytest.mark.parametrize("name", SILENT)
def test_mixtures_of_kinds_are_not_told_as_one(name: str) -> None:
    inject, names = SILENT[name]
    for column in names:
        for seed in range(SEEDS):
            assert told(column, drawn(column, inject, seed)) is None, column


@pytest.mark.parametrize("name", TABLE)
def test_a_small_window_names_no_other_kind(name: str) -> None:
    row = TABLE[name]
    for column in row.columns:
        assert told(column, drawn(column, row.inject, 9, rows=60)) is None
        change = told(column, drawn(column, row.inject, 9, rows=250))
        assert change is None or change.kind in (row.kind, *ALSO.get(row.kind, ())), (column, change)


@pytest.mark.parametrize("month", range(2, 13))
def test_a_month_is_not_told_as_a_fault_of_another(month: int) -> None:
    chance, frame = np.random.default_rng(month), flights(month)
    for column in (*(name for name in NUMBERS if name in frame.columns), *CATEGORIES[:3]):
        values = values_of(column, frame)
        for rows in (values[chance.integers(0, len(values), ROWS)], values[:ROWS]):
            change = told(column, rows)
            assert change is None or change.kind in DESCRIBED, (column, change)
