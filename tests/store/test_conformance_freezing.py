"""When every store closes panes, and what is late."""

from __future__ import annotations

import pytest

from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.watermark import SOURCE_IDLE
from driftmeter.store.protocol import Store
from driftmeter.store.records import AddRows, Receipt
from driftmeter.timestamps import DAY, HOUR, MINUTE
from tests.store.samples import (
    START,
    TIMING,
    batch,
    closed,
    freeze_at,
    frozen_slices,
    pane,
    put,
    rows,
)
from tests.support.clocks import SetClock


def test_a_pane_closes_when_the_lateness_is_over_and_not_before(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 999)
    assert store.unfolded("m", "d") == []
    clock.now += 1
    store.freeze("m")
    assert store.unfolded("m", "d") == [closed(5)]


def test_the_watermark_never_goes_back(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    before = freeze_at(store, clock, 5000)
    clock.now -= 3000
    assert store.freeze("m") - START == before
    put(store, pane(5, source="log", at=5000, watermark=START))
    assert store.freeze("m") - START == before


def test_the_watermark_is_one_for_all_store_objects(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5))
    freeze_at(other, clock, 1000)
    assert store.model("m").frozen == START + 1000
    assert store.unfolded("m", "d") == other.unfolded("m", "d") == [closed(5)]
    assert put(store, pane(9, sequence=1))[0].late == 4


def test_rows_that_come_after_the_freeze_are_late_and_in_no_window(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5, source="other"))
    freeze_at(store, clock, 1000)
    assert put(store, pane(3), batch(4)) == [Receipt(late=3), Receipt(late=4)]
    assert store.unfolded("m", "d") == other.unfolded("m", "d") == [closed(5)]
    assert frozen_slices(store, clock, 10_000) == [closed(5)]


def test_only_what_a_late_pane_adds_to_what_was_frozen_is_late(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5, sequence=1))
    freeze_at(store, clock, 1000)
    assert put(store, pane(8, sequence=2)) == [Receipt(late=3)]
    assert put(other, pane(9, sequence=3)) == [Receipt(late=4)]
    assert store.unfolded("m", "d") == [closed(5)]


def late(store: Store) -> dict[str, int]:
    return {source.source: source.late for source in store.sources("m") if source.late}


def test_late_rows_are_counted_once_however_often_they_are_sent(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5, sequence=1))
    freeze_at(store, clock, 1000)
    late_pane = pane(8, sequence=2)
    put(store, late_pane, late_pane, pane(5, sequence=1))
    put(other, late_pane, pane(9, sequence=3), late_pane)
    store.commit([late_pane, late_pane])
    assert late(store) == {"s": 4}
    put(store, batch(6, key="k"), batch(6, key="k"))
    assert late(store) == {"s": 4, "server": 6}


def test_a_repeated_late_write_gets_the_answer_of_the_first(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5, source="other"))
    freeze_at(store, clock, 1000)
    put(store, batch(6, key="k"), pane(3))
    assert put(other, batch(6, key="k"), pane(3)) == [Receipt(6, duplicate=True), Receipt(3, duplicate=True)]


def test_the_repetition_of_a_frozen_pane_is_not_late(store: Store, clock: SetClock) -> None:
    put(store, pane(5, sequence=1))
    freeze_at(store, clock, 1000)
    assert put(store, pane(5, sequence=1), pane(3, sequence=0)) == [Receipt(0, duplicate=True)] * 2
    assert late(store) == {}


def test_a_late_pane_of_an_equal_sequence_changes_nothing(store: Store, clock: SetClock) -> None:
    put(store, pane(5, sequence=1))
    freeze_at(store, clock, 1000)
    put(store, pane(8, sequence=2), pane(50, sequence=2), pane(9, sequence=3))
    assert late(store) == {"s": 4}


def test_a_batch_that_is_late_in_part_is_counted_in_part(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 1000)
    parts = ((START, rows(2)), (START + 1000, rows(3)))
    assert put(store, AddRows("m", "d", "s", parts, SourceTotals())) == [Receipt(late=2)]
    assert frozen_slices(store, clock, 2000) == [closed(5), closed(3, 1000)]


def beat(store: Store, clock: SetClock) -> int:
    """Let a little time pass, then freeze: a store need not move a watermark at every call."""
    clock.now += TIMING.lateness // 4
    return store.freeze("m") - START


def test_logs_close_panes_by_their_own_watermark(store: Store, clock: SetClock) -> None:
    clock.now += 1000
    put(store, pane(5, source="log", watermark=START + 999))
    assert beat(store, clock) == 999
    assert store.unfolded("m", "d") == []
    put(store, pane(5, source="log", sequence=1, watermark=START + 1000))
    assert store.freeze("m") == START + 1000
    assert store.unfolded("m", "d") == [closed(5)]


def test_a_batch_may_carry_the_watermark_of_a_log(store: Store, clock: SetClock) -> None:
    clock.now += 1000
    put(store, batch(5, watermark=START + 1000))
    assert store.freeze("m") == START + 1000


