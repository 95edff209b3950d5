"""What every store does with panes and rows."""

from __future__ import annotations

import numpy as np
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.errors import UnknownModelError, UnknownProfileError
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.protocol import Store
from driftmeter.store.records import AddRows, Receipt, Write
from driftmeter.timestamps import DAY, MINUTE
from tests.store.samples import (
    START,
    TIMING,
    batch,
    closed,
    fate,
    frozen_slices,
    pane,
    put,
    rows,
)
from tests.support.clocks import SetClock


def test_a_pane_comes_out_as_it_went_in(store: Store, clock: SetClock) -> None:
    assert put(store, pane(5)) == [Receipt()]
    assert frozen_slices(store, clock) == [closed(5)]


def test_panes_of_several_sources_add_up(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5, source="a"))
    put(other, pane(7, source="b"))
    assert frozen_slices(store, clock) == [closed(12)]


def test_a_higher_sequence_replaces_what_the_source_said_before(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5, sequence=1))
    assert put(other, pane(9, sequence=2)) == [Receipt()]
    assert frozen_slices(store, clock) == [closed(9)]


@pytest.mark.parametrize("sequence", [1, 2])
def test_an_equal_or_lower_sequence_changes_nothing(store: Store, other: Store, clock: SetClock, sequence: int) -> None:
    put(store, pane(9, sequence=2))
    assert put(other, pane(5, sequence=sequence)) == [Receipt(duplicate=True)]
    assert frozen_slices(store, clock) == [closed(9)]


def test_sequences_are_kept_apart_by_pane_and_source_and_profile(store: Store, clock: SetClock) -> None:
    store.register("m", "b", b"second", TIMING)
    put(store, pane(5, sequence=9), pane(7, at=1000), pane(11, source="t"), pane(13, digest="b"))
    assert frozen_slices(store, clock, 2000) == [closed(16), closed(7, 1000)]
    assert store.unfolded("m", "b") == [closed(13)]


def test_counts_of_any_size_come_out_as_they_went_in(store: Store, clock: SetClock) -> None:
    large = Summary(2**62, np.array([2**62, 2**31, 0], np.int64))
    put(store, AddRows("m", "d", "s", ((START, large),), SourceTotals()))
    assert frozen_slices(store, clock)[0].summary == large


def test_batches_of_rows_add_up(store: Store, other: Store, clock: SetClock) -> None:
    put(store, batch(5), batch(5))
    put(other, batch(7), batch(1, source="another"))
    assert frozen_slices(store, clock) == [closed(18)]


def test_a_batch_may_reach_over_several_panes(store: Store, clock: SetClock) -> None:
    parts = ((START, rows(1)), (START + 1000, rows(2, 1)), (START + 2000, rows(0)))
    put(store, AddRows("m", "d", "s", parts, SourceTotals(3, 3)))
    slices = frozen_slices(store, clock, 3000)
    assert [(slice_.start - START, slice_.summary) for slice_ in slices] == [(0, rows(1)), (1000, rows(2, 1))]


def test_a_batch_with_the_key_of_an_earlier_one_is_not_counted_again(
    store: Store, other: Store, clock: SetClock
) -> None:
    assert put(store, batch(5, key="k")) == [Receipt()]
    assert put(store, batch(5, key="k")) == [Receipt(duplicate=True)]
    assert put(other, batch(5, key="k", source="another server")) == [Receipt(duplicate=True)]
    assert frozen_slices(store, clock) == [closed(5)]
    assert sum(source.totals.observed for source in store.sources("m")) == 5


def test_a_key_that_was_used_for_another_batch_is_a_conflict(store: Store, other: Store, clock: SetClock) -> None:
    put(store, batch(5, key="k"))
    assert put(other, batch(6, key="k")) == [Receipt(conflict=True)]
    assert frozen_slices(store, clock) == [closed(5)]


def test_a_key_counts_once_within_one_commit_too(store: Store, clock: SetClock) -> None:
    answers = store.commit([batch(5, key="k"), batch(5, key="k"), batch(6, key="k"), batch(1, key="l"), batch(2)])
    told = [Receipt(), Receipt(duplicate=True), Receipt(conflict=True), Receipt(), Receipt()]
    assert list(map(fate, answers)) == told
    assert frozen_slices(store, clock) == [closed(8)]


