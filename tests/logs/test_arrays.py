"""What a value of JSON means does not depend on the other values of its column."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.logs.arrays import array_of, joined_columns
from driftmeter.logs.columns import LogColumns
from driftmeter.profile.profile import Profile
from driftmeter.report.batch import compare_batches
from tests.logs.samples import lines, opened

VALUES: tuple[Any, ...] = (
    *(None, 1, 1.0, 0.1 + 0.2, -3, 1e300, 2**53 + 1, 2**70, True, False, "a", "1", "1.0", " 2 ", "", "true", "NA"),
    *("0.3", [1], [], {"a": 1}, math.nan, math.inf, "01", "é"),
)


@pytest.fixture(scope="module")
def profile() -> Profile:
    reference = pl.DataFrame(
        {
            "number": [float(number % 50) for number in range(400)],
            "text": ["a", "1", "0.3", "true"] * 100,
            "whole": [1, 2, 3, 0] * 100,
            "truth": [True, False] * 200,
        }
    )
    kinds = {"whole": "categorical", "text": "categorical", "truth": "boolean", "number": "numeric"}
    return Profile.fit(reference, model="m", independent=True, residuals=False, kinds=kinds)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_counts_in_a_mixed_column_as_it_does_alone(value: Any, profile: Profile, tmp_path: Path) -> None:
    names = ("number", "text", "whole", "truth")
    for others in ([], [1], [1.5], ["a"], [True], [[1]], ["a", 1, 1.5, True, [2]]):
        column = [value, *others]
        rows, _, _ = Reader(profile).read_records([dict.fromkeys(names, one) for one in column])
        expected = Binner(profile).observe(rows).counts
        source = lines(tmp_path / "a.jsonl", [dict.fromkeys(names, one) for one in column])
        log = opened(source, LogColumns.of(profile)).log
        counts = compare_batches(profile, log.names, log.tables).verdict.window.summary.counts
        assert counts.tolist() == expected.tolist(), others


def test_columns_of_several_types_are_joined_as_the_widest_or_as_text() -> None:
    tables = [
        pa.table({"a": array_of([1]), "b": array_of([1]), "c": array_of([None]), "d": array_of([True])}),
        pa.table({"a": array_of([1.5]), "b": array_of(["x"]), "c": array_of(["y"]), "d": array_of([2.5])}),
        pa.table({"a": array_of([None]), "b": array_of([[1]])}),
    ]
    joined = joined_columns(tables).to_pydict()
    assert joined == {
        "a": [1.0, 1.5, None],
        "b": [b"1", b"x", b"\xff[1]"],
        "c": [None, "y", None],
        "d": ["true", "2.5", None],
    }
    assert json.loads(joined["b"][2][1:]) == [1]
