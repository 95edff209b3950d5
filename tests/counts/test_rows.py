from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.counts import compiled
from driftmeter.counts.bad_cells import MOST_REPORTED
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import Dictionary
from driftmeter.data.rejected import Rejected
from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from driftmeter.profile.values import is_unreadable
from tests.counts.samples import bins


@pytest.mark.parametrize("record", [{}, {"x": None}, {"x": math.nan}, {"x": np.float32("nan")}])
def test_an_absent_value_and_null_and_nan_are_missing(numbers: Reader, record: Mapping[str, Any]) -> None:
    rows, rejected, _ = numbers.read_records([record])
    assert np.isnan(rows.numbers[0, 0])
    assert not rejected


def test_a_value_that_cannot_be_read_costs_no_other_feature_its_row(
    frame: pl.DataFrame, reader: Reader, binner: Binner
) -> None:
    rows = frame.head(5).to_dicts()
    rows[1]["count"] = "many"
    rows[3]["member"] = "perhaps"
    rows[3]["amount"] = []
    kept, rejected, _ = reader.read_records(rows)
    assert kept.index.tolist() == [0, 1, 2, 3, 4]
    assert {(cell.row, cell.field) for cell in rejected} == {(1, "count"), (3, "amount"), (3, "member")}
    assert reader.unreadable(kept) == {"count": 1, "amount": 1, "member": 1}
    as_it_was = reader.read_records(frame.head(5).to_dicts())[0]
    assert reader.unreadable(as_it_was) == {}
    before, now = binner.observe(as_it_was), binner.observe(kept)
    assert now.rows == before.rows == 5
    for feature, part in binner.profile.slices():
        special = feature.grid.special
        read = [index for index in range(feature.size) if index != special["unreadable"]]
        lost = now.counts[part][special["unreadable"]]
        if feature.column in ("count", "amount", "member") and feature.role == "feature":
            assert lost == 1
        elif feature.role == "feature":
            assert now.counts[part].tolist() == before.counts[part].tolist()
        assert now.counts[part].sum() == 5
        assert now.counts[part][read].sum() == 5 - lost


def test_a_rejection_says_row_field_expected_and_got(numbers: Reader) -> None:
    (rejected,) = numbers.read_records([{"x": "one"}])[1]
    assert rejected == Rejected(0, "x", "a number", "text ('one')")
    assert rejected.to_json() == {"row": 0, "field": "x", "expected": "a number", "got": "text ('one')"}


@pytest.mark.parametrize(
    ("record", "description"), [(None, "null"), ([1], "a list"), ("x", "text ('x')"), (3, "a number (3)")]
)
def test_a_row_that_is_no_object_is_rejected(numbers: Reader, record: Any, description: str) -> None:
    rows, rejected, _ = numbers.read_records([{"x": 1.0}, record])
    assert rows.index.tolist() == [0]
    assert rejected == [Rejected(1, "", "an object of features", description)]


def test_values_of_unknown_columns_are_counted(numbers: Reader) -> None:
    assert numbers.read_records([{"x": 1, "y": 2, "z": 3}, {"y": 1}, {}])[2] == 3
    assert numbers.read_columns({"x": [1, 2], "y": [1, 2], "z": [1, 2]})[2] == 4


def test_more_shapes_of_records_than_are_remembered_are_still_counted_right(numbers: Reader) -> None:
    records = [{"x": 1, f"extra {number}": 1} for number in range(3000)] * 2
    assert numbers.read_records(records)[2] == 6000


def test_no_rows_are_no_error(reader: Reader) -> None:
    for rows, rejected, ignored in (reader.read_records([]), reader.read_columns({})):
        assert (len(rows), rejected, ignored) == (0, [], 0)


def test_an_absent_column_is_missing_in_all_rows(reader: Reader) -> None:
    rows, rejected, _ = reader.read_columns({"amount": [1.0, 2.0]})
    assert len(rows) == 2
    assert np.isnan(rows.numbers[:, 1:]).all()
    assert not rejected


def test_columns_of_unequal_length_are_refused_by_name(reader: Reader) -> None:
    with pytest.raises(InputError, match=r"columns.count: expected 2 values, as in the other columns, got 3"):
        reader.read_columns({"amount": [1.0, 2.0], "count": [1, 2, 3]})


