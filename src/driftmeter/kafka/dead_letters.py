"""Dead letters: records that cannot be read, as they came, with the reason."""

from __future__ import annotations

from typing import Any

from driftmeter.kafka.metrics import ConsumerMetrics

REASON, TOPIC, PARTITION, OFFSET = (f"driftmeter-{name}" for name in ("reason", "topic", "partition", "offset"))
_LONGEST = 500
_FLUSH = 30.0  # seconds


class DeadLetters:
    """Sends bad records to a topic: key, value and headers of the record, and headers that say what was wrong."""

    def __init__(self, producer: Any, topic: str, metrics: ConsumerMetrics) -> None:
        """Send by a producer of confluent-kafka."""
        self._producer, self._topic, self._metrics = producer, topic, metrics

    def send(self, message: Any, reason: str) -> None:
        """Send one record; its fate is counted."""
        headers = [
            *(message.headers() or []),
            (REASON, reason[:_LONGEST].encode()),
            (TOPIC, message.topic().encode()),
            (PARTITION, str(message.partition()).encode()),
            (OFFSET, str(message.offset()).encode()),
        ]
        topic = message.topic()

        def delivered(error: Any, _: Any) -> None:
            self._metrics.add("dead_letters", topic=topic, outcome="sent" if error is None else "failed")

        while True:
            try:
                self._producer.produce(
                    self._topic, message.value(), message.key(), headers=headers, on_delivery=delivered
                )
                break
            except BufferError:
                self._producer.poll(1.0)
        self._producer.poll(0)

    def flush(self) -> bool:
        """Wait until all are sent or failed; return whether that is so."""
        return bool(self._producer.flush(_FLUSH) == 0)
