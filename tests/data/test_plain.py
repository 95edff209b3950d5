from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from driftmeter.data.plain import TooMuchTextError, plain, plain_table

ID = uuid.UUID(int=1)


def made(array: Any, **options: Any) -> tuple[str, list[Any]]:
    made = plain(pa.chunked_array([array]), **options)
    made.validate(full=True)
    return str(made.type), made.to_pylist()


@pytest.mark.parametrize(
    ("array", "kind", "values"),
    [
        (pa.array(["a", None], pa.string_view()), "large_string", ["a", None]),
        (pa.array([b"a", None]), "large_string", ["a", None]),
        (pa.array([b"\xff", None]), "binary", [b"\xff", None]),
        (pa.array([b"\0\0\1\0", None], pa.binary(4)), "fixed_size_binary[4]", [b"\0\0\1\0", None]),
        (pa.array([ID.bytes, None], pa.uuid()), "large_string", [str(ID), None]),
        (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([2, None], pa.int8())), "bool", [True, None]),
        (pa.array([Decimal("1.5"), None], pa.decimal256(50, 2)), "double", [1.5, None]),
        (pa.array([Decimal(5), None], pa.decimal128(38, 0)), "int64", [5, None]),
        (pa.array([Decimal(10**30), None], pa.decimal128(38, 0)), "double", [1e30, None]),
        (pa.array([np.float16(1.5), None], pa.float16()), "float", [1.5, None]),
        (pa.array([dt.time(8), None], pa.time32("s")), "time64[us]", [dt.time(8), None]),
        (pa.array([dt.date(2024, 1, 5), None], pa.date64()), "date32[day]", [dt.date(2024, 1, 5), None]),
        (pa.RunEndEncodedArray.from_arrays([1, 3], [1.5, None]), "double", [1.5, None, None]),
        (pa.RunEndEncodedArray.from_arrays([3, 5], [1.5, 2.5]).slice(2, 2), "double", [1.5, 2.5]),
        (pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), pa.nulls(0)), "null", [None, None]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_an_array_of_any_type_becomes_one_of_a_plain_type(array: Any, kind: str, values: list[Any]) -> None:
    assert made(array) == (kind, values)


def test_dictionaries_of_chunks_become_one_with_wider_indices() -> None:
    names = [f"m{index}" for index in range(150)]
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array(range(75), pa.int8()), pa.array(part, pa.string_view()))
        for part in (names[:75], names[75:])
    ]
    made = plain(pa.chunked_array(chunks))
    assert made.to_pylist() == names
    assert len(made.chunk(0).dictionary) == 150


def test_run_ends_of_text_are_coded_and_not_repeated() -> None:
    made = plain(pa.chunked_array([pa.RunEndEncodedArray.from_arrays([1_000_000], ["x" * 1_000])]))
    assert pa.types.is_dictionary(made.type)
    assert made.nbytes < 10_000_000


def test_views_that_point_at_the_same_text_are_bounded_before_they_unfold() -> None:
    many = pl.Series(["x" * 10_000]).gather([0] * 500).to_arrow(compat_level=pl.CompatLevel.newest())
    assert str(many.type) == "string_view"
    with pytest.raises(TooMuchTextError, match="5000000"):
        made(many, most_text=4_000_000)
    assert len(made(many, most_text=5_000_000)[1]) == 500


def test_types_without_one_plain_meaning_stay() -> None:
    for array in (pa.array([[1]]), pa.array([{"a": 1}]), pa.array([None], pa.month_day_nano_interval())):
        assert made(array)[0] == str(array.type)


def test_an_extension_that_nobody_here_knows_is_not_taken_for_its_storage() -> None:
    period = pa.field("p", pa.int64(), metadata={"ARROW:extension:name": "pandas.period"})
    uuids = pa.field("u", pa.binary(16), metadata={"ARROW:extension:name": "arrow.uuid"})
    json = pa.field("j", pa.string(), metadata={"ARROW:extension:name": "arrow.json"})
    arrays = [pa.array([1]), pa.array([ID.bytes], pa.binary(16)), pa.array(['{"a": 1}'])]
    table = pa.Table.from_arrays(arrays, schema=pa.schema([period, uuids, json]))
    made = plain_table(table)
    assert "pandas.period" in str(made.schema.field("p").type)
    assert made["u"].to_pylist() == [str(ID)]
    assert made["j"].to_pylist() == ['{"a": 1}']


def test_a_table_without_rows_or_chunks_becomes_plain_too() -> None:
    kinds = [pa.string_view(), pa.uuid(), pa.dictionary(pa.int8(), pa.string_view()), pa.decimal256(50, 2)]
    kinds.append(pa.run_end_encoded(pa.int32(), pa.string()))
    table = pa.table([pa.chunked_array([], kind) for kind in kinds], names=list("abcde"))
    assert plain_table(table).num_rows == 0
