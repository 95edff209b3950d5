"""Metrics of a consumer: rows, lag, rebalances; for Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PREFIX = "driftmeter_consumer_"


@dataclass(frozen=True)
class ConsumerFamily:
    """A metric: its name without the prefix, its labels, and what the docs say."""

    name: str
    labels: tuple[str, ...]
    help: str
    gauge: bool = False


FAMILIES = (
    ConsumerFamily("rows", ("topic", "outcome"), "Rows read for the first time: counted, late, future or invalid."),
    ConsumerFamily("rows_again", ("topic",), "Rows read again after a rebalance or a restart; they count once."),
    ConsumerFamily("rows_late_at_sink", ("topic",), "Rows whose pane was closed already by other, live sources."),
    ConsumerFamily("records_lost", ("topic",), "Records that retention or compaction removed before they could be "
                   "read again; the rows read of them before still count."),
    ConsumerFamily("offsets_skipped", ("topic",), "Offsets that retention removed before anything read them."),
    ConsumerFamily("bad_records", ("topic",), "Records that cannot be read."),
    ConsumerFamily("dead_letters", ("topic", "outcome"), "Bad records sent to the dead-letter topic, or failed."),
    ConsumerFamily("rebalances", ("event",), "Changes of the partitions of this member: assigned, revoked, lost."),
    ConsumerFamily("panes", ("topic",), "Panes sent."),
    ConsumerFamily("sink_failures", (), "Times that the server or store was away."),
    ConsumerFamily("lag_records", ("topic", "partition"), "Offsets up to the end of the partition.", gauge=True),
    ConsumerFamily("watermark_seconds", ("topic", "partition"), "Event time whose panes have ended, since the epoch.",
                   gauge=True),
    ConsumerFamily("open_panes", ("topic", "partition"), "Panes that rows may still go into.", gauge=True),
)  # fmt: skip


class ConsumerMetrics:
    """The metrics of one process. For one thread, beside that of the exposition."""

    def __init__(self) -> None:
        """Start at zero."""
        from prometheus_client import CollectorRegistry, Counter, Gauge

        self.registry = CollectorRegistry()
        self._families: dict[str, Any] = {
            family.name: (Gauge if family.gauge else Counter)(
                PREFIX + family.name, family.help, family.labels, registry=self.registry
            )
            for family in FAMILIES
        }

    def add(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        if amount > 0:
            family = self._families[name]
            (family.labels(**labels) if labels else family).inc(amount)

    def show(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._families[name].labels(**labels).set(value)

    def forget(self, topic: str, partition: int) -> None:
        """Drop the gauges of a partition that another member has now."""
        for family in FAMILIES:
            if family.gauge:
                try:
                    self._families[family.name].remove(topic, str(partition))
                except KeyError:
                    continue

    def serve(self, port: int, host: str = "0.0.0.0") -> Any:
        """Expose the metrics at a port; return the server, which `shutdown` ends."""
        from prometheus_client import start_http_server

        server, _ = start_http_server(port, host, self.registry)
        return server
