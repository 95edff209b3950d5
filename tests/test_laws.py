"""The laws of counts, panes and profiles, tested on random examples."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.data.columns import Dictionary
from driftmeter.panes.codec import MOST_SEQUENCE, decode_counts, decode_pane, encode_counts, encode_pane
from driftmeter.panes.pane import Pane, Slice
from driftmeter.panes.retention import merge
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.windows import Window, WindowSetting
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.profile import Profile
from driftmeter.store.records import AddRows, PutPane
from driftmeter.store.sqlite.store import SQLiteStore
from driftmeter.timestamps import LATEST
from driftmeter.types import JSON, Counts
from tests.counts.samples import bins_of

BINS = 5


def vector_of(counts: list[int]) -> Counts:
    return np.array(counts, np.int64)


unreadable = st.sampled_from(["unknown", [1], {"a": 1}, 1j, b"\xff"])
numbers = st.none() | st.floats(width=64) | st.integers(-(10**6), 10**6) | st.sampled_from([True, " 7.5 ", "n/a"])
records = st.fixed_dictionaries(
    {},
    optional={
        "amount": numbers | unreadable,
        "count": numbers | unreadable,
        "weight": numbers,
        "city": st.none() | st.sampled_from(["Bonn", "Ulm", "v3", ["v3"], {}]) | st.text(max_size=4),
        "code": st.none() | st.integers(0, 4) | st.sampled_from([1.0, "1", "500", "x"]),
        "member": st.sampled_from([None, True, False, 1, 0.0, "true"]),
        "seen": st.none()
        | st.sampled_from(["2024-05-01T07:00", "2024-05-01T23:59:59+02:00"])
        | st.integers(10**9, 4 * 10**9),
    },
)
batches = st.lists(records, max_size=40)
counts = st.lists(st.integers(0, 2**62), min_size=BINS, max_size=BINS).map(vector_of)
small_counts = st.lists(st.integers(0, 1000), min_size=BINS, max_size=BINS).map(vector_of)
summaries = st.builds(Summary, st.integers(0, 2**40), small_counts)


def count(reader: Reader, binner: Binner, rows: Sequence[Mapping[str, Any]]) -> Summary:
    return binner.observe(reader.read_records(rows)[0])


@given(summaries)
def test_the_summary_of_no_rows_adds_nothing(summary: Summary) -> None:
    assert summary + Summary.zero(BINS) == summary == Summary.zero(BINS) + summary


@given(summaries, summaries)
def test_summaries_add_in_either_order(one: Summary, other: Summary) -> None:
    assert one + other == other + one


@given(summaries, summaries, summaries)
def test_summaries_add_in_any_grouping(one: Summary, two: Summary, three: Summary) -> None:
    assert (one + two) + three == one + (two + three) == Summary.sum([three, one, two], BINS)


@given(batches, st.lists(st.integers(0, 40), max_size=4))
def test_any_split_of_the_rows_equals_the_whole(
    reader: Reader, binner: Binner, rows: list[JSON], places: list[int]
) -> None:
    edges = [0, *sorted(min(place, len(rows)) for place in places), len(rows)]
    parts = [count(reader, binner, rows[low:high]) for low, high in itertools.pairwise(edges)]
    assert Summary.sum(parts, binner.profile.bins) == count(reader, binner, rows)


@given(batches)
def test_every_row_is_in_one_bin_of_each_feature(reader: Reader, binner: Binner, rows: list[JSON]) -> None:
    summary = count(reader, binner, rows)
    for _, part in binner.profile.slices():
        assert summary.counts[part].sum() == summary.rows == len(rows)


rare: st.SearchStrategy[Any] = st.integers(0, 900).map("c{}".format) | st.none() | st.just([])
MANY = Profile.fit(pl.DataFrame({"c": [f"c{row % 600}" for row in range(3000)] + ["own"] * 40}), model="m")


@given(st.lists(rare, max_size=60), st.integers(0, 60))
def test_any_split_of_hashed_categories_equals_the_whole(values: list[Any], place: int) -> None:
    reader, binner = Reader(MANY), Binner(MANY)
    grid = MANY.features[0].grid
    assert isinstance(grid, CategoryGrid)
    assert (grid.categories, grid.hashed) == (("own",), 1024)
    rows = [{"c": value} for value in values]
    whole = count(reader, binner, rows)
    assert count(reader, binner, rows[:place]) + count(reader, binner, rows[place:]) == whole
    assert whole.counts[grid.special["unreadable"]] == values.count([])
    assert whole.counts[grid.rest].sum() == sum(bool(value) and int(value[1:]) < 600 for value in values)
    assert whole.counts[grid.unseen].sum() == sum(bool(value) and int(value[1:]) >= 600 for value in values)


RELATED = Profile.fit(
    pl.DataFrame({"a": [(7 * row) % 50 for row in range(200)], "b": [(7 * row) % 50 + row % 9 for row in range(200)]}),
    model="m",
)
related = st.lists(st.fixed_dictionaries({}, optional={"a": numbers, "b": numbers}), max_size=40)


@given(related, st.lists(st.integers(0, 40), max_size=4))
def test_any_split_of_the_rows_gives_the_same_bins_of_residuals(rows: list[JSON], places: list[int]) -> None:
    assert [feature.name for feature in RELATED.features[2:]] == ["a given the rest", "b given the rest"]
    reader, binner = Reader(RELATED), Binner(RELATED)
    edges = [0, *sorted(min(place, len(rows)) for place in places), len(rows)]
    parts = [bins_of(binner, reader.read_records(rows[low:high])[0]) for low, high in itertools.pairwise(edges)]
    assert np.array_equal(np.concatenate(parts), bins_of(binner, reader.read_records(rows)[0]))


@given(batches, st.randoms(use_true_random=False))
def test_any_order_of_the_rows_gives_the_same_counts(
    reader: Reader, binner: Binner, rows: list[JSON], chance: random.Random
) -> None:
    shuffled = chance.sample(rows, len(rows))
    assert count(reader, binner, shuffled) == count(reader, binner, rows)


@given(batches)
def test_every_row_has_one_bin_in_every_feature(reader: Reader, binner: Binner, rows: list[JSON]) -> None:
    summary = count(reader, binner, rows)
    assert summary.check(binner.profile) is None
    assert summary.rows == len(rows)


@given(batches)
def test_records_and_columns_of_the_same_values_give_the_same_bins(
    reader: Reader, binner: Binner, rows: list[JSON]
) -> None:
    columns = {name: [row.get(name) for row in rows] for name in reader.names}
    coded = {name: Dictionary.encode(column) for name, column in columns.items()}
    expected = bins_of(binner, reader.read_records(rows)[0])
    for door in (columns, coded):
        assert np.array_equal(bins_of(binner, reader.read_columns(door)[0]), expected)


@given(counts)
def test_counts_survive_the_codec(vector: Counts) -> None:
    assert np.array_equal(decode_counts(encode_counts(vector), BINS), vector)


panes = st.builds(
    lambda digest, index, length, source, sequence, rows, vector, totals, watermark: Pane(
        digest, index * length, length, source, sequence, Summary(rows, vector), totals, watermark
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=32),
    st.integers(0, 10**6),
    st.integers(1, 86_400_000),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.integers(0, MOST_SEQUENCE),
    st.integers(0, 2**63 - 1),
    counts,
    st.builds(
        lambda counted, uncounted, dropped: SourceTotals(counted + uncounted, counted, dropped),
        st.integers(0, 2**52),
        st.integers(0, 2**52),
        st.dictionaries(st.text(max_size=5), st.integers(0, 9)),
    ),
    st.none() | st.integers(0, LATEST),
)


@given(panes)
def test_a_pane_survives_the_codec(pane: Pane) -> None:
    assert decode_pane(encode_pane(pane)) == pane


slices = st.lists(
    st.builds(lambda start, summary: Slice(start * 1000, 1000, summary), st.integers(0, 9_000), summaries),
    max_size=30,
    unique_by=lambda piece: piece.start,
)


def total(slices: Sequence[Slice]) -> Summary:
    return Summary.sum((piece.summary for piece in slices), BINS)


@given(slices, st.sampled_from([1000, 5000, 7000, 300_000, 3_600_000]))
def test_merging_slices_never_changes_their_total(closed: list[Slice], length: int) -> None:
    merged = merge(closed, length)
    assert total(merged) == total(closed)
    assert all(piece.start % length == 0 and piece.length == length for piece in merged if piece.length >= length)
    assert merge(merged, length) == merged


@given(slices, st.integers(0, 10_000_000), st.integers(1, 2**41))
def test_a_window_is_the_shortest_run_of_latest_slices_that_is_long_and_full_enough(
    closed: list[Slice], length: int, rows: int
) -> None:
    closed = sorted(closed, key=lambda piece: piece.end)
    window = WindowSetting(length, rows).select(closed, BINS)
    chosen = closed[len(closed) - window.slices :]
    assert window.summary == total(chosen)
    if not closed:
        assert window == Window(0, 0, 0, Summary.zero(BINS))
        return
    end = closed[-1].end
    assert (window.start, window.end) == (chosen[0].start, end)

    def enough(run: list[Slice]) -> bool:
        reach = all(piece.start < end - length for piece in closed[: len(closed) - len(run)])
        return bool(run) and sum(piece.summary.rows for piece in run) >= rows and reach

    assert enough(chosen) or len(chosen) == len(closed)
    assert not enough(chosen[1:])


# deliveries: each source sends its panes several times, with more rows each time
growth = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.integers(0, 2)), st.lists(small_counts, min_size=1, max_size=3), min_size=1
)


def deliveries(grown: Mapping[tuple[str, int], Sequence[Counts]]) -> list[PutPane]:
    sent = []
    for (source, index), steps in grown.items():
        total = np.zeros(BINS, np.int64)
        for sequence, step in enumerate(steps):
            total = total + step
            summary = Summary(int(total.sum()) + 1, total)
            sent.append(PutPane("m", Pane("d", index * 1000, 1000, source, sequence, summary)))
    return sent


def frozen(writes: Sequence[PutPane | AddRows], *, size: int = 1) -> list[Slice]:
    """Return the frozen slices after the writes, committed `size` at a time."""
    now = 0
    store = SQLiteStore(None, clock=lambda: now)
    store.register("m", "d", b"{}", Timing(1000, 1000))
    for start in range(0, len(writes), size):
        answers = store.commit(writes[start : start + size])
        assert not any(isinstance(answer, Exception) for answer in answers)
    for now in range(0, 5001, 500):  # noqa: B007 - the clock reads it
        store.freeze("m")
    slices = store.unfolded("m", "d")
    store.close()
    return slices


@given(growth, st.randoms(use_true_random=False), st.integers(1, 5))
def test_repeated_and_reordered_panes_change_nothing_that_is_frozen(
    grown: Mapping[tuple[str, int], Sequence[Counts]], chance: random.Random, size: int
) -> None:
    sent = deliveries(grown)
    disorder = chance.choices(sent, k=len(sent)) + sent
    chance.shuffle(disorder)
    expected = frozen(sent)
    assert expected
    assert frozen(disorder, size=size) == expected


@given(st.lists(st.tuples(st.integers(0, 3), summaries), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_repeated_and_reordered_batches_with_keys_change_nothing_that_is_frozen(
    parts: list[tuple[int, Summary]], chance: random.Random
) -> None:
    def batch(number: int) -> AddRows:
        index, summary = parts[number]
        piece = ((index * 1000, Summary(summary.rows + 1, summary.counts)),)
        source = chance.choice("ab")  # a retry may reach another server
        return AddRows("m", "d", source, piece, SourceTotals(), f"key {number}", str(number).encode())

    once = list(range(len(parts)))
    disorder = once * 2
    chance.shuffle(disorder)
    expected = frozen([batch(number) for number in once])
    assert frozen([batch(number) for number in disorder], size=3) == expected


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(allow_nan=False) | st.sampled_from([0.0, -0.0, 5e-324, 1.5]),
            st.none() | st.sampled_from(["a", "b", "ab", ""]),
        ),
        min_size=1,
        max_size=80,
    ),
    st.integers(2, 8),
)
def test_a_profile_does_not_depend_on_the_order_of_the_rows(
    rows: list[tuple[float | None, str | None]], bins: int
) -> None:
    shuffled = random.Random(1).sample(rows, len(rows))
    made = [
        Profile.fit(pl.DataFrame(order, schema={"x": pl.Float64, "c": pl.String}, orient="row"), model="m", bins=bins)
        for order in (rows, shuffled, rows[::-1])
    ]
    assert len({profile.dumps() for profile in made}) == 1
    assert Profile.loads(made[0].dumps()) == made[0]
