"""How every store keeps the texts of unseen categories: they add up and are replaced with the counts beside them."""

from __future__ import annotations

from dataclasses import replace

from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import NO_TEXTS, UnseenTexts
from driftmeter.panes.pane import Slice
from driftmeter.store.protocol import Store
from driftmeter.store.records import AddRows, PutPane
from driftmeter.timestamps import DAY, HOUR
from tests.store.samples import (
    EVERYTHING,
    START,
    TIMING,
    batch,
    fold_all,
    freeze_at,
    frozen_slices,
    pane,
    put,
    rows,
)
from tests.support.clocks import SetClock

ODD = {"Köln": 2, "\\x": 1, "a'b": 3, "\ufffd": 4}


def with_texts(number: int, texts: dict[str, int]) -> Summary:
    return replace(rows(number), unseen=UnseenTexts.of({"city": texts}))


def told(number: int, texts: dict[str, int], *, at: int = 0, source: str = "s", sequence: int = 0) -> PutPane:
    """Return a pane with unseen texts."""
    write = pane(number, at=at, source=source, sequence=sequence)
    return replace(write, pane=replace(write.pane, summary=with_texts(number, texts)))


def added(number: int, texts: dict[str, int], *, key: str | None = None) -> AddRows:
    """Return a batch with unseen texts."""
    return replace(batch(number, key=key), parts=((START, with_texts(number, texts)),))


def test_texts_of_all_sources_add_up(store: Store, other: Store, clock: SetClock) -> None:
    put(store, told(5, ODD, source="one"), pane(3, source="two"))
    put(other, told(4, {"Köln": 1, "Rom": 2}, source="three"), added(2, {"Rom": 1}))
    expected = Slice(START, 1000, with_texts(14, {**ODD, "Köln": 3, "Rom": 3}))
    assert frozen_slices(store, clock) == other.unfolded("m", "d") == [expected]
    assert other.recent("m", "d", START + 1000, EVERYTHING) == [expected]


def test_a_pane_of_a_higher_sequence_replaces_texts_and_one_sent_again_changes_nothing(
    store: Store, clock: SetClock
) -> None:
    put(store, told(1, {"Rom": 1}, sequence=1), told(5, {"Rom": 1, "Ely": 3}, sequence=3))
    put(store, told(2, {"Rom": 2}, sequence=2), told(5, {"Rom": 1, "Ely": 3}, sequence=3))
    assert frozen_slices(store, clock) == [Slice(START, 1000, with_texts(5, {"Rom": 1, "Ely": 3}))]


def test_a_pane_without_texts_takes_those_before_it_away(store: Store, clock: SetClock) -> None:
    put(store, told(1, {"Rom": 1}, sequence=1), pane(4, sequence=2))
    (slice_,) = frozen_slices(store, clock)
    assert (slice_.summary.rows, slice_.summary.unseen) == (4, NO_TEXTS)


def test_batches_add_up_once_for_each_key(store: Store, other: Store, clock: SetClock) -> None:
    put(store, added(2, {"Rom": 1}, key="a"))
    put(other, added(2, {"Rom": 1}, key="a"), added(3, {"Ely": 2}, key="b"))
    put(store, added(1, {"Rom": 1}, key="c"), batch(1, key="d"))
    assert frozen_slices(other, clock) == [Slice(START, 1000, with_texts(7, {"Rom": 2, "Ely": 2}))]


def test_texts_of_late_rows_are_in_no_slice(store: Store, clock: SetClock) -> None:
    put(store, pane(1))
    freeze_at(store, clock, 1000)
    put(store, told(3, {"Rom": 2}, sequence=1), added(2, {"Ely": 1}))
    (slice_,) = store.unfolded("m", "d")
    assert slice_.summary == rows(1)


def test_slices_are_merged_with_their_texts(store: Store, clock: SetClock) -> None:
    for at in (0, 1000, 2000, 3 * HOUR, 30 * HOUR):
        clock.now = START + at + 1000
        write = told(3, {"Rom": 1, f"at {at}": 1}, at=at) if at < HOUR else pane(1, at=at)
        put(store, replace(write, pane=replace(write.pane, source="log", sequence=at, watermark=clock.now)))
        store.freeze("m")
        fold_all(store)
    merged = store.recent("m", "d", START + 2 * DAY, EVERYTHING)
    texts = {"Rom": 3, "at 0": 1, "at 1000": 1, "at 2000": 1}
    assert merged[0] == Slice(START, HOUR, with_texts(9, texts))
    assert [slice_.summary.unseen for slice_ in merged[1:]] == [NO_TEXTS, NO_TEXTS]


def test_a_model_of_the_same_name_begins_without_texts(store: Store, clock: SetClock) -> None:
    put(store, told(1, {"Rom": 1}), told(1, {"Rom": 1}, at=1000))
    freeze_at(store, clock, 1000)
    store.delete("m")
    store.register("m", "d", b"{}", TIMING)
    put(store, pane(1), pane(1, at=1000), pane(1, at=2000))
    slices = frozen_slices(store, clock, 3000)
    assert slices
    assert all(not slice_.summary.unseen for slice_ in slices)
