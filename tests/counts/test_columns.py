"""Columns mean the same to the compiled counter as to the plain one."""

from __future__ import annotations

import gc
import random
import tracemalloc
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftmeter.counts import compiled
from driftmeter.counts.binning import Binner
from driftmeter.counts.column_reader import LEFT, UNSEEN, ColumnReader
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import Column, Dictionary
from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from driftmeter.types import Codes, Floats
from tests.support.columns import columns_of, profile_of

needs_compiled = pytest.mark.skipif(compiled.KIND == "plain", reason=f"only the {compiled.describe()} is here")


def plain_reader(profile: Profile) -> Reader:
    reader = Reader(profile)
    reader._column_reader = ColumnReader(None, [f.column for f in (*reader.numeric, *reader.categorical)])
    return reader


def marks_of(reader: Reader, columns: dict[str, Column]) -> bytes:
    rows = max(map(len, columns.values()))
    numbers: Floats = np.empty((rows, sum(f.kind == "numeric" for f in reader.profile.features)))
    codes: Codes = np.empty((len(reader.categorical), rows), np.intp).T
    return reader._column_reader.read(columns, numbers, codes)


@needs_compiled
@settings(max_examples=60)
@given(st.integers(0, 1), st.integers(1, 150), st.randoms(use_true_random=True))
def test_columns_are_read_as_the_plain_counter_reads_them(seed: int, rows: int, draw: random.Random) -> None:
    profile = profile_of(seed)
    reader, plain = Reader(profile), plain_reader(profile)
    for _ in range(2):  # the second time categories are known
        columns = columns_of(draw, seed, rows)
        read, rejected, ignored = reader.read_columns(columns)
        expected, expected_rejected, expected_ignored = plain.read_columns(columns)
        assert read.numbers.view(np.uint64).tolist() == expected.numbers.view(np.uint64).tolist()
        assert read.codes.tolist() == expected.codes.tolist()
        assert [(one.row, one.field, one.expected, one.got) for one in rejected] == [
            (one.row, one.field, one.expected, one.got) for one in expected_rejected
        ]
        assert ignored == expected_ignored
        assert reader.unreadable(read) == plain.unreadable(expected)
        assert Binner(profile).observe(read) == Binner(profile, compiled=False).observe(expected)


@pytest.fixture
def reader() -> Reader:
    frame = pl.DataFrame({"x": np.arange(100.0), "c": ["Ulm", "Bonn"] * 50, "n": [1, 2] * 50})
    return Reader(Profile.fit(frame, model="m", kinds={"n": "categorical"}))


@needs_compiled
def test_plain_columns_need_no_python(reader: Reader) -> None:
    columns: dict[str, Column] = {
        "x": np.arange(4, dtype=np.float32),
        "c": Dictionary(np.array([0, 1, -1, 2], np.int8), ("Ulm", None, "Bonn")),
        "n": [1, 2, None, 1.5],
    }
    reader.read_columns(columns)  # looks the categories up
    assert marks_of(reader, columns) == bytes([0, 0, UNSEEN])
    assert marks_of(reader, {"x": [1, 2.5, True, None]}) == bytes([0, 0, 0])
    assert marks_of(reader, {"x": Dictionary(np.array([1, 0]), ("1", 2.0)), "c": [3, "Ulm"]}) == bytes([LEFT, LEFT, 0])
    assert marks_of(reader, {"n": np.array([1, 2, 1])}) == bytes([0, 0, 0])


@needs_compiled
@pytest.mark.parametrize("kind", ["d", "f", "i", "q", "l", "h", "I", "H", "b", "B"])
def test_arrays_need_not_be_aligned(reader: Reader, kind: str) -> None:
    raw = np.array([1, 2, 3], kind).tobytes()
    unaligned = np.frombuffer(memoryview(b"?" + raw)[1:], kind)
    marks = marks_of(reader, {"x": unaligned, "c": ["Ulm"] * 3, "n": [None] * 3})
    assert marks[0] == 0
    assert reader.read_columns({"x": unaligned})[0].numbers[:, 0].tolist() == [1.0, 2.0, 3.0]


@needs_compiled
def test_texts_of_unseen_categories_are_found_again(reader: Reader) -> None:
    for _ in range(2):
        for column in (["new", "Ulm", "new"], Dictionary(np.array([1, 0, 1]), ("Ulm", "new"))):
            rows, _, _ = reader.read_columns({"c": column})
            assert rows.unseen is not None
            assert rows.unseen.sample().counts == {"c": {"new": 2}}


def test_what_records_had_that_cannot_be_read_is_told_of_columns_too() -> None:
    reader = Reader(Profile.fit(pl.DataFrame({"flag": [True, False] * 50}), model="m"))
    reader.read_records([{"flag": "maybe"}])
    for column in (["maybe"], Dictionary(np.array([0]), ("maybe",))):
        _, rejected, _ = reader.read_columns({"flag": column})
        assert [one.got for one in rejected] == ["text ('maybe')"]


@pytest.mark.parametrize("name", ["x", "c"])
@pytest.mark.parametrize("index", [2**40, 3])
def test_an_index_beyond_the_dictionary_is_refused(reader: Reader, name: str, index: int) -> None:
    with pytest.raises(InputError, match=f"columns.{name}: expected indices within the dictionary"):
        reader.read_columns({name: Dictionary(np.array([0, index]), (1,))})


def test_a_batch_without_rows_or_columns_is_empty(reader: Reader) -> None:
    batches: list[dict[str, Column]]
    batches = [{}, {"x": np.zeros(0)}, {"c": Dictionary(np.zeros(0, np.intp), ())}, {"c": []}]
    for columns in batches:
        rows, rejected, ignored = reader.read_columns(columns)
        assert (len(rows), rejected, ignored) == (0, [], 0)


@needs_compiled
def test_arrays_of_another_shape_are_refused(reader: Reader) -> None:
    assert reader.tables is not None
    numbers, codes = np.empty((2, 1)), np.empty((2, 2), np.intp)
    given = (None, None, None)
    cases: list[tuple[tuple[None, ...], Any, Codes]] = [
        ((None,), numbers, codes),
        (given, np.empty((3, 1)), codes),
        (given, numbers, np.empty((2, 3), np.intp)),
        (given, np.empty((2, 1), np.float32), codes),
    ]
    for columns, into, of_codes in cases:
        with pytest.raises(ValueError, match="expected"):
            reader.tables.read_columns(columns, into, of_codes)
    assert reader.tables.read_columns((np.zeros(3), [1.0], np.zeros((2, 1))), numbers, codes) == bytes([LEFT] * 3)


@needs_compiled
def test_reading_columns_leaks_nothing(reader: Reader) -> None:
    columns: dict[str, Any] = {"x": np.arange(9.0), "c": Dictionary(np.arange(9), tuple("abcdefghi")), "n": [2**60] * 9}

    def work() -> None:
        for _ in range(500):
            reader.read_columns(columns)
            reader.read_columns({"x": ["odd"], "c": [[]], "n": np.array([7.5])})

    work()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()
