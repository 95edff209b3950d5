"""What every store does, whatever it is made of."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.errors import StoreUnavailableError, UnknownModelError, UnknownProfileError
from driftmeter.panes.coverage import RowTally, SourceRecord
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.watermark import SOURCE_IDLE
from driftmeter.panes.windows import WindowSetting
from driftmeter.store.protocol import Store
from driftmeter.store.records import AddRows, Fold, ModelRecord, Progress, Receipt
from driftmeter.timestamps import DAY, HOUR, MINUTE
from tests.store.samples import BINS, START, TIMING, SetClock, batch, closed, fate, fold_all, freeze_at, pane, put, rows

EVERYTHING = WindowSetting(0, 10**15)


# --- models and profiles


def test_a_registered_model_is_known_with_its_profile(store: Store) -> None:
    assert store.model("m") == ModelRecord("m", "d", TIMING, 0, "d")
    assert store.profile("m", "d") == b'{"profile": "d"}'


def test_models_are_listed_by_name(store: Store) -> None:
    store.register("a", "x", b"x", TIMING)
    assert [record.model for record in store.models()] == ["a", "m"]


def test_a_new_profile_becomes_the_active_one_and_the_old_stays(store: Store, clock: SetClock) -> None:
    clock.time += 1
    store.register("m", "b", b"second", TIMING)
    assert store.model("m").digest == "b"
    assert store.digests("m") == ["d", "b"]
    assert store.profile("m", "d") == b'{"profile": "d"}'


def test_the_same_profile_again_changes_only_the_timing(store: Store, clock: SetClock) -> None:
    clock.time += 1
    store.register("m", "d", b"something else", Timing(5000, 0))
    assert store.model("m").timing == Timing(5000, 0)
    assert store.profile("m", "d") == b'{"profile": "d"}'
    assert store.digests("m") == ["d"]


def test_an_old_profile_can_be_made_active_again(store: Store, clock: SetClock) -> None:
    store.register("m", "b", b"second", TIMING)
    store.register("m", "d", b"first", TIMING)
    assert store.model("m").digest == "d"


def test_a_profile_that_was_replaced_comes_back_only_where_it_may(store: Store, other: Store) -> None:
    store.register("n", "d", b"new", TIMING, again=False)
    assert store.model("n").digest == "d"
    store.register("m", "e", b"second", TIMING, again=False)
    assert store.model("m").digest == "e"
    other.register("m", "d", b"first", Timing(5000, 0), again=False)
    assert store.model("m") == ModelRecord("m", "e", TIMING, 0, "e")
    other.register("m", "e", b"second", Timing(5000, 0), again=False)
    assert store.model("m") == ModelRecord("m", "e", Timing(5000, 0), 0, "e")
    store.register("m", "d", b"first", TIMING)
    assert store.model("m").digest == "d"


def test_a_retired_profile_is_dropped_when_nothing_was_left_of_it_for_ninety_days(
    store: Store, clock: SetClock
) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 1000)
    fold_all(store)
    store.register("m", "idle", b"never used", TIMING)
    store.register("m", "e", b"second", TIMING)
    for day in range(1, 96):
        clock.time = START + day * DAY
        put(store, pane(1, digest="e", at=day * DAY, source="log", watermark=clock.time))
        store.freeze("m")
        fold_all(store, "e")
        if day == 89:
            assert set(store.digests("m")) == {"d", "idle", "e"}
            assert store.verdict("m", "d") is not None
    assert store.digests("m") == ["e"]
    assert store.progress("m", "d") == Progress()
    assert store.verdict("m", "d") is None
    store.register("m", "d", b"again", TIMING)
    assert store.recent("m", "d", clock.time, EVERYTHING) == []


def test_a_profile_that_was_replaced_today_stays_however_old_it_is(store: Store, clock: SetClock) -> None:
    clock.time += 200 * DAY
    store.register("m", "e", b"second", TIMING)
    put(store, pane(1, digest="e", at=200 * DAY, source="log", watermark=clock.time))
    assert store.digests("m") == ["d", "e"]


def test_profiles_with_something_to_fold_are_named(store: Store, other: Store, clock: SetClock) -> None:
    store.register("m", "b", b"second", TIMING)
    store.register("m", "c", b"third", TIMING)
    put(store, pane(1), pane(2, digest="b"))
    assert store.pending("m") == []
    freeze_at(store, clock, 1000)
    assert sorted(other.pending("m")) == ["b", "d"]
    fold_all(store, "b")
    assert other.pending("m") == ["d"]
    assert other.pending("unknown") == []


def test_a_ping_leaves_nothing_behind(store: Store) -> None:
    for _ in range(3):
        store.ping()
    test_nothing_is_known_of_a_model_that_nobody_wrote_to(store)


def test_registering_a_profile_keeps_the_watermark(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 1000)
    store.register("m", "b", b"second", TIMING)
    assert store.model("m").frozen == START + 1000


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.model("z"),
        lambda store: store.profile("z", "d"),
        lambda store: store.delete("z"),
        lambda store: store.freeze("z"),
        lambda store: store.acknowledge("z", "1", 0, ""),
    ],
)
def test_an_unknown_model_is_named_with_those_that_are_known(store: Store, ask: Callable[[Store], Any]) -> None:
    with pytest.raises(UnknownModelError, match="unknown model 'z'; known: m"):
        ask(store)


def test_an_unknown_profile_is_named_with_those_that_are_known(store: Store) -> None:
    with pytest.raises(UnknownProfileError, match="no profile 'z'; it has: d"):
        store.profile("m", "z")


def test_nothing_is_known_of_a_model_that_nobody_wrote_to(store: Store) -> None:
    assert store.progress("m", "d") == Progress()
    assert store.verdict("m", "d") is None
    assert store.unfolded("m", "d") == store.recent("m", "d", START, EVERYTHING) == []
    assert store.history("m", "d", 0, 2 * START) == []
    assert store.sources("m") == []
    assert store.acknowledged("m") == {}


def test_a_deleted_model_leaves_nothing_behind_and_can_come_again(store: Store, clock: SetClock) -> None:
    store.register("n", "d", b"other", TIMING)
    put(store, pane(5), pane(5, at=5000), batch(3, key="k"), pane(7, model="n"))
    freeze_at(store, clock, 1000)
    fold_all(store)
    store.acknowledge("m", "1", START, "")
    store.delete("m")
    with pytest.raises(UnknownModelError):
        store.model("m")
    assert [record.model for record in store.models()] == ["n"]
    store.register("m", "d", b"again", TIMING)
    test_nothing_is_known_of_a_model_that_nobody_wrote_to(store)
    assert store.profile("m", "d") == b"again"
    assert store.model("m").frozen == 0
    assert put(store, batch(3, key="k", at=60_000)) == [Receipt()]
    for _ in range(3):
        store.freeze("n")
        clock.time += TIMING.lateness
    assert store.unfolded("n", "d") == [closed(7)]


# --- writes


def frozen(store: Store, clock: SetClock, end: int = 1000) -> list[Any]:
    freeze_at(store, clock, end)
    return store.unfolded("m", "d")


def test_a_pane_comes_out_as_it_went_in(store: Store, clock: SetClock) -> None:
    assert put(store, pane(5)) == [Receipt()]
    assert frozen(store, clock) == [closed(5)]


def test_panes_of_several_sources_add_up(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5, source="a"))
    put(other, pane(7, source="b"))
    assert frozen(store, clock) == [closed(12)]


def test_a_higher_sequence_replaces_what_the_source_said_before(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5, sequence=1))
    assert put(other, pane(9, sequence=2)) == [Receipt()]
    assert frozen(store, clock) == [closed(9)]


@pytest.mark.parametrize("sequence", [1, 2])
def test_an_equal_or_lower_sequence_changes_nothing(store: Store, other: Store, clock: SetClock, sequence: int) -> None:
    put(store, pane(9, sequence=2))
    assert put(other, pane(5, sequence=sequence)) == [Receipt(duplicate=True)]
    assert frozen(store, clock) == [closed(9)]


def test_sequences_are_kept_apart_by_pane_and_source_and_profile(store: Store, clock: SetClock) -> None:
    store.register("m", "b", b"second", TIMING)
    put(store, pane(5, sequence=9), pane(7, at=1000), pane(11, source="t"), pane(13, digest="b"))
    assert frozen(store, clock, 2000) == [closed(16), closed(7, 1000)]
    assert store.unfolded("m", "b") == [closed(13)]


def test_counts_of_any_size_come_out_as_they_went_in(store: Store, clock: SetClock) -> None:
    large = Summary(2**62, np.array([2**62, 2**31, 0], np.int64))
    put(store, AddRows("m", "d", "s", ((START, large),), SourceTotals()))
    assert frozen(store, clock)[0].summary == large


def test_batches_of_rows_add_up(store: Store, other: Store, clock: SetClock) -> None:
    put(store, batch(5), batch(5))
    put(other, batch(7), batch(1, source="another"))
    assert frozen(store, clock) == [closed(18)]


def test_a_batch_may_reach_over_several_panes(store: Store, clock: SetClock) -> None:
    parts = ((START, rows(1)), (START + 1000, rows(2, 1)), (START + 2000, rows(0)))
    put(store, AddRows("m", "d", "s", parts, SourceTotals(3, 3)))
    slices = frozen(store, clock, 3000)
    assert [(each.start - START, each.summary) for each in slices] == [(0, rows(1)), (1000, rows(2, 1))]


def test_a_batch_with_the_key_of_an_earlier_one_is_not_counted_again(
    store: Store, other: Store, clock: SetClock
) -> None:
    assert put(store, batch(5, key="k")) == [Receipt()]
    assert put(store, batch(5, key="k")) == [Receipt(duplicate=True)]
    assert put(other, batch(5, key="k", source="another server")) == [Receipt(duplicate=True)]
    assert frozen(store, clock) == [closed(5)]
    assert sum(each.totals.observed for each in store.sources("m")) == 5


def test_a_key_that_was_used_for_another_batch_is_a_conflict(store: Store, other: Store, clock: SetClock) -> None:
    put(store, batch(5, key="k"))
    assert put(other, batch(6, key="k")) == [Receipt(conflict=True)]
    assert frozen(store, clock) == [closed(5)]


def test_a_key_counts_once_within_one_commit_too(store: Store, clock: SetClock) -> None:
    answers = store.commit([batch(5, key="k"), batch(5, key="k"), batch(6, key="k"), batch(1, key="l"), batch(2)])
    told = [Receipt(), Receipt(duplicate=True), Receipt(conflict=True), Receipt(), Receipt()]
    assert list(map(fate, answers)) == told
    assert frozen(store, clock) == [closed(8)]


def test_the_rows_that_writes_add_sum_up_to_what_came_however_often_and_wherever_it_was_sent(
    store: Store, other: Store, clock: SetClock
) -> None:
    writes = [
        *((store, pane(3, sequence=1)), (other, pane(5, sequence=2)), (store, pane(5, sequence=2))),
        *((other, pane(3, sequence=1)), (store, pane(9, sequence=3)), (other, batch(4, key="k"))),
        *((store, batch(4, key="k")), (other, batch(2))),
    ]
    receipts = [store.commit([write])[0] for store, write in writes]
    assert sum(each.added for each in receipts if isinstance(each, Receipt)) == 9 + 4 + 2
    frozen(store, clock)
    repeated = [(other, pane(11, sequence=4)), (store, pane(11, sequence=4))]
    again = [each.commit([write])[0] for each, write in repeated]
    assert [(each.added, each.added_late) for each in again if isinstance(each, Receipt)] == [(2, 2), (0, 0)]


def test_what_a_source_dropped_itself_is_told_once_whichever_store_it_was_told(store: Store, other: Store) -> None:
    def dropped(to: Store, sequence: int, rows: int) -> dict[str, int]:
        said = SourceTotals(rows, 0, {"buffer_full": rows})
        (receipt,) = to.commit([pane(1, sequence=sequence, totals=said)])
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
    clock.time += DAY - 1
    assert put(store, batch(1, at=DAY), batch(5, key="k"))[1].duplicate
    clock.time += 2 * MINUTE
    assert not put(store, batch(1, at=DAY), batch(5, key="k"))[1].duplicate


def test_rows_stay_in_the_panes_they_were_cut_into_when_the_timing_changes(store: Store, clock: SetClock) -> None:
    cut = AddRows("m", "d", "s", ((START + 1000, rows(3)),), SourceTotals(3, 3), length=1000)
    store.register("m", "d", b"", Timing(5000, 2000))
    put(store, cut)
    assert frozen(store, clock, 10_000) == [closed(3, 1000)]
    assert put(store, cut) == [Receipt(late=3)]


def test_panes_and_rows_of_one_source_in_one_commit_add_up(store: Store, clock: SetClock) -> None:
    store.commit([batch(5, source="s"), pane(3, source="s", sequence=0), batch(2, source="s")])
    assert frozen(store, clock) == [closed(10)]


def test_a_write_that_cannot_be_made_leaves_the_others_of_its_commit_alone(store: Store, clock: SetClock) -> None:
    answers = store.commit(
        [pane(5), pane(1, model="z"), pane(1, digest="z"), batch(1, model="z"), batch(1, digest="z"), batch(7)]
    )
    errors = [UnknownModelError, UnknownProfileError, UnknownModelError, UnknownProfileError]
    assert [type(answer) for answer in answers[1:5]] == errors
    assert (fate(answers[0]), fate(answers[5])) == (Receipt(), Receipt())
    assert "it has: d" in str(answers[2])
    assert frozen(store, clock) == [closed(12)]


def test_an_empty_commit_is_nothing(store: Store) -> None:
    assert store.commit([]) == []


def test_panes_without_rows_leave_no_slice(store: Store, clock: SetClock) -> None:
    put(store, pane(0), batch(0, at=1000), pane(4, at=2000))
    assert frozen(store, clock, 3000) == [closed(4, 2000)]


# --- closing


def test_a_pane_closes_when_the_lateness_is_over_and_not_before(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 999)
    assert store.unfolded("m", "d") == []
    clock.time += 1
    store.freeze("m")
    assert store.unfolded("m", "d") == [closed(5)]


def test_the_watermark_never_goes_back(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    before = freeze_at(store, clock, 5000)
    clock.time -= 3000
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
    assert frozen(store, clock, 10_000) == [closed(5)]


def test_only_what_a_late_pane_adds_to_what_was_frozen_is_late(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5, sequence=1))
    freeze_at(store, clock, 1000)
    assert put(store, pane(8, sequence=2)) == [Receipt(late=3)]
    assert put(other, pane(9, sequence=3)) == [Receipt(late=4)]
    assert store.unfolded("m", "d") == [closed(5)]


def late(store: Store) -> dict[str, int]:
    return {each.source: each.late for each in store.sources("m") if each.late}


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
    assert frozen(store, clock, 2000) == [closed(5), closed(3, 1000)]


def beat(store: Store, clock: SetClock) -> int:
    """Let a little time pass and close: a store need not move a watermark that closes nothing at every call."""
    clock.time += TIMING.lateness // 4
    return store.freeze("m") - START


def test_logs_close_panes_by_their_own_watermark(store: Store, clock: SetClock) -> None:
    clock.time += 1000
    put(store, pane(5, source="log", watermark=START + 999))
    assert beat(store, clock) == 999
    assert store.unfolded("m", "d") == []
    put(store, pane(5, source="log", sequence=1, watermark=START + 1000))
    assert store.freeze("m") == START + 1000
    assert store.unfolded("m", "d") == [closed(5)]


def test_a_batch_may_carry_the_watermark_of_a_log(store: Store, clock: SetClock) -> None:
    clock.time += 1000
    put(store, batch(5, watermark=START + 1000))
    assert store.freeze("m") == START + 1000


def test_the_watermark_of_a_log_never_goes_back(store: Store, clock: SetClock) -> None:
    clock.time += 1000
    put(store, pane(5, source="log", watermark=START + 1000), pane(6, source="log", at=1000, watermark=START))
    assert store.freeze("m") == START + 1000


def test_the_slowest_log_holds_the_others_back(store: Store, clock: SetClock) -> None:
    put(store, pane(5, source="fast", watermark=START + 9000), pane(5, source="slow", watermark=START + 500))
    assert beat(store, clock) == 500


def test_a_log_that_fell_silent_no_longer_holds_the_others_back(store: Store, clock: SetClock) -> None:
    put(store, pane(5, source="slow", watermark=START + 500))
    clock.time += SOURCE_IDLE - 1
    put(store, pane(5, source="fast", watermark=START + 9000))
    store.freeze("m")
    assert store.freeze("m") == START + 500
    clock.time += 1
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
    clock.time += SOURCE_IDLE + MINUTE
    put(store, pane(1, at=SOURCE_IDLE + MINUTE, source="log", sequence=1, watermark=START + 1000 * DAY))
    store.freeze("m")
    assert beat(store, clock) <= clock.time - START
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
    while clock.time < START + HOUR + MINUTE:
        clock.time += MINUTE // 2
        store.freeze("m")
    assert store.unfolded("m", "d") == [closed(5, 0, HOUR)]


def test_time_stands_still_for_one_lateness_after_nobody_closed_panes(store: Store, clock: SetClock) -> None:
    put(store, pane(5, at=2000))
    freeze_at(store, clock, 1000)
    clock.time += 60_000  # the store was away: sources kept their rows and now deliver them
    assert store.freeze("m") == START + 1000
    assert put(store, pane(9, at=2000, sequence=1)) == [Receipt()]
    clock.time += TIMING.lateness - 1
    assert store.freeze("m") == START + 1000
    clock.time += 1
    assert store.freeze("m") == clock.time - TIMING.lateness
    assert store.unfolded("m", "d") == [closed(9, 2000)]


@pytest.mark.parametrize("lateness", [0, 500, 1000, 2000, 20_000])
@pytest.mark.parametrize("period", [None, 3000])
def test_slow_rounds_are_no_absence(store: Store, clock: SetClock, lateness: int, period: int | None) -> None:
    store.register("m", "d", b"", Timing(1000, lateness))
    put(store, pane(5))
    for _ in range(30):
        clock.time += period or lateness + 100
        store.freeze("m")
    assert store.model("m").frozen >= clock.time - lateness - 1000 - lateness // 4


def test_a_halt_is_not_extended_by_ordinary_rounds(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5))
    clock.time += 60_000
    store.freeze("m")
    for _ in range(20):
        clock.time += TIMING.lateness // 20
        for each in (store, other):
            each.freeze("m")
    assert store.freeze("m") == clock.time - TIMING.lateness


def test_what_was_said_before_the_clock_was_put_back_halts_nothing(store: Store, clock: SetClock) -> None:
    clock.time += 10 * DAY
    store.freeze("m")
    clock.time -= 10 * DAY  # halted, and beating, in ten days from now
    put(store, pane(5))
    assert freeze_at(store, clock, 1000) == 1000
    assert store.unfolded("m", "d") == [closed(5)]
    clock.time += 60_000
    assert store.freeze("m") == START + 1000  # and an absence is one again


def test_an_absence_halts_time_for_all_store_objects(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(5))
    clock.time += 60_000
    assert store.freeze("m") == other.freeze("m") == 0


def test_time_does_not_stand_still_for_one_that_starts_beside_another(
    store: Store, other: Store, clock: SetClock
) -> None:
    put(store, pane(5))
    freeze_at(store, clock, 60_000)
    assert other.freeze("m") == START + 60_000


def test_rows_that_came_from_a_source_add_up_to_its_totals(store: Store, other: Store) -> None:
    put(store, batch(5, source="a"))
    put(other, batch(7, source="a"), batch(1, source="b"))
    assert [(each.source, each.totals) for each in store.sources("m")] == [
        ("a", SourceTotals(12, 12)),
        ("b", SourceTotals(1, 1)),
    ]


def test_a_source_of_panes_says_its_totals_itself(store: Store, clock: SetClock) -> None:
    put(store, pane(5, totals=SourceTotals(9, 5, {"full": 4})))
    clock.time += 500
    totals = SourceTotals(12, 8, {"full": 4})
    put(store, pane(3, at=1000, totals=totals))
    assert store.sources("m") == [SourceRecord("s", totals, 0, START + 500, 8, recent=RowTally(12, 8, 8))]


def test_totals_that_are_overtaken_on_the_way_do_not_go_back(store: Store) -> None:
    put(store, pane(5, sequence=2, totals=SourceTotals(9, 9)), pane(3, sequence=1, totals=SourceTotals(4, 4)))
    assert store.sources("m")[0].totals == SourceTotals(9, 9)


def test_a_source_is_forgotten_a_day_after_it_was_last_heard_of(store: Store, clock: SetClock) -> None:
    put(store, pane(5))
    clock.time += DAY
    assert len(store.sources("m")) == 1
    clock.time += 1
    assert store.sources("m") == []


# --- folding


def test_totals_stay_readable_whatever_sources_say(store: Store, clock: SetClock) -> None:
    largest = SourceTotals(2**53, 2**53, {f"reason {number}": 2**53 for number in range(32)})
    put(store, pane(5, totals=largest), pane(5, source="log", totals=largest, watermark=START))
    more = AddRows("m", "d", "s", ((START, rows(3)),), SourceTotals(3, 1, {"one more": 2}))
    put(store, more, more)
    (log, live) = store.sources("m")
    assert log.totals == largest
    assert SourceTotals.from_json(live.totals.to_json()).observed == 2**53


def test_very_many_panes_close_bit_by_bit_and_none_is_lost(store: Store, other: Store, clock: SetClock) -> None:
    number = 1300
    step = 1000
    store.commit([pane(1 + at % 3, at=at * step, source=f"s{at % 2}") for at in range(number)])
    store.commit([pane(1, at=0, source=f"many {source}") for source in range(700)])
    seen: list[int] = []
    watching = threading.Event()

    def watch() -> None:
        while not watching.is_set():
            seen.append(other.model("m").frozen)

    thread = threading.Thread(target=watch)
    thread.start()
    clock.time = START + number * step
    put(store, pane(1, at=number * step))
    store.freeze("m")
    clock.time += TIMING.lateness
    assert store.freeze("m") == START + number * step
    watching.set()
    thread.join()
    assert seen == sorted(seen)
    found = store.unfolded("m", "d", 10_000)
    assert [each.start for each in found] == [START + at * step for at in range(number)]
    assert sum(each.summary.rows for each in found) == 700 + sum(1 + at % 3 for at in range(number))
    assert store.unfolded("m", "d", 7) == found[:7]


def test_slices_wait_in_order_until_they_are_folded(store: Store, clock: SetClock) -> None:
    put(store, pane(3, at=2000), pane(1), pane(2, at=1000))
    freeze_at(store, clock, 3000)
    assert [each.summary.rows for each in store.unfolded("m", "d")] == [1, 2, 3]
    assert [each.summary.rows for each in store.unfolded("m", "d", limit=2)] == [1, 2]
    assert store.fold("m", "d", 0, Fold(Progress(START + 1000, b"state"), b"verdict", START + 1000))
    assert store.progress("m", "d") == Progress(START + 1000, b"state")
    assert store.verdict("m", "d") == b"verdict"
    assert [each.summary.rows for each in store.unfolded("m", "d")] == [2, 3]


def test_only_the_first_of_two_folds_from_one_state_is_recorded(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(1), pane(2, at=1000))
    freeze_at(store, clock, 2000)
    assert store.fold("m", "d", 0, Fold(Progress(START + 1000, b"one"), b"one", START + 1000))
    assert not other.fold("m", "d", 0, Fold(Progress(START + 2000, b"two"), b"two", START + 2000))
    assert other.progress("m", "d") == Progress(START + 1000, b"one")
    assert other.verdict("m", "d") == b"one"
    assert other.history("m", "d", 0, 2 * START) == [(START + 1000, b"one")]


def test_of_many_that_fold_at_once_one_is_first(store: Store, other: Store, clock: SetClock) -> None:
    put(store, pane(1))
    freeze_at(store, clock, 1000)
    won: list[int] = []
    gate = threading.Barrier(4)

    def race(mine: int) -> None:
        gate.wait()
        step = Fold(Progress(START + 1000, b"%d" % mine), b"", START + 1000)
        if (store, other)[mine % 2].fold("m", "d", 0, step):
            won.append(mine)

    threads = [threading.Thread(target=race, args=(mine,)) for mine in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.progress("m", "d").state == b"%d" % won[0]


def test_profiles_of_one_model_are_folded_apart(store: Store, clock: SetClock) -> None:
    store.register("m", "b", b"second", TIMING)
    put(store, pane(1), pane(2, digest="b"))
    freeze_at(store, clock, 1000)
    assert fold_all(store, "b") == [closed(2)]
    assert store.unfolded("m", "d") == [closed(1)]
    assert store.progress("m", "d") == Progress()
    assert store.verdict("m", "d") is None


def test_recent_slices_reach_back_just_far_enough(store: Store, other: Store, clock: SetClock) -> None:
    put(store, *(pane(100, at=at) for at in range(0, 10_000, 1000)))
    freeze_at(store, clock, 10_000)
    for window in (WindowSetting(3000, 0), WindowSetting(0, 250), WindowSetting(2000, 500), EVERYTHING):
        found = other.recent("m", "d", START + 8000, window)
        every = [closed(100, at) for at in range(0, 8000, 1000)]
        assert window.select(found, BINS) == window.select(every, BINS)
        assert found == every[len(every) - len(found) :]
        assert len(found) <= window.select(every, BINS).slices + 1


def test_slices_that_end_together_come_as_one(store: Store, clock: SetClock) -> None:
    put(store, pane(1, at=1000), pane(2, length=2000))
    freeze_at(store, clock, 2000)
    assert store.unfolded("m", "d") == [closed(3, 0, 2000)]


def run(store: Store, clock: SetClock, hours: float, step: int = 10_000) -> int:
    """Send a pane of one row every `step` ms, and fold; return the number of rows."""
    store.register("m", "d", b"", Timing(step, TIMING.lateness))
    number = int(hours * HOUR) // step
    chunk = 50
    for first in range(0, number, chunk):
        indices = range(first, min(first + chunk, number))
        clock.time = START + (indices[-1] + 1) * step
        store.commit([pane(1, at=index * step, length=step, source="log", watermark=clock.time) for index in indices])
        store.freeze("m")
        fold_all(store)
    return number


def test_after_an_hour_of_event_time_slices_are_merged_and_none_is_lost(store: Store, clock: SetClock) -> None:
    total = run(store, clock, hours=2)
    slices = store.recent("m", "d", clock.time, EVERYTHING)
    assert sum(each.summary.rows for each in slices) == total
    by_length = {length: [s for s in slices if s.length == length] for length in {s.length for s in slices}}
    assert set(by_length) == {10_000, 5 * MINUTE}
    assert len(by_length[5 * MINUTE]) == 12
    assert all(each.start % (5 * MINUTE) == 0 and each.summary.rows == 30 for each in by_length[5 * MINUTE])
    assert all(one.end == two.start for one, two in itertools.pairwise(slices))


def test_history_is_kept_more_coarsely_the_older_it_is(store: Store, clock: SetClock) -> None:
    run(store, clock, hours=2)
    times = [at for at, _ in store.history("m", "d", 0, clock.time)]
    assert times == sorted(set(times))
    recent = [at for at in times if at >= START + HOUR]
    assert recent[-1] == clock.time
    assert all(two - one == 10_000 for one, two in itertools.pairwise(recent))
    old = [at for at in times if at < START + HOUR]
    assert len(old) == 12
    assert old == [START + (place + 1) * 5 * MINUTE - 10_000 for place in range(12)]  # the last of each
    assert all(body == b"verdict %d" % at for at, body in store.history("m", "d", 0, clock.time))


def test_after_a_day_of_event_time_what_is_kept_is_bounded(store: Store, clock: SetClock) -> None:
    total = run(store, clock, hours=26, step=2 * MINUTE)
    slices = store.recent("m", "d", clock.time, EVERYTHING)
    assert sum(each.summary.rows for each in slices) == total
    assert [each.length for each in slices].count(HOUR) == 2
    assert len(slices) <= 2 + 23 * 12 + 31
    assert len(store.history("m", "d", 0, clock.time)) <= 2 + 23 * 12 + 31


def test_after_ninety_days_slices_and_verdicts_are_dropped(store: Store, clock: SetClock) -> None:
    store.register("m", "d", b"", Timing(DAY, 0))
    for day in range(95):
        clock.time = START + (day + 1) * DAY
        at = day * DAY
        put(store, pane(1, at=at, length=DAY, source="log", watermark=clock.time))
        store.freeze("m")
        fold_all(store)
    slices = store.recent("m", "d", clock.time, EVERYTHING)
    assert 90 <= len(slices) <= 91
    assert 90 <= len(store.history("m", "d", 0, clock.time)) <= 91


def test_shorter_panes_beside_longer_ones_of_the_same_profile_are_merged_without_loss(
    store: Store, clock: SetClock
) -> None:
    store.register("m", "d", b"", Timing(5 * MINUTE, 0))
    end = START + 5 * MINUTE
    put(store, pane(7, length=5 * MINUTE, source="log", watermark=START))
    store.register("m", "d", b"", Timing(10_000, 0))
    put(store, pane(2, at=200_000, length=10_000, source="log", watermark=end))
    clock.time = end
    store.freeze("m")
    fold_all(store)
    clock.time = START + 3 * HOUR
    put(store, pane(1, at=2 * HOUR, length=10_000, source="log", watermark=START + 3 * HOUR))
    store.freeze("m")
    fold_all(store)
    assert store.recent("m", "d", clock.time, EVERYTHING) == [closed(9, 0, 5 * MINUTE), closed(1, 2 * HOUR, 10_000)]


def test_history_is_given_between_two_times(store: Store, clock: SetClock) -> None:
    put(store, *(pane(1, at=at) for at in (9000, 19_000, 29_000)))
    freeze_at(store, clock, 30_000)
    fold_all(store)
    found = store.history("m", "d", START + 10_000, START + 20_000)
    assert [at - START for at, _ in found] == [10_000, 20_000]


def test_of_the_verdicts_within_ten_seconds_the_last_is_kept(store: Store, clock: SetClock) -> None:
    put(store, pane(1), pane(1, at=1000), pane(1, at=2000))
    freeze_at(store, clock, 3000)
    fold_all(store)
    assert store.history("m", "d", 0, 2 * START) == [(START + 3000, b"verdict %d" % (START + 3000))]
    assert store.verdict("m", "d") == b"verdict %d" % (START + 3000)


# --- the rest


def test_an_incident_stays_acknowledged_by_who_was_first(store: Store, other: Store) -> None:
    store.acknowledge("m", "17", START, "on it")
    other.acknowledge("m", "17", START + 5, "me too")
    other.acknowledge("m", "18", START, "")
    assert store.acknowledged("m") == {"17": (START, "on it"), "18": (START, "")}


def test_the_stores_time_is_its_clocks(store: Store, clock: SetClock) -> None:
    clock.time += 5
    assert store.now() == START + 5


CALLS: dict[str, Callable[[Store], Any]] = {
    "register": lambda store: store.register("m", "d", b"", TIMING),
    "ping": lambda store: store.ping(),
    "pending": lambda store: store.pending("m"),
    "models": lambda store: store.models(),
    "model": lambda store: store.model("m"),
    "digests": lambda store: store.digests("m"),
    "profile": lambda store: store.profile("m", "d"),
    "delete": lambda store: store.delete("m"),
    "commit": lambda store: store.commit([pane(1)]),
    "freeze": lambda store: store.freeze("m"),
    "progress": lambda store: store.progress("m", "d"),
    "unfolded": lambda store: store.unfolded("m", "d"),
    "recent": lambda store: store.recent("m", "d", START, EVERYTHING),
    "fold": lambda store: store.fold("m", "d", 0, Fold(Progress(), b"", 0)),
    "verdict": lambda store: store.verdict("m", "d"),
    "history": lambda store: store.history("m", "d", 0, START),
    "sources": lambda store: store.sources("m"),
    "acknowledge": lambda store: store.acknowledge("m", "1", 0, ""),
    "acknowledged": lambda store: store.acknowledged("m"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_closed_store_is_unavailable(store: Store, call: str) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreUnavailableError, match="closed"):
        CALLS[call](store)


def test_a_store_that_was_read_before_is_unavailable_in_every_thread_once_closed(store: Store) -> None:
    store.models()
    store.close()
    answers: list[str] = []

    def ask() -> None:
        try:
            store.models()
        except StoreUnavailableError as error:
            answers.append(str(error))

    for _ in range(2):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert answers == ["the store is closed"] * 2


def test_many_threads_may_write_and_read_at_once(store: Store, other: Store, clock: SetClock) -> None:
    wrong: list[BaseException] = []

    def work(mine: int) -> None:
        try:
            for index in range(20):
                each = (store, other)[(mine + index) % 2]
                put(each, batch(1, source=f"thread {mine}", key=f"{mine}.{index}"))
                each.models()
                each.unfolded("m", "d")
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert frozen(store, clock) == [closed(120)]
