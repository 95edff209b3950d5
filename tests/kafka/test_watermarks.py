from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from driftmeter.kafka.watermarks import PartitionTime, TopicClock, ended_watermark

HOUR = 3_600_000
LATENESS = 10_000


def test_an_idle_partition_is_as_far_as_the_slowest_of_those_with_rows() -> None:
    partitions = [PartitionTime(HOUR), PartitionTime(2 * HOUR), PartitionTime(5, idle=True)]
    assert TopicClock().idle_watermark(partitions, 100 * HOUR, LATENESS) == HOUR


def test_a_partition_that_was_not_read_yet_holds_everything_back() -> None:
    partitions = [PartitionTime(HOUR), PartitionTime(0), PartitionTime(5, idle=True)]
    assert TopicClock().idle_watermark(partitions, 100 * HOUR, LATENESS) == 0


def test_without_any_row_no_time_passes() -> None:
    clock = TopicClock()
    for now in (HOUR, 2 * HOUR):
        assert clock.idle_watermark([PartitionTime(0, idle=True)], now, LATENESS) == 0


def test_while_all_are_idle_time_passes_as_the_clock_does() -> None:
    clock, told = TopicClock(), HOUR
    assert clock.idle_watermark([PartitionTime(HOUR)], 100 * HOUR, LATENESS) == HOUR
    for second in range(1, 50):
        partitions = [PartitionTime(told, idle=True), PartitionTime(7, idle=True)]
        told = clock.idle_watermark(partitions, 100 * HOUR + second * 1_000, LATENESS)
        assert told == HOUR + second * 1_000, "what the clock itself has moved moves it no further"


def test_live_traffic_that_ends_is_never_ahead_of_the_lateness() -> None:
    clock, now = TopicClock(), 100 * HOUR
    ahead = now - LATENESS + 5_000  # a producer's clock is 5 s ahead
    clock.idle_watermark([PartitionTime(ahead)], now, LATENESS)
    assert clock.idle_watermark([PartitionTime(ahead, idle=True)], now + 1, LATENESS) == now + 1 - LATENESS


def test_history_that_is_written_more_slowly_than_it_is_read_is_not_overtaken() -> None:
    clock, now, told, event = TopicClock(), 1000 * HOUR, 0, HOUR
    for _ in range(100):  # a minute of history each second of the clock, which is idle between
        event, now = event + 60_000, now + 1_000
        assert told <= event, "the next row would be late"
        told = max(event - LATENESS, told)
        told = max(told, clock.idle_watermark([PartitionTime(told, idle=True)], now, LATENESS))


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), min_size=1, max_size=5),
    st.integers(10**6, 10**7),
    st.integers(0, 10**5),
)
def test_idle_time_passes_no_partition_with_rows_and_not_the_clock(
    given_: list[tuple[int, bool]], now: int, lateness: int
) -> None:
    partitions = [PartitionTime(watermark, idle) for watermark, idle in given_]
    told = TopicClock().idle_watermark(partitions, now, lateness)
    assert all(told <= one.watermark for one in partitions if not one.idle)
    assert told <= max(now - lateness, min((one.watermark for one in partitions if not one.idle), default=0))


def test_topics_end_with_their_last_pane() -> None:
    assert ended_watermark([PartitionTime(0), PartitionTime(95_000, idle=True)], 10_000, 5_000) == 110_000
    assert ended_watermark([PartitionTime(0)], 10_000, 5_000) == 0