@pytest.mark.parametrize(
    "column", ["abc", b"abc", {"a": 1}, 5, None, np.zeros((2, 2)), np.float64(3), Dictionary(np.array([2]), ("a",))]
)
def test_what_is_no_column_is_refused_by_name(reader: Reader, column: Any) -> None:
    with pytest.raises(InputError, match=r"columns\.city"):
        reader.read_columns({"city": column})


def test_some_of_the_rows_keep_where_they_stood(numbers: Reader) -> None:
    records: list[Any] = [{"x": 0}, "bad", {"x": 2}]
    rows, _, _ = numbers.read_records(records)
    taken = rows.take(np.array([1]))
    assert (taken.index.tolist(), taken.numbers.tolist()) == ([2], [[2.0]])


def test_a_batch_of_nothing_but_bad_values_is_counted_whole_and_described_in_part(
    numbers: Reader, cities: Reader
) -> None:
    for reader, bad in ((numbers, "no"), (cities, ["no"])):
        name, values = reader.names[0], [bad] * (MOST_REPORTED + 5)
        for rows, rejected, _ in (
            reader.read_records([{name: value} for value in [*values, None]]),
            reader.read_columns({name: [*values, None]}),
        ):
            assert len(rejected) == MOST_REPORTED
            assert len(rows) == MOST_REPORTED + 6
            assert reader.unreadable(rows) == {name: MOST_REPORTED + 5}


def test_what_is_reported_is_the_first_of_each_row_that_has_room(numbers: Reader) -> None:
    column = Dictionary(np.array([0, 1, -1, 1]), ("1", "x"))
    rows, rejected, _ = numbers.read_columns({"x": column})
    assert [(cell.row, cell.got) for cell in rejected] == [(1, "text ('x')"), (3, "text ('x')")]
    assert is_unreadable(rows.numbers[:, 0]).tolist() == [False, True, False, True]


def test_a_column_of_two_features_is_unreadable_once() -> None:
    frame = pl.DataFrame({"when": [dt.datetime(2024, 1, 1, 5)] * 3, "x": [1.0, 2.0, 3.0]})
    profile = Profile.fit(frame, model="m", kinds={"when": "hour"})
    reader = Reader(profile)
    rows, _, _ = reader.read_columns({"when": ["soon", None], "x": ["?", "?"]})
    assert reader.unreadable(rows) == {"when": 1, "x": 2}


@pytest.mark.parametrize("value", [np.datetime64("NaT", "us"), pd.NaT, pd.NA, Decimal("NaN"), None, math.nan])
def test_what_frames_call_missing_is_missing(
    numbers: Reader, cities: Reader, codes: Reader, flags: Reader, hours: Reader, value: object
) -> None:
    for reader in (numbers, cities, codes, flags, hours):
        assert bins(reader, [value]) == ["missing"]


def test_what_is_kept_of_texts_is_bounded(cities: Reader) -> None:
    ((cache, *_),) = cities._odd.caches
    cities.read_columns({"c": [f"{number:02000}" for number in range(100)]})
    assert not cache
    cities.read_columns({"c": [f"c{number}" for number in range(25_000)]})
    assert 0 < len(cache) <= 10_000
    wide = Reader(Profile.fit(pl.DataFrame({f"c{number}": ["a"] for number in range(100)}), model="m"))
    wide.read_columns({f"c{column}": [f"v{row}" for row in range(1_500)] for column in range(100)})
    assert 0 < sum(len(texts) for texts, *_ in wide._odd.caches) <= 100_000


@pytest.mark.skipif(compiled.KIND == "plain", reason="it is the compiled counter that keeps them")
def test_what_the_compiled_counter_keeps_of_texts_is_bounded() -> None:
    known = ["a"] * 40 + ["b"] * 30 + ["1"]
    (single, odd), (tables, many) = (
        Reader(Profile.fit(pl.DataFrame(columns), model="m"), unseen_texts=False).compile()
        for columns in ({"c": known}, {f"c{number}": known for number in range(100)})
    )

    def read(tables: Any, records: list[dict[str, Any]], width: int) -> None:
        codes = np.empty((width, len(records)), np.intp).T
        assert tables.read_rows(records, np.empty((len(records), 0)), codes) == ([], 0)

    read(single, [{"c": f"{number:02000}"} for number in range(100)], 1)
    assert odd.caches == (({}, {}, {}),)
    read(single, [{"c": f"c{number}"} for number in range(25_000)], 1)
    assert 0 < len(odd.caches[0][0]) <= 10_000
    read(tables, [{f"c{column}": f"v{row}" for column in range(100)} for row in range(1_500)], 100)
    assert 0 < sum(len(texts) for texts, _, _ in many.caches) <= 100_000


