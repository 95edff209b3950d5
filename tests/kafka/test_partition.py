from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftmeter.kafka.counting import Counting
from driftmeter.kafka.partition import Partition
from driftmeter.kafka.resume import Resume, Snapshot
from driftmeter.panes.timing import Timing
from tests.kafka.logs import CITIES, NOW, START, TIMING, LogRecord, PaneShelf, batch_of, counted, counting

COUNTING = counting()
FRESH = Resume(Snapshot(0), 0)


def log_of(rng: random.Random, records: int, *, disorder: int = 40_000) -> list[LogRecord]:
    offset, time, log = 0, START, []
    for _ in range(records):
        offset += rng.choice([1, 1, 1, 2, 7])  # transactions and compaction leave gaps
        time += rng.choice([0, 100, 3_000, 12_000])
        many = rng.choice([0, 1, 1, 1, 3])
        rows = tuple((time - rng.randrange(disorder), rng.choice(CITIES)) for _ in range(many))
        log.append(LogRecord(offset, rows))
    return log


def deliver(partition: Partition, shelf: PaneShelf, rng: random.Random | None = None) -> None:
    """Send what is unsent, or only some of it."""
    for key in partition.unsent():
        if rng is not None and rng.random() < 0.2:
            break
        pane = partition.pane(key)
        partition.acknowledge(pane, shelf.put(pane))
    partition.release()


@given(seed=st.integers(0, 2**32), records=st.integers(1, 80))
@settings(deadline=None, max_examples=150)
def test_however_often_records_are_read_again_the_panes_are_those_of_one_reading(seed: int, records: int) -> None:
    rng = random.Random(seed)
    log = log_of(rng, records)
    expected, dropped = counted(log)
    shelf, committed = PaneShelf(), FRESH
    for attempt in range(rng.randrange(5) + 1):
        resume = Resume.loads(committed.start.offset, committed.dumps()) if attempt else FRESH
        partition = Partition("t-0", COUNTING, resume)
        left = [record for record in log if record.offset >= resume.start.offset]
        for _ in range(rng.randrange(1, 8)):
            size = rng.randrange(1, 40)
            if left[:size]:
                partition.add(batch_of(left[:size], COUNTING), NOW)
            left = left[size:]
            if rng.random() < 0.7:
                deliver(partition, shelf, None if rng.random() < 0.5 else rng)
            if rng.random() < 0.5 and (now := partition.resume()) is not None:
                committed = now
    partition = Partition("t-0", COUNTING, Resume.loads(committed.start.offset, committed.dumps()))
    left = [record for record in log if record.offset >= committed.start.offset]
    if left:
        partition.add(batch_of(left, COUNTING), NOW)
    partition.reread()
    deliver(partition, shelf)
    final = partition.resume()
    assert shelf.cities(COUNTING) == expected
    assert final is not None
    assert Counter(partition.totals.dropped) == dropped
    assert partition.totals.observed == sum(len(record.rows) or 1 for record in log)
    assert partition.generation == 0


def test_the_committed_offset_is_the_first_of_the_oldest_open_pane() -> None:
    log = [
        LogRecord(5, ((START, "Ulm"),)),
        LogRecord(7, ((START + 11_000, "Ulm"),)),
        LogRecord(9, ((START + 1_000, "Ulm"),)),
        LogRecord(11, ((START + 24_000, "Bonn"),)),
    ]
    partition, shelf = Partition("t-0", COUNTING, FRESH), PaneShelf()
    partition.add(batch_of(log, COUNTING), NOW)
    assert partition.resume() is None, "nothing is durable yet"
    deliver(partition, shelf)
    partition.position = 14  # control records
    resume = partition.resume()
    assert resume is not None
    assert (resume.start.offset, resume.position, resume.records) == (5, 14, 4)
    partition.add(batch_of([LogRecord(14, ((START + 25_000, "Bonn"),))], COUNTING), NOW)
    deliver(partition, shelf)
    resume = partition.resume()
    assert resume is not None
    assert resume.start == Snapshot(7, START, START - TIMING.lateness, resume.start.totals)
    assert (resume.start.totals.counted, resume.settled) == (1, START + 10_000)
    assert [pane.sequence for pane in shelf.panes.values()] == [20, 16, 30]


def test_rows_beyond_the_lateness_are_late_by_their_own_partition_and_counted_once() -> None:
    late = LogRecord(3, ((START + 1_000, "Ulm"), (START + 35_000, "Ulm")))
    log = [LogRecord(1, ((START, "Ulm"),)), LogRecord(2, ((START + 26_000, "Ulm"),)), late]
    partition, shelf = Partition("t-0", COUNTING, FRESH), PaneShelf()
    partition.add(batch_of(log, COUNTING), NOW)
    deliver(partition, shelf)
    assert partition.totals.dropped == {"late": 1}
    assert shelf.cities(COUNTING) == {START: {"Ulm": 1}, START + 20_000: {"Ulm": 1}, START + 30_000: {"Ulm": 1}}
    assert partition.tally.rows == {"counted": 3, "late": 1}


def test_a_row_of_the_far_future_neither_counts_nor_ends_panes() -> None:
    log = [LogRecord(1, ((NOW + 61_000, "Ulm"), (START, "Ulm"))), LogRecord(2, ((START, "Bonn"),))]
    partition = Partition("t-0", COUNTING, FRESH)
    partition.add(batch_of(log, COUNTING), NOW)
    assert partition.latest == START
    assert partition.totals.dropped == {"future": 1}
    assert partition.totals.counted == 2


