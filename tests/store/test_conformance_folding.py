"""What every store does with slices, folds and verdicts."""

from __future__ import annotations

import itertools
import random
import threading

from driftmeter.panes.timing import Timing
from driftmeter.panes.windows import WindowSetting
from driftmeter.store.protocol import Store
from driftmeter.store.records import Fold, Progress
from driftmeter.timestamps import DAY, HOUR, MINUTE
from tests.store.samples import (
    BINS,
    EVERYTHING,
    START,
    TIMING,
    closed,
    fold_all,
    freeze_at,
    pane,
    put,
)
from tests.support.clocks import SetClock


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
    clock.now = START + number * step
    put(store, pane(1, at=number * step))
    store.freeze("m")
    clock.now += TIMING.lateness
    assert store.freeze("m") == START + number * step
    watching.set()
    thread.join()
    assert seen == sorted(seen)
    slices = store.unfolded("m", "d", 10_000)
    assert [slice_.start for slice_ in slices] == [START + at * step for at in range(number)]
    assert sum(slice_.summary.rows for slice_ in slices) == 700 + sum(1 + at % 3 for at in range(number))
    assert store.unfolded("m", "d", 7) == slices[:7]


def test_slices_wait_in_order_until_they_are_folded(store: Store, clock: SetClock) -> None:
    put(store, pane(3, at=2000), pane(1), pane(2, at=1000))
    freeze_at(store, clock, 3000)
    assert [slice_.summary.rows for slice_ in store.unfolded("m", "d")] == [1, 2, 3]
    assert [slice_.summary.rows for slice_ in store.unfolded("m", "d", limit=2)] == [1, 2]
    assert store.fold("m", "d", 0, Fold(Progress(START + 1000, b"state"), b"verdict", START + 1000))
    assert store.progress("m", "d") == Progress(START + 1000, b"state")
    assert store.verdict("m", "d") == b"verdict"
    assert [slice_.summary.rows for slice_ in store.unfolded("m", "d")] == [2, 3]


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


def test_the_heads_of_verdicts_are_those_of_the_history(store: Store, other: Store, clock: SetClock) -> None:
    chance = random.Random(1)
    for index in range(3):
        put(store, pane(1, at=10_000 * index))
        freeze_at(store, clock, 10_000 * (index + 1))
        end = START + 10_000 * index + 1000
        body = b'{"state":"ok","n":%d}' % index + chance.randbytes(50_000 if index else 0)
        assert store.fold("m", "d", store.progress("m", "d").folded, Fold(Progress(end), body, end))
    history = other.history("m", "d", START, clock.now)
    heads = other.history_heads("m", "d", START, clock.now, 1_000)
    assert [at for at, _ in heads] == [at for at, _ in history]
    assert len(heads) == 3
    for (_, head), (_, body) in zip(heads, history, strict=True):
        assert body.startswith(head)
        assert len(head) >= min(1_000, len(body))
    assert len(heads[-1][1]) < 5_000
    assert other.history_heads("m", "d", START - 9_000, START - 1, 1_000) == []


def test_rows_of_slices_are_told_without_their_counts(store: Store, other: Store, clock: SetClock) -> None:
    for index in range(4):
        put(store, pane(10 + index, at=1000 * index))
    freeze_at(store, clock, 4000)
    fold_all(store)
    told = other.slice_rows("m", "d", START + 1000, START + 3000)
    assert told == [(START + 1000, START + 2000, 11), (START + 2000, START + 3000, 12)]
    assert other.slice_rows("m", "d", START + 4000, START + 9000) == []
    assert other.slice_rows("m", "unknown", 0, START + 9000) == []


def test_recent_slices_reach_back_just_far_enough(store: Store, other: Store, clock: SetClock) -> None:
    put(store, *(pane(100, at=at) for at in range(0, 10_000, 1000)))
    freeze_at(store, clock, 10_000)
    for window in (WindowSetting(3000, 0), WindowSetting(0, 250), WindowSetting(2000, 500), EVERYTHING):
        recent = other.recent("m", "d", START + 8000, window)
        every = [closed(100, at) for at in range(0, 8000, 1000)]
        assert window.select(recent, BINS) == window.select(every, BINS)
        assert recent == every[len(every) - len(recent) :]
        assert len(recent) <= window.select(every, BINS).slices + 1


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
        clock.now = START + (indices[-1] + 1) * step
        store.commit([pane(1, at=index * step, length=step, source="log", watermark=clock.now) for index in indices])
        store.freeze("m")
        fold_all(store)
    return number


