"""What every store knows of sources."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftmeter.panes.coverage import SPAN, RowTally, SourceRecord
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.protocol import Store
from driftmeter.store.records import AddRows
from driftmeter.timestamps import DAY, HOUR
from tests.store.samples import START, batch, freeze_at, pane, put, rows
from tests.support.clocks import SetClock


def test_rows_that_came_from_a_source_add_up_to_its_totals(store: Store, other: Store) -> None:
    put(store, batch(5, source="a"))
    put(other, batch(7, source="a"), batch(1, source="b"))
    assert [(source.source, source.totals) for source in store.sources("m")] == [
        ("a", SourceTotals(12, 12)),
        ("b", SourceTotals(1, 1)),
    ]


def test_a_source_of_panes_says_its_totals_itself(store: Store, clock: SetClock) -> None:
    put(store, pane(5, totals=SourceTotals(9, 5, {"full": 4})))
    clock.now += 500
    totals = SourceTotals(12, 8, {"full": 4})
    put(store, pane(3, at=1000, totals=totals))
    assert store.sources("m") == [SourceRecord("s", totals, 0, START + 500, 8, recent=RowTally(12, 8, 8))]


def test_totals_that_are_overtaken_on_the_way_do_not_go_back(store: Store) -> None:
    put(store, pane(5, sequence=2, totals=SourceTotals(9, 9)), pane(3, sequence=1, totals=SourceTotals(4, 4)))
    assert store.sources("m")[0].totals == SourceTotals(9, 9)


def test_a_source_is_forgotten_a_day_after_it_was_last_heard_of(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    clock.now += DAY
    assert len(store.sources("m")) == 1
    clock.now += 1
    assert store.sources("m") == []


def test_totals_stay_readable_whatever_sources_say(store: Store, clock: SetClock) -> None:
    largest = SourceTotals(2**53, 2**53, {f"reason {number}": 2**53 for number in range(32)})
    put(store, pane(5, totals=largest), pane(5, source="log", totals=largest, watermark=START))
    odd = AddRows("m", "d", "s", ((START, rows(3)),), SourceTotals(3, 1, {"one more": 2}))
    put(store, odd, odd)
    (log, live) = store.sources("m")
    assert log.totals == largest
    assert SourceTotals.from_json(live.totals.to_json()).observed == 2**53


def test_rows_that_came_and_rows_that_a_source_counted_are_two_numbers(
    store: Store, other: Store, clock: SetClock
) -> None:
    put(store, pane(5, totals=SourceTotals(20, 18, {"full": 2})))
    put(
        other,
        pane(7, sequence=1, totals=SourceTotals(25, 23, {"full": 2})),
        pane(5, totals=SourceTotals(20, 18, {"full": 2})),
    )
    (source,) = store.sources("m")
    assert (source.added, source.missing, source.totals.counted, source.late) == (7, 16, 23, 0)
    freeze_at(store, clock, 1000)
    put(other, pane(9, sequence=2, totals=SourceTotals(25, 23, {"full": 2})))
    (source,) = store.sources("m")
    assert (source.added, source.late, source.recent) == (9, 2, RowTally(25, 23, 9, 2))


def test_what_a_source_did_long_ago_is_not_recent(store: Store, clock: SetClock) -> None:
    clock.now = START // SPAN * SPAN
    put(store, pane(5, at=60_000, totals=SourceTotals(5, 5)))
    clock.now += SPAN
    put(store, pane(7, at=SPAN + 60_000, totals=SourceTotals(12, 12)))
    assert store.sources("m")[0].recent == RowTally(12, 12, 12)
    clock.now += SPAN
    assert store.sources("m")[0].recent == RowTally(7, 7, 7)
    put(store, pane(1, at=2 * SPAN + 60_000, totals=SourceTotals(13, 13)))
    assert store.sources("m")[0].recent == RowTally(8, 8, 8)
    clock.now += 2 * SPAN
    assert store.sources("m")[0].recent == RowTally()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_goodbye_stands_whatever_is_overtaken_on_the_way(store: Store, other: Store, order: tuple[int, int]) -> None:
    last = pane(7, sequence=1, totals=SourceTotals(7, 7))
    writes = [pane(5, totals=SourceTotals(5, 5)), replace(last, pane=replace(last.pane, final=True))]
    for place in order:
        put((store, other)[place], writes[place])
    assert store.sources("m")[0].final
    put(store, pane(9, sequence=2, totals=SourceTotals(9, 9)))
    assert not store.sources("m")[0].final


def test_a_source_of_rows_has_no_missing_rows(store: Store) -> None:
    put(store, batch(5))
    (source,) = store.sources("m")
    assert (source.final, source.added, source.missing) == (True, 5, 0)


def test_rows_of_a_new_source_that_other_stores_acknowledged_are_not_missing(
    store: Store, other: Store, clock: SetClock
) -> None:
    first = pane(5, sequence=40, totals=SourceTotals(120, 105, {"full": 15}))
    put(store, replace(first, pane=replace(first.pane, acknowledged=100)))
    (source,) = other.sources("m")
    assert (source.missing, source.added, source.recent) == (0, 105, RowTally(5, 5, 5))
    second = pane(9, at=1000, sequence=41, totals=SourceTotals(135, 115, {"full": 20}))
    put(other, replace(second, pane=replace(second.pane, acknowledged=105)))
    (source,) = store.sources("m")
    assert (source.missing, source.added, source.recent) == (1, 114, RowTally(20, 15, 14))


def test_a_source_of_rows_that_was_forgotten_starts_from_nothing(store: Store, clock: SetClock) -> None:
    put(store, batch(1000))
    clock.now += 2 * DAY
    put(store, batch(1, at=2 * DAY, source="another"))
    clock.now += 2 * HOUR
    put(store, batch(5, at=2 * DAY + 2 * HOUR))
    source = {source.source: source for source in store.sources("m")}["server"]
    assert (source.totals.counted, source.added, source.missing, source.recent) == (5, 5, 0, RowTally(5, 5, 5))
