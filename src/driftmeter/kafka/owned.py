"""The partitions that a member owns, and what it has read of all that it owned."""

from __future__ import annotations

from dataclasses import dataclass, field

from driftmeter.kafka.partition import Partition
from driftmeter.kafka.resume import Resume
from driftmeter.types import Milliseconds


@dataclass
class OwnedPartition:
    """A partition of this member, and what was told of it. Its own `position` is how far its records are read."""

    partition: Partition
    heard: float
    """Local time in seconds of the last record, or of the assignment."""
    told: float = float("-inf")
    """Local time of the last pane or heartbeat."""
    told_watermark: Milliseconds = -1
    at_end: bool = False
    """Whether nothing was there to read when it was last looked at."""
    committed: Resume | None = None


@dataclass
class ConsumeTotals:
    """What a member has read so far."""

    rows: dict[str, int] = field(default_factory=dict)
    again: int = 0
    records_lost: int = 0
    bad: int = 0
    lag: int = 0
    partitions: int = 0

    @property
    def read(self) -> int:
        """Rows read for the first time."""
        return sum(self.rows.values())