def test_what_is_kept_of_shapes_is_bounded(numbers: Reader) -> None:
    strange: list[dict[str, Any]] = [
        {"x": 1.0, **dict.fromkeys(map(str, range(1_000)))},
        {"x": 1.0, "y" * 65: 0},
        {"x": 1.0, "y": 0},
    ]
    plainly = [numbers.read_records((record,)) for record in strange]  # a tuple is not for the compiled counter
    assert [ignored for _, _, ignored in plainly] == [1_000, 1, 1]
    assert list(numbers._shapes) == [("x", "y")]


MESSY = [1.5, 7, None, math.nan, True, "2.5", "many", Decimal("1.5"), 10**400, [1], np.float32(0.3), "Ulm", "nowhere"]


@given(st.lists(st.lists(st.sampled_from(MESSY), min_size=4, max_size=4), min_size=1, max_size=5), st.booleans())
def test_dicts_with_all_columns_are_read_as_records_are(rows: list[list[Any]], further: bool) -> None:
    reader = _messy_reader()
    records = [dict(zip("bacd" + "e" * further, [*row, 1], strict=False)) for row in rows]
    found = reader.read_complete(records)
    assert found is not None
    expected, rejected, _ = reader.read_records(records)
    assert found[0].numbers.view(np.uint64).tolist() == expected.numbers.view(np.uint64).tolist()
    assert (found[0].codes.tolist(), found[0].index.tolist()) == (expected.codes.tolist(), expected.index.tolist())
    samples = [None if read.unseen is None else read.unseen.sample() for read in (found[0], expected)]
    assert samples[0] == samples[1]
    assert found[1] == rejected


def test_dicts_of_which_one_lacks_a_column_are_not_read_as_complete() -> None:
    assert _messy_reader().read_complete([dict.fromkeys("abcd", 1), dict.fromkeys("abc", 1)]) is None


@cache
def _messy_reader() -> Reader:
    rng = np.random.default_rng(0)
    frame = {"a": rng.normal(size=500), "b": rng.normal(size=500), "c": rng.choice(["Ulm", "Bonn"], 500)}
    frame["d"] = frame["a"] + frame["b"] / 9  # regressed: residuals are columns of `numbers` too
    return Reader(Profile.fit(pl.DataFrame(frame), model="m"))


odd_records: st.SearchStrategy[Any] = st.one_of(
    st.fixed_dictionaries({"number": st.sampled_from(MESSY), "text": st.sampled_from(MESSY)}),
    st.sampled_from([5, None, "row", [1.5], {}, {7: 1, "number": 2.5}, {("x",): 1}, Counter(text=2), {"number": [1]}]),
)


@given(st.lists(odd_records, max_size=40))
def test_odd_records_among_others_are_read_as_where_all_are_read_plainly(records: list[Any]) -> None:
    reader = Reader(Profile.fit(pl.DataFrame({"number": [1.5, 2.5, 7.0], "text": ["Ulm", "Bonn", "1"]}), model="m"))
    rows, rejected, ignored = reader.read_records(records)
    plain, of_plain, ignored_by_plain = reader.read_records(tuple(records))
    assert np.array_equal(rows.numbers, plain.numbers, equal_nan=True)
    assert np.array_equal(is_unreadable(rows.numbers), is_unreadable(plain.numbers))
    assert (rows.codes.tolist(), rows.index.tolist()) == (plain.codes.tolist(), plain.index.tolist())
    assert (rejected, ignored) == (of_plain, ignored_by_plain)


@pytest.mark.skipif(compiled.KIND == "plain", reason="it is the compiled counter that reads the others")
def test_an_odd_record_does_not_have_the_others_read_plainly(numbers: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "_finish", None)
    records: list[Any] = [{"x": 1.0}, 5, {7: 1, "x": "2"}, Counter(x=3)]
    rows, rejected, ignored = numbers.read_records(records)
    assert (rows.numbers.ravel().tolist(), rows.index.tolist(), ignored) == ([1.0, 2.0, 3.0], [0, 2, 3], 1)
    assert [one.row for one in rejected] == [1]
