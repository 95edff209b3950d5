"""Watermarks of partitions without rows: how event time goes on where nothing comes. Pure.

A model's watermark is the least of its sources'. A partition in which rows come has its own: its latest event time less
the lateness. One that has nothing must not hold the others back, and must not run ahead of rows that are still to come:

- while rows come in any other partition of the group's topics, it is as far as the least of those;
- while none come anywhere, event time goes on as the clock does, from where the topics' latest row left it. So the last
  panes of live traffic end, and history that is written slowly into a topic is not late.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from driftmeter.types import Milliseconds


@dataclass(frozen=True)
class PartitionTime:
    """How far a partition is: its watermark, and whether it is idle: all is read, and nothing has come for a while."""

    watermark: Milliseconds
    idle: bool = False
    done: bool = False
    """Whether the end that was asked for is reached."""


class TopicClock:
    """The event time of topics of which all partitions are idle."""

    def __init__(self) -> None:
        """Start before the first row."""
        self._latest: Milliseconds = 0
        self._since: Milliseconds = 0

    def idle_watermark(
        self, partitions: Collection[PartitionTime], now: Milliseconds, lateness: Milliseconds
    ) -> Milliseconds:
        """Return the watermark of idle partitions at the sink's time `now`, given all partitions; 0 before any row.

        It may be below what an idle partition has promised already: the higher of the two holds.

        >>> clock = TopicClock()
        >>> clock.idle_watermark([PartitionTime(7_000), PartitionTime(9_000), PartitionTime(0, idle=True)], 99_000, 0)
        7000
        >>> clock.idle_watermark([PartitionTime(9_000, idle=True)], 100_500, 0)
        10500
        """
        latest = max((one.watermark for one in partitions), default=0)
        if latest > self._latest:
            # a watermark that this clock itself has moved starts no new stretch of time
            passed = max(0, now - self._since) if self._latest else 0
            if latest > self._latest + passed or not self._latest:
                self._latest, self._since = latest, now
        busy = [one.watermark for one in partitions if not one.idle]
        if busy:
            return min(busy)
        if not self._latest:
            return 0
        return min(self._latest + max(0, now - self._since), now - lateness)


def ended_watermark(partitions: Collection[PartitionTime], pane: Milliseconds, lateness: Milliseconds) -> Milliseconds:
    """Return the watermark at which all panes of topics that are read to their end have ended; 0 without any row.

    It is the end of the last pane, however long ago that was: what is added to the topics later is not late for it.

    >>> ended_watermark([PartitionTime(7_000), PartitionTime(12_500)], 10_000, 5_000)
    20000
    """
    latest = max((one.watermark for one in partitions), default=0)
    return 0 if not latest else (latest + lateness) // pane * pane + pane
