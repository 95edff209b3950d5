"""What every store does with corrections of rows that it has, and with the keys by which they are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.protocol import Store
from driftmeter.store.records import AddRows, Receipt
from driftmeter.timestamps import MINUTE
from tests.store.samples import BINS, START, batch, closed, freeze_at, frozen_slices, put, rows
from tests.support.clocks import SetClock


def moved(number: int, source: str = "server", at: int = 0) -> AddRows:
    """Return a correction that moves so many rows of a pane from bin 0 to bin 1."""
    counts = np.zeros(BINS, np.int64)
    counts[:2] = -number, number
    return AddRows("m", "d", source, ((START + at, Summary(0, counts)),), SourceTotals())


def test_a_correction_moves_values_and_adds_no_rows(store: Store, clock: SetClock) -> None:
    put(store, batch(5))
    assert put(store, moved(2)) == [Receipt()]
    (slice_,) = frozen_slices(store, clock)
    assert (slice_.summary.rows, slice_.summary.counts.tolist()) == (5, [3, 2, 0])
    (source,) = store.sources("m")
    assert (source.totals, source.late) == (SourceTotals(5, 5), 0)


def test_a_correction_may_come_through_another_server_and_in_one_commit(
    store: Store, other: Store, clock: SetClock
) -> None:
    store.commit([batch(100_000, source="a"), moved(1, "a")])
    for _ in range(3):
        put(other, moved(1, "b"))
    other.commit([moved(2, "b"), moved(4, "b"), batch(1, source="b")])
    (slice_,) = frozen_slices(store, clock)
    assert (slice_.summary.rows, slice_.summary.counts.tolist()) == (100_001, [99_991, 10, 0])


def test_a_correction_of_a_frozen_pane_is_late_and_changes_nothing(store: Store, clock: SetClock) -> None:
    put(store, batch(5))
    freeze_at(store, clock, 1000)
    assert store.commit([moved(2)]) == [Receipt(late=2)]
    assert frozen_slices(store, clock) == [closed(5)]
    (source,) = store.sources("m")
    assert source.late == 0, "no row was late"


def test_a_used_key_tells_what_came_under_it(store: Store, other: Store, clock: SetClock) -> None:
    (first,) = store.commit([batch(5, key="k", fingerprint=b"first\0\xff")])
    (again,) = other.commit([batch(5, key="k", fingerprint=b"first\0\xff")])
    (another,) = other.commit([batch(5, key="k", fingerprint=b"second")])
    first, again, another = (receipt for receipt in (first, again, another) if isinstance(receipt, Receipt))
    assert (first.used, again.used, another.used) == (b"", b"first\0\xff", b"first\0\xff")
    both = store.commit([batch(1, key="l", fingerprint=b"one"), batch(1, key="l", fingerprint=b"two")])
    assert [receipt.used for receipt in both if isinstance(receipt, Receipt)] == [b"", b"one"]


def test_a_key_may_stand_for_no_rows_at_all(store: Store, other: Store, clock: SetClock) -> None:
    nothing = AddRows("m", "d", "s", (), SourceTotals(), "k", b"nothing")
    assert put(store, nothing) == [Receipt()]
    (receipt,) = other.commit([batch(5, key="k")])
    assert isinstance(receipt, Receipt)
    assert (receipt.conflict, receipt.used) == (True, b"nothing")


def test_a_key_may_be_kept_for_less_than_a_day(store: Store, clock: SetClock) -> None:
    short = replace(batch(5, key="k"), key_life=10 * MINUTE)
    put(store, short)
    clock.now += 10 * MINUTE - 1
    assert put(store, batch(1, at=MINUTE * 10), short)[1].duplicate
    clock.now += 2 * MINUTE
    assert not put(store, batch(1, at=MINUTE * 10), short)[1].duplicate


def test_rows_and_their_correction_in_one_batch_are_one_summary(store: Store, clock: SetClock) -> None:
    (_, correction) = moved(2).parts[0]
    put(store, replace(batch(5), parts=((START, rows(5) + correction),)))
    (slice_,) = frozen_slices(store, clock)
    assert slice_.summary.counts.tolist() == [3, 2, 0]