def test_the_rows_that_writes_add_sum_up_to_what_came_however_often_and_wherever_it_was_sent(
    store: Store, other: Store, clock: SetClock
) -> None:
    writes: list[tuple[Store, Write]] = [
        *((store, pane(3, sequence=1)), (other, pane(5, sequence=2)), (store, pane(5, sequence=2))),
        *((other, pane(3, sequence=1)), (store, pane(9, sequence=3)), (other, batch(4, key="k"))),
        *((store, batch(4, key="k")), (other, batch(2))),
    ]
    receipts = [store.commit([write])[0] for store, write in writes]
    assert sum(receipt.added for receipt in receipts if isinstance(receipt, Receipt)) == 9 + 4 + 2
    frozen_slices(store, clock)
    repeated = [(other, pane(11, sequence=4)), (store, pane(11, sequence=4))]
    again = [opened.commit([write])[0] for opened, write in repeated]
    assert [(receipt.added, receipt.added_late) for receipt in again if isinstance(receipt, Receipt)] == [
        (2, 2),
        (0, 0),
    ]


def test_rows_that_a_source_dropped_are_reported_once_over_all_stores(store: Store, other: Store) -> None:
    def dropped(to: Store, sequence: int, rows: int) -> dict[str, int]:
        totals = SourceTotals(rows, 0, {"buffer_full": rows})
        (receipt,) = to.commit([pane(1, sequence=sequence, totals=totals)])
        assert isinstance(receipt, Receipt)
        return dict(receipt.dropped)

    told = [
        dropped(store, 0, 5),
        dropped(other, 0, 5),
        dropped(other, 1, 8),
        dropped(store, 0, 5),
        dropped(store, 2, 8),
    ]
    assert told == [{"buffer_full": 5}, {}, {"buffer_full": 3}, {}, {}]


def test_keys_are_kept_apart_by_model(store: Store, clock: SetClock) -> None:
    store.register("n", "d", b"other", TIMING)
    put(store, batch(5, key="k"))
    assert put(store, batch(5, key="k", model="n")) == [Receipt()]


def test_a_key_is_kept_for_a_day(store: Store, clock: SetClock) -> None:
    put(store, batch(5, key="k"))
    clock.now += DAY - 1
    assert put(store, batch(1, at=DAY), batch(5, key="k"))[1].duplicate
    clock.now += 2 * MINUTE
    assert not put(store, batch(1, at=DAY), batch(5, key="k"))[1].duplicate


def test_rows_stay_in_the_panes_they_were_cut_into_when_the_timing_changes(store: Store, clock: SetClock) -> None:
    cut = AddRows("m", "d", "s", ((START + 1000, rows(3)),), SourceTotals(3, 3), length=1000)
    store.register("m", "d", b"", Timing(5000, 2000))
    put(store, cut)
    assert frozen_slices(store, clock, 10_000) == [closed(3, 1000)]
    assert put(store, cut) == [Receipt(late=3)]


def test_panes_and_rows_of_one_source_in_one_commit_add_up(store: Store, clock: SetClock) -> None:
    store.commit([batch(5, source="s"), pane(3, source="s", sequence=0), batch(2, source="s")])
    assert frozen_slices(store, clock) == [closed(10)]


def test_a_write_that_cannot_be_made_leaves_the_others_of_its_commit_alone(store: Store, clock: SetClock) -> None:
    answers = store.commit(
        [pane(5), pane(1, model="z"), pane(1, digest="z"), batch(1, model="z"), batch(1, digest="z"), batch(7)]
    )
    errors = [UnknownModelError, UnknownProfileError, UnknownModelError, UnknownProfileError]
    assert [type(answer) for answer in answers[1:5]] == errors
    assert (fate(answers[0]), fate(answers[5])) == (Receipt(), Receipt())
    assert "it has: d" in str(answers[2])
    assert frozen_slices(store, clock) == [closed(12)]


def test_an_empty_commit_is_nothing(store: Store) -> None:
    assert store.commit([]) == []


def test_panes_without_rows_leave_no_slice(store: Store, clock: SetClock) -> None:
    put(store, pane(0), batch(0, at=1000), pane(4, at=2000))
    assert frozen_slices(store, clock, 3000) == [closed(4, 2000)]
