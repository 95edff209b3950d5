"""A frame that comes in parts is judged as the frame itself, however it is cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from driftmeter.report import batch as batch_report
from driftmeter.report import compare, compare_batches


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rng = np.random.default_rng(5)
    x = rng.normal(size=5_000)
    return pa.table(
        {
            "x": x,
            "y": 2 * x + rng.normal(size=5_000),
            "city": rng.choice(["Ulm", "Bonn", "Köln"], 5_000),
            "n": [None if row % 7 == 0 else row % 5 for row in range(5_000)],
            "text": [str(row % 90) if row % 11 else "n.v." for row in range(5_000)],
        }
    )


@pytest.fixture(scope="module")
def profile(table: pa.Table) -> Profile:
    return Profile.fit(table[:2_000], model="m", independent=True, kinds={"text": "numeric", "n": "categorical"})


def cut(table: pa.Table, edges: list[int]) -> Iterator[pa.Table]:
    for first, last in pairwise([0, *edges, len(table)]):
        yield table[first:last]


@pytest.mark.parametrize("edges", [[1], [2_500], [7, 7, 8, 1_000, 4_999], list(range(100, 5_000, 100))])
@pytest.mark.parametrize("block", [1_000, 100_000])
def test_the_report_is_that_of_the_frame(
    profile: Profile, table: pa.Table, edges: list[int], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_report, "_BLOCK", block)
    parts = compare_batches(profile, table.column_names, cut(table, edges))
    whole = compare(profile, table)
    assert json.dumps(parts.to_json()) == json.dumps(whole.to_json())
    assert parts.counts() == whole.counts()
    assert parts.notes == whole.notes


def test_what_cannot_be_read_is_told_in_the_order_of_the_columns_wherever_it_comes_first(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = pa.table({"x": ["1"] * 90 + ["a"] * 10, "city": ["Ulm"] * 100, "text": ["b"] * 100})
    whole = compare(profile, late).to_json()["unreadable"]
    monkeypatch.setattr(batch_report, "_BLOCK", 10)
    monkeypatch.setattr(batch_report, "_LEAST_BLOCK", 10)
    parts = compare(profile, late).to_json()["unreadable"]
    assert json.dumps(parts) == json.dumps(whole)
    assert list(parts["columns"]) == ["x", "text"]
    assert [value["row"] for value in parts["first"]] == [90, 91, 92, 0, 1, 2]


def test_columns_that_nobody_monitors_need_not_be_in_the_parts(profile: Profile, table: pa.Table) -> None:
    report = compare_batches(profile, [*table.column_names, "note"], cut(table, [9]))
    assert report.ignored == ("note",)


def test_no_part_is_no_rows(profile: Profile, table: pa.Table) -> None:
    with pytest.raises(InputError, match="expected rows, got none"):
        compare_batches(profile, table.column_names, [])
