"""Reporting: panes of partitions to a sink, oldest first, and the sink's time and model, as its answers tell them."""

from __future__ import annotations

from collections.abc import Callable

from driftmeter.counts.summary import Summary
from driftmeter.integrations.sinks import PaneReceipt, PaneSink, SinkModel
from driftmeter.kafka.counting import Counting
from driftmeter.kafka.metrics import ConsumerMetrics
from driftmeter.kafka.partition import Partition
from driftmeter.panes.pane import Pane
from driftmeter.types import Milliseconds

HEARTBEAT = 15.0
"""Seconds after which a partition without new rows tells its watermark again."""


class Reporting:
    """Sends panes, and knows by what rows are counted. Its methods raise SinkAwayError and PaneRefusedError."""

    def __init__(self, sink: PaneSink, model: SinkModel, metrics: ConsumerMetrics, clock: Callable[[], float]) -> None:
        """Count by the model as the sink has it. `clock` is monotonic, in seconds."""
        self._sink, self._metrics, self._clock = sink, metrics, clock
        self.counting = Counting(model.profile, model.timing, model.unseen_texts)
        self._ahead = model.now - clock() * 1000
        self.outdated = False
        """Whether rows are to be counted by something else than so far."""

    def now(self) -> Milliseconds:
        """Return the sink's time."""
        return int(self._clock() * 1000 + self._ahead)

    def renew(self) -> None:
        """Ask the sink by what rows are to be counted."""
        model = self._sink.model()
        self.counting = Counting(model.profile, model.timing, model.unseen_texts)
        self._ahead = model.now - self._clock() * 1000
        self.outdated = False

    def register(self, source: str) -> None:
        """Make a source known that has promised nothing yet, so that no other source ends panes before it is read.

        What is known of it already stays as it is.
        """
        timing = self.counting.timing
        start, empty = timing.pane_start(self.now()), Summary.zero(self.counting.profile.bins)
        self._put(Pane(self.counting.digest, start, timing.pane, source, 0, empty, watermark=0))

    def send(self, partition: Partition, topic: str) -> int:
        """Send the panes of a partition that changed; return how many."""
        keys = partition.unsent()
        for key in keys:
            pane = partition.pane(key)
            late = partition.acknowledge(pane, self._put(pane).late)
            self._metrics.add("rows_late_at_sink", late, topic=topic)
        self._metrics.add("panes", len(keys), topic=topic)
        partition.release()
        return len(keys)

    def beat(self, partition: Partition, *, final: bool = False) -> None:
        """Tell the watermark of a partition of which nothing is unsent."""
        for pane in partition.heartbeats(self.now(), final=final):
            self._put(pane)

    def _put(self, pane: Pane) -> PaneReceipt:
        receipt = self._sink.put(pane)
        self._ahead = receipt.now - self._clock() * 1000
        if receipt.digest != self.counting.digest or receipt.timing != self.counting.timing:
            self.outdated = True
        return receipt
