"""Offsets: where a consumer is, where partitions end, and what its group has committed."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from driftmeter.errors import DriftmeterError
from driftmeter.kafka.resume import Resume

LOG = logging.getLogger("driftmeter.kafka")
Place = tuple[str, int]
"""A topic and a partition of it."""
_TIMEOUT = 30.0  # seconds


def place_of(partition: Any) -> Place:
    """Return the topic and the number of something of confluent-kafka that has both."""
    return partition.topic, partition.partition


class Offsets:
    """The offsets of one consumer of confluent-kafka."""

    def __init__(self, client: Any) -> None:
        """Ask by this client."""
        self._client = client

    def high(self, place: Place) -> int:
        """Return the end of a partition as far as the last fetch told it, open transactions included; -1 before it."""
        found = self._client.get_watermark_offsets(_partition(place), cached=True)
        return -1 if found is None else int(found[1])

    def bounds(self, place: Place) -> tuple[int, int]:
        """Ask for the first offset that is there, and for the end, open transactions excluded."""
        low, high = self._client.get_watermark_offsets(_partition(place), _TIMEOUT)
        return int(low), int(high)

    def committed(self, places: Collection[Place]) -> dict[Place, Resume | None]:
        """Return what the group has committed of each partition, None where nothing.

        Raises DriftmeterError where the brokers do not answer.
        """
        from confluent_kafka import KafkaException

        if not places:
            return {}
        try:
            found = self._client.committed([_partition(place) for place in places], _TIMEOUT)
        except KafkaException as error:
            raise DriftmeterError(f"cannot ask for committed offsets: {error.args[0].str()}") from error
        return {place_of(one): Resume.loads(one.offset, one.metadata) if one.offset >= 0 else None for one in found}

    def commit(self, resumes: Mapping[Place, Resume]) -> bool:
        """Commit; return whether it is done. A failure is logged: the same may be committed later."""
        from confluent_kafka import KafkaException

        offsets = [_partition(place, one.start.offset, one.dumps()) for place, one in resumes.items()]
        try:
            self._client.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            LOG.warning("offsets cannot be committed now: %s", error.args[0].str())
            return False
        return True

    def restart(self, place: Place, offset: int) -> None:
        """Read a partition from another offset on, also where the client has given it up."""
        self._client.incremental_unassign([_partition(place)])
        self._client.incremental_assign([_partition(place, offset)])

    def assign(self, starts: Iterable[tuple[Place, int]]) -> list[Any]:
        """Read further partitions, each from an offset; return them as confluent-kafka has them."""
        partitions = [_partition(place, offset) for place, offset in starts]
        self._client.incremental_assign(partitions)
        return partitions


def error_code(name: str) -> int:
    """Return the code of an error of Kafka by its name, such as `_PARTITION_EOF`."""
    from confluent_kafka import KafkaError

    return int(getattr(KafkaError, name))


def check_error(error: Any) -> None:
    """Raise DriftmeterError on an error of Kafka that cannot go on; log any other."""
    from confluent_kafka import KafkaError

    if error.fatal() or error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
        raise DriftmeterError(f"Kafka: {error.str()}")
    LOG.warning("Kafka: %s", error.str())


def _partition(place: Place, offset: int | None = None, metadata: str | None = None) -> Any:
    from confluent_kafka import TopicPartition

    if offset is None:
        return TopicPartition(*place)
    return TopicPartition(*place, offset) if metadata is None else TopicPartition(*place, offset, metadata)
