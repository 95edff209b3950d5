"""Rows through Kafka give the verdicts that the same rows give through the SDK, whatever happens on the way."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from driftmeter import Monitor
from driftmeter.panes.timing import Timing
from driftmeter.types import Milliseconds
from tests.support.flights_rows import FlightRows
from tests.support.kafka_broker import KafkaBroker
from tests.support.kafka_traffic import KafkaTier, Member, kafka_tier, make_topic, produce
from tests.support.waiting import eventually

ROWS = FlightRows(1_000_000, rows_per_second=500)
TIMING = Timing(10_000, 30_000)
Histories = list[tuple[Milliseconds, bytes]]


@pytest.fixture(scope="module")
def by_sdk(tmp_path_factory: pytest.TempPathFactory) -> Histories:
    """The verdicts of the rows as one SDK reports them."""
    long = Timing(TIMING.pane, 10 * (ROWS.end - ROWS.times[0].item()))
    with kafka_tier(tmp_path_factory.mktemp("sdk"), ROWS.profile, long, ROWS.end) as tier:
        monitor = Monitor(tier.url, "flights", source="sdk", max_rows=2_000_000, max_bytes=1_000_000_000)
        monitor.flush(10)
        for row, time in ROWS.rows():
            monitor.observe(row, timestamp=time / 1000)
        assert monitor.close(120)
        assert monitor.stats()["counted"] == ROWS.count
        tier.clock.now += long.lateness + 20_000
        history = tier.history()
        assert tier.rows() == ROWS.count
    return history


@pytest.fixture(scope="module")
def topic(broker: KafkaBroker) -> str:
    topic = make_topic(broker, 6)
    produce(broker, topic, ROWS.json(), partitions=6)
    return topic


@pytest.fixture
def tier(tmp_path: Path) -> Iterator[KafkaTier]:
    with kafka_tier(tmp_path, ROWS.profile, TIMING, ROWS.end + 60_000) as tier:
        yield tier


def check(tier: KafkaTier, by_sdk: Histories) -> None:
    assert tier.rows() == ROWS.count
    assert tier.late() == 0
    history = tier.history()
    assert [at for at, _ in history] == [at for at, _ in by_sdk]
    assert history == by_sdk


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_three_members_give_the_verdicts_of_the_sdk(
    tier: KafkaTier, topic: str, member: Callable[..., Member], by_sdk: Histories, protocol: str
) -> None:
    group = ("--group", f"three-{protocol}", "--protocol", protocol, "--until-end")
    members = [member(tier, topic, *group) for _ in range(3)]
    for one in members:
        one.wait()
    check(tier, by_sdk)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_members_that_are_killed_and_a_broker_that_restarts_change_nothing(
    tier: KafkaTier, topic: str, member: Callable[..., Member], broker: KafkaBroker, by_sdk: Histories, protocol: str
) -> None:
    group = ("--group", f"killed-{protocol}", "--protocol", protocol, "--until-end")
    members = [member(tier, topic, *group) for _ in range(3)]
    eventually(lambda: tier.counted() > ROWS.count // 10, "rows are counted", seconds=90)
    members[0].process.send_signal(signal.SIGKILL)
    members[0].process.wait()
    members.append(member(tier, topic, *group))
    eventually(lambda: tier.counted() > ROWS.count // 4, "the others go on", seconds=90)
    broker.stop()
    broker.start()
    members[1].process.send_signal(signal.SIGKILL)
    members[1].process.wait()
    members.append(member(tier, topic, *group))
    for one in members[2:]:
        one.wait()
    check(tier, by_sdk)
