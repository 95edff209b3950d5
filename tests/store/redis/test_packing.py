from __future__ import annotations

import numpy as np
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Slice
from driftmeter.store.redis.packing import (
    pack,
    pack_slice,
    rows_of,
    seal,
    sequence_bytes,
    slice_name,
    source_hash,
    total,
    unpack_slice,
)


def counts(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize(
    ("largest", "width"), [(0, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4), (2**32 - 1, 4), (2**32, 8), (2**53, 8)]
)
def test_counts_take_as_few_bytes_as_the_largest_needs(largest: int, width: int) -> None:
    packed = pack(counts(1, largest, 0))
    assert len(packed) == 1 + 3 * width
    assert total([packed]).tolist() == [1, largest, 0]


def test_counts_of_any_width_add_up() -> None:
    parts = [(1, 2, 3), (255, 255, 255), (256, 0, 0), (2**16, 0, 1), (2**32, 1, 0), (255, 0, 0)]
    assert total(pack(counts(*numbers)) for numbers in parts).tolist() == np.sum(parts, axis=0).tolist()


def test_many_narrow_counts_add_up_beyond_their_width() -> None:
    assert total([pack(counts(255, 1))] * 10_000).tolist() == [2_550_000, 10_000]


def test_nothing_adds_up_to_no_counts() -> None:
    assert total([]).tolist() == []


def test_counts_without_bins_are_packed_too() -> None:
    assert total([pack(counts()), pack(counts())]).tolist() == []


@pytest.mark.parametrize("rows", [0, 7, 2**53])
def test_a_slice_comes_back_from_its_name_and_bytes(rows: int) -> None:
    slice_ = Slice(1_700_000_000_000, 10_000, Summary(rows, counts(rows, 0, 0)))
    name = slice_name(slice_.start, slice_.end).encode()
    assert unpack_slice(name, pack_slice(slice_)) == slice_


def test_names_of_slices_that_end_together_are_sorted_by_start() -> None:
    names = [slice_name(start, 10_000_000) for start in (0, 9, 10, 999_999, 1_000_000, 9_999_999)]
    assert sorted(names) == names


def test_a_seal_holds_hash_sequence_and_rows_of_each_source() -> None:
    sequence, rows = 2**63 + 1, 2**40
    report = sequence_bytes(sequence) + rows.to_bytes(8, "big")
    sealed = seal({"ä source".encode(): report, b"other": sequence_bytes(0) + bytes(8)})
    assert len(sealed) == 40
    assert sealed[:6] == source_hash("ä source")
    assert int.from_bytes(sealed[6:14], "big") == sequence
    assert int.from_bytes(sealed[14:20], "big") == rows == rows_of(report)
    assert sealed[20:26] == source_hash("other")


def test_thousands_of_sources_have_hashes_of_their_own() -> None:
    assert len({source_hash(f"model-server-{number}") for number in range(20_000)}) == 20_000
