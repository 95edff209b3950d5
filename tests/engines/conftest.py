"""Real engines: a Kafka broker that the tests start, and members of consumer groups as processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from driftmeter import Profile
from driftmeter.demo.data import reference_profile
from tests.support.kafka_broker import KafkaBroker
from tests.support.kafka_traffic import KafkaTier, Member


@pytest.fixture(scope="session")
def profile() -> Profile:
    """The profile of the demo's flights."""
    return reference_profile()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    pytest.importorskip("confluent_kafka", reason="make test-engines installs confluent-kafka")
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture
def member(broker: KafkaBroker, tmp_path: Path) -> Iterator[Callable[..., Member]]:
    """Start members of a group, and end them with the test."""
    started: list[Member] = []

    def start(tier: KafkaTier, topic: str | tuple[str, ...], *options: str) -> Member:
        log = tmp_path / f"member-{len(started)}.log"
        topics = (topic,) if isinstance(topic, str) else topic
        started.append(Member(broker, topics, tier, log, *options))
        return started[-1]

    yield start
    for one in started:
        one.end()
