"""What the brokers say of topics: their partitions, their ids, whether they are compacted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from driftmeter.errors import DriftmeterError, InputError

_TIMEOUT = 15.0  # seconds
_LONGEST = 100


@dataclass(frozen=True)
class Topic:
    """A topic: its partitions, and what tells it from one of the same name in another cluster, or made anew."""

    name: str
    partitions: tuple[int, ...]
    identity: str

    def source(self, partition: int) -> str:
        """Return the name of a partition as a source: the same in every process and group that reads it.

        >>> Topic("rows", (0, 1), "4UoJ").source(1)
        'kafka-rows-1-566dd07f'
        """
        tag = hashlib.blake2b(f"{self.name}\0{self.identity}".encode(), digest_size=4).hexdigest()
        return f"kafka-{self.name[:_LONGEST]}-{partition}-{tag}"


def partitions_of(client: Any, topic: str) -> tuple[int, ...]:
    """Return the partitions of a topic; raises DriftmeterError where the brokers or the topic are not there."""
    from confluent_kafka import KafkaException

    try:
        found = client.list_topics(topic, timeout=_TIMEOUT).topics[topic]
    except KafkaException as error:
        raise DriftmeterError(f"cannot ask the brokers: {error.args[0].str()}") from error
    if found.error is not None:
        raise InputError("--topic", "a topic that the brokers have and show to this user", f"{topic}: {found.error}")
    return tuple(sorted(found.partitions))


def check_topic(topic: Topic, compacted: bool | None, *, allow_compacted: bool) -> None:
    """Raise InputError on a compacted topic, unless that is allowed."""
    if compacted and not allow_compacted:
        raise InputError(
            f"topic {topic.name}",
            "a topic that keeps its records (cleanup.policy=delete): of a compacted one a re-read gives fewer rows. "
            "With --allow-compacted, rows that are gone by then keep the counts that they had",
            "cleanup.policy=compact",
        )


def describe_topic(admin: Any, client: Any, name: str) -> tuple[Topic, bool | None]:
    """Return a topic, and whether it is compacted: None where the brokers do not say so to this user.

    Raises DriftmeterError where the topic is not there.
    """
    return Topic(name, partitions_of(client, name), _identity(admin, name)), _is_compacted(admin, name)


def _identity(admin: Any, name: str) -> str:
    from confluent_kafka import KafkaException, TopicCollection

    try:
        described = admin.describe_topics(TopicCollection([name]), request_timeout=_TIMEOUT)[name].result()
    except (KafkaException, ValueError):
        return ""
    return str(described.topic_id or "")


def _is_compacted(admin: Any, name: str) -> bool | None:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import ConfigResource, ResourceType

    resource = ConfigResource(ResourceType.TOPIC, name)
    try:
        entries = admin.describe_configs([resource], request_timeout=_TIMEOUT)[resource].result()
    except KafkaException:
        return None
    policy = entries.get("cleanup.policy")
    return None if policy is None or policy.value is None else "compact" in policy.value