def test_after_an_hour_of_event_time_slices_are_merged_and_none_is_lost(store: Store, clock: SetClock) -> None:
    total = run(store, clock, hours=2)
    slices = store.recent("m", "d", clock.now, EVERYTHING)
    assert sum(slice_.summary.rows for slice_ in slices) == total
    by_length = {length: [s for s in slices if s.length == length] for length in {s.length for s in slices}}
    assert set(by_length) == {10_000, 5 * MINUTE}
    assert len(by_length[5 * MINUTE]) == 12
    assert all(slice_.start % (5 * MINUTE) == 0 and slice_.summary.rows == 30 for slice_ in by_length[5 * MINUTE])
    assert all(one.end == two.start for one, two in itertools.pairwise(slices))


def test_history_is_kept_more_coarsely_the_older_it_is(store: Store, clock: SetClock) -> None:
    run(store, clock, hours=2)
    times = [at for at, _ in store.history("m", "d", 0, clock.now)]
    assert times == sorted(set(times))
    recent = [at for at in times if at >= START + HOUR]
    assert recent[-1] == clock.now
    assert all(two - one == 10_000 for one, two in itertools.pairwise(recent))
    old = [at for at in times if at < START + HOUR]
    assert len(old) == 12
    assert old == [START + (place + 1) * 5 * MINUTE - 10_000 for place in range(12)]  # the last of each
    assert all(body == b"verdict %d" % at for at, body in store.history("m", "d", 0, clock.now))


def test_after_a_day_of_event_time_what_is_kept_is_bounded(store: Store, clock: SetClock) -> None:
    total = run(store, clock, hours=26, step=2 * MINUTE)
    slices = store.recent("m", "d", clock.now, EVERYTHING)
    assert sum(slice_.summary.rows for slice_ in slices) == total
    assert [slice_.length for slice_ in slices].count(HOUR) == 2
    assert len(slices) <= 2 + 23 * 12 + 31
    assert len(store.history("m", "d", 0, clock.now)) <= 2 + 23 * 12 + 31


def test_after_ninety_days_slices_and_verdicts_are_dropped(store: Store, clock: SetClock) -> None:
    store.register("m", "d", b"", Timing(DAY, 0))
    for day in range(95):
        clock.now = START + (day + 1) * DAY
        at = day * DAY
        put(store, pane(1, at=at, length=DAY, source="log", watermark=clock.now))
        store.freeze("m")
        fold_all(store)
    slices = store.recent("m", "d", clock.now, EVERYTHING)
    assert 90 <= len(slices) <= 91
    assert 90 <= len(store.history("m", "d", 0, clock.now)) <= 91


def test_shorter_panes_beside_longer_ones_of_the_same_profile_are_merged_without_loss(
    store: Store, clock: SetClock
) -> None:
    store.register("m", "d", b"", Timing(5 * MINUTE, 0))
    end = START + 5 * MINUTE
    put(store, pane(7, length=5 * MINUTE, source="log", watermark=START))
    store.register("m", "d", b"", Timing(10_000, 0))
    put(store, pane(2, at=200_000, length=10_000, source="log", watermark=end))
    clock.now = end
    store.freeze("m")
    fold_all(store)
    clock.now = START + 3 * HOUR
    put(store, pane(1, at=2 * HOUR, length=10_000, source="log", watermark=START + 3 * HOUR))
    store.freeze("m")
    fold_all(store)
    assert store.recent("m", "d", clock.now, EVERYTHING) == [closed(9, 0, 5 * MINUTE), closed(1, 2 * HOUR, 10_000)]


def test_history_is_given_between_two_times(store: Store, clock: SetClock) -> None:
    put(store, *(pane(1, at=at) for at in (9000, 19_000, 29_000)))
    freeze_at(store, clock, 30_000)
    fold_all(store)
    history = store.history("m", "d", START + 10_000, START + 20_000)
    assert [at - START for at, _ in history] == [10_000, 20_000]


def test_of_the_verdicts_within_ten_seconds_the_last_is_kept(store: Store, clock: SetClock) -> None:
    put(store, pane(1), pane(1, at=1000), pane(1, at=2000))
    freeze_at(store, clock, 3000)
    fold_all(store)
    assert store.history("m", "d", 0, 2 * START) == [(START + 3000, b"verdict %d" % (START + 3000))]
    assert store.verdict("m", "d") == b"verdict %d" % (START + 3000)