def test_the_watermark_of_a_log_never_goes_back(store: Store, clock: SetClock) -> None:
    clock.now += 1000
    put(store, pane(5, source="log", watermark=START + 1000), pane(6, source="log", at=1000, watermark=START))
    assert store.freeze("m") == START + 1000


def test_the_slowest_log_holds_the_others_back(store: Store, clock: SetClock) -> None:
    put(store, pane(5, source="fast", watermark=START + 9000), pane(5, source="slow", watermark=START + 500))
    assert beat(store, clock) == 500


def test_a_log_that_fell_silent_no_longer_holds_the_others_back(store: Store, clock: SetClock) -> None:
    put(store, pane(5, source="slow", watermark=START + 500))
    clock.now += SOURCE_IDLE - 1
    put(store, pane(5, source="fast", watermark=START + 9000))
    store.freeze("m")
    assert store.freeze("m") == START + 500
    clock.now += 1
    assert store.freeze("m") == START + 9000


def test_live_sources_wait_for_a_log_and_a_log_for_live_sources(store: Store, clock: SetClock) -> None:
    put(store, pane(5), pane(5, source="log", watermark=START + 500))
    assert freeze_at(store, clock, 5000) == 500
    put(store, pane(6, source="log", at=5000, watermark=START + 9000))
    assert store.freeze("m") == START + 5000


def test_a_log_from_the_far_future_does_not_close_the_present(store: Store, clock: SetClock) -> None:
    put(store, pane(5), pane(5, source="log", watermark=START + 1000 * DAY))
    assert freeze_at(store, clock, 500) == 500  # live rows have their lateness all the same
    assert store.unfolded("m", "d") == []
    clock.now += SOURCE_IDLE + MINUTE
    put(store, pane(1, at=SOURCE_IDLE + MINUTE, source="log", sequence=1, watermark=START + 1000 * DAY))
    store.freeze("m")
    assert beat(store, clock) <= clock.now - START
    put(store, batch(3, at=SOURCE_IDLE + 2 * MINUTE))
    assert late(store) == {}


def test_a_log_that_starts_behind_the_watermark_does_not_hold_live_time_back(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 5000)
    put(store, pane(5, source="log", watermark=START + 500))
    assert freeze_at(store, clock, 9000) == 9000


def test_a_pane_longer_than_its_source_lives_closes_all_the_same(store: Store, clock: SetClock) -> None:
    store.register("m", "d", b"", Timing(HOUR, 60_000))
    put(store, pane(5, length=HOUR))
    while clock.now < START + HOUR + MINUTE:
        clock.now += MINUTE // 2
        store.freeze("m")
    assert store.unfolded("m", "d") == [closed(5, 0, HOUR)]


def test_time_stands_still_for_one_lateness_after_nobody_closed_panes(store: Store, clock: SetClock) -> None:
    put(store, pane(5, at=2000))
    freeze_at(store, clock, 1000)
    clock.now += 60_000  # the store was away: sources kept their rows and now deliver them
    assert store.freeze("m") == START + 1000
    assert put(store, pane(9, at=2000, sequence=1)) == [Receipt()]
    clock.now += TIMING.lateness - 1
    assert store.freeze("m") == START + 1000
    clock.now += 1
    assert store.freeze("m") == clock.now - TIMING.lateness
    assert store.unfolded("m", "d") == [closed(9, 2000)]


@pytest.mark.parametrize("lateness", [0, 500, 1000, 2000, 20_000])
@pytest.mark.parametrize("period", [None, 3000])
def test_slow_rounds_are_no_absence(store: Store, clock: SetClock, lateness: int, period: int | None) -> None:
    store.register("m", "d", b"", Timing(1000, lateness))
    put(store, pane(5))
    for _ in range(30):
        clock.now += period or lateness + 100
        store.freeze("m")
    assert store.model("m").frozen >= clock.now - lateness - 1000 - lateness // 4


def test_a_halt_is_not_extended_by_ordinary_rounds(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5))
    clock.now += 60_000
    store.freeze("m")
    for _ in range(20):
        clock.now += TIMING.lateness // 20
        for opened in (store, other):
            opened.freeze("m")
    assert store.freeze("m") == clock.now - TIMING.lateness


def test_what_was_said_before_the_clock_was_set_back_halts_nothing(store: Store, clock: SetClock) -> None:
    clock.now += 10 * DAY
    store.freeze("m")
    clock.now -= 10 * DAY  # halted, and beating, in ten days from now
    put(store, pane(5))
    assert freeze_at(store, clock, 1000) == 1000
    assert store.unfolded("m", "d") == [closed(5)]
    clock.now += 60_000
    assert store.freeze("m") == START + 1000  # and an absence is one again


def test_an_absence_halts_time_for_all_store_objects(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5))
    clock.now += 60_000
    assert store.freeze("m") == other.freeze("m") == 0


def test_time_does_not_stand_still_for_one_that_starts_beside_another(
    store: Store, other: Store, clock: SetClock
) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 60_000)
    assert other.freeze("m") == START + 60_000