def test_a_pane_never_promises_more_than_what_is_still_to_be_sent() -> None:
    log = [LogRecord(index, ((START + 10_000 * index, "Ulm"),)) for index in range(6)]
    partition = Partition("t-0", COUNTING, FRESH)
    partition.add(batch_of(log, COUNTING), NOW)
    watermarks = []
    for key in partition.unsent():
        pane = partition.pane(key)
        watermarks.append(pane.watermark)
        partition.acknowledge(pane)
    horizon = START + 35_000
    assert watermarks == [START + 10_000, START + 20_000, START + 30_000, horizon, horizon, horizon]
    assert partition.heartbeat(NOW).watermark == horizon


@pytest.mark.parametrize("kept", [(1, 4, 5), (4, 5), ()])
def test_rows_that_are_gone_do_not_make_a_pane_smaller(kept: tuple[int, ...]) -> None:
    log = [LogRecord(index, ((START + index, "Ulm"),)) for index in range(6)]
    partition, shelf = Partition("t-0", COUNTING, FRESH), PaneShelf()
    partition.add(batch_of(log, COUNTING), NOW)
    deliver(partition, shelf)
    resume = partition.resume()
    assert resume is not None
    again = Partition("t-0", COUNTING, resume)
    left = [log[index] for index in kept]
    more = [LogRecord(index, ((START + index, "Bonn"),)) for index in range(6, 9)]
    again.add(batch_of(left + more, COUNTING), NOW)
    deliver(again, shelf)
    assert shelf.cities(COUNTING) == {START: {"Ulm": 6, "Bonn": 3}}
    assert (again.tally.lost, again.source) == (6 - len(kept), "t-0.1")
    committed = again.resume()
    assert committed is not None
    once_more = Partition("t-0", COUNTING, committed)
    once_more.add(batch_of(more, COUNTING), NOW)
    assert (once_more.source, once_more.tally.lost) == ("t-0.1", 0)


def test_nothing_is_sent_or_committed_while_records_are_read_again() -> None:
    log = [LogRecord(index, ((START + index, "Ulm"),)) for index in range(4)]
    again = Partition("t-0", COUNTING, Resume(Snapshot(0), 4, records=4))
    again.add(batch_of(log[:3], COUNTING), NOW)
    assert (again.unsent(), again.resume(), again.heartbeat(NOW).summary.rows) == ([], None, 0)
    again.add(batch_of(log[3:], COUNTING), NOW)
    again.reread()
    assert len(again.unsent()) == 1
    assert (again.tally.again, again.tally.rows) == (4, {})


def test_a_partition_without_records_is_read_again_at_once() -> None:
    partition = Partition("t-0", COUNTING, Resume(Snapshot(3), 9, records=0))
    assert partition.unsent() == []
    partition.reread()
    assert partition.generation == 0
    assert partition.position == 9
    beat = partition.heartbeat(START)
    assert (beat.sequence, beat.summary.rows, beat.start) == (0, 0, START)


def test_an_end_without_rows_stays_the_end_when_it_is_read_again() -> None:
    partition, shelf = Partition("t-0", COUNTING, FRESH), PaneShelf()
    partition.add(batch_of([LogRecord(0, ((START, "Ulm"),))], COUNTING), NOW)
    partition.advance(START + 50_000)
    deliver(partition, shelf)
    resume = partition.resume(idle=True)
    assert resume is not None
    assert (resume.start.offset, resume.idle, resume.watermark) == (1, True, START + 50_000)
    again = Partition("t-0", COUNTING, resume)
    late, early = LogRecord(1, ((START + 49_000, "Ulm"),)), LogRecord(2, ((START + 51_000, "Ulm"),))
    again.add(batch_of([late, early], COUNTING), NOW)
    assert again.totals.dropped == {"late": 1}


def test_a_new_profile_starts_panes_of_its_own() -> None:
    from tests.client.samples import make_profile

    other = Counting(make_profile(1), Timing(10_000, 15_000))
    partition = Partition("t-0", COUNTING, FRESH)
    partition.add(batch_of([LogRecord(0, ((START, "Ulm"),))], COUNTING), NOW)
    partition.count_by(other)
    partition.add(batch_of([LogRecord(1, ((START, "Bonn"),))], other), NOW)
    keys = partition.unsent()
    assert {key.digest for key in keys} == {COUNTING.digest, other.digest}
    assert sorted(partition.pane(key).sequence for key in keys) == [2, 4]


def test_what_is_committed_survives_text_of_others() -> None:
    for text in (None, "", "pane=17", "{}", '{"driftmeter": 9}', "[]", '{"driftmeter":1,"position":-1}'):
        assert Resume.loads(5, text) == Resume(Snapshot(5), 5)


def test_what_is_committed_fits_what_a_broker_takes() -> None:
    from driftmeter.panes.totals import SourceTotals

    unreadable = {f"{'x' * 61}{index:03}": 7 for index in range(32)}
    many = SourceTotals(9, 9, {f"{'y' * 61}{index:03}": 0 for index in range(32)}, unreadable)
    text = Resume(Snapshot(3, totals=many), 9).dumps()
    assert len(text) <= 4096
    assert Resume.loads(3, text).start.totals.counted == 9
