"""What this process counts of itself: series to be summed over the replicas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from driftmeter.panes.totals import LONGEST_REASON
from driftmeter.profile.profile import Profile
from driftmeter.store.records import Receipt

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "DELETE"])


REASONS = frozenset(["invalid", "future", "buffer_full", "panes_full", "late", "refused", "closed"])
"""Why rows are dropped: the first two by a server too, the rest by an SDK."""


class ProcessMetrics:
    """Counters and latencies in a registry of their own. Labels hold known names only: models, features, reasons …"""

    def __init__(self) -> None:
        """Create the families."""
        registry = self._registry = CollectorRegistry()
        self._rows = Counter(
            "driftmeter_rows",
            "Rows that came in here and were counted, late ones included.",
            ["model"],
            registry=registry,
        )
        self._dropped = Counter(
            "driftmeter_rows_dropped",
            "Rows that could not be counted, here or, as it says itself, by an SDK.",
            ["model", "reason"],
            registry=registry,
        )
        self._unreadable = Counter(
            "driftmeter_values_unreadable",
            "Values of counted rows that were none of their feature's kind, here or, as it says itself, at an SDK.",
            ["model", "feature"],
            registry=registry,
        )
        self._late = Counter(
            "driftmeter_rows_late",
            "Rows that came in here after their pane was frozen: they are in no window.",
            ["model"],
            registry=registry,
        )
        self._failed = Counter(
            "driftmeter_evaluation_errors",
            "Times that a model could not be evaluated here; the log says why.",
            ["model"],
            registry=registry,
        )
        self._notices = Counter(
            "driftmeter_notices",
            "Notices of incidents from here, by what became of them.",
            ["outcome"],
            registry=registry,
        )
        self._rejected = Counter(
            "driftmeter_rejected_requests", "Requests answered by a problem.", ["reason"], registry=registry
        )
        self._durations = Histogram(
            "driftmeter_request_duration_seconds",
            "Time from a request's headers to the end of its answer.",
            ["route", "method"],
            buckets=_BUCKETS,
            registry=registry,
        )
        ProcessCollector(registry=registry)

    def count(self, model: str, receipt: Receipt, dropped: Mapping[str, int] | None = None) -> None:
        """Count what a write added, the late rows among it, and the rows dropped by reason."""
        self._rows.labels(model).inc(receipt.added)
        if receipt.added_late:
            self._late.labels(model).inc(receipt.added_late)
        for reason, count in (dropped or {}).items():
            # an SDK names its own reasons, and labels must stay few
            self._dropped.labels(model, reason if reason in REASONS else "other").inc(count)

    def unreadable(self, model: str, profile: Profile, values: Mapping[str, int]) -> None:
        """Count values that could not be read, by column, under the features that are read from it.

        An SDK gives the first LONGEST_REASON characters of a column's name, rows that came here all of them.
        """
        if not values:
            return
        names: dict[str, list[str]] = {}
        for feature in profile.features:
            if feature.role != "derived":
                for column in {feature.column, feature.column[:LONGEST_REASON]}:
                    names.setdefault(column, []).append(feature.name)
        for column, count in values.items():
            # an SDK names its own columns, and those of many together; labels must stay few
            for name in names.get(column, ["other"]):
                self._unreadable.labels(model, name).inc(count)

    def fail(self, model: str) -> None:
        """Count a model that could not be evaluated."""
        self._failed.labels(model).inc()

    def notify(self, outcome: str) -> None:
        """Count a notice that was sent, failed or was dropped."""
        self._notices.labels(outcome).inc()

    def reject(self, reason: str) -> None:
        """Count a request answered by a problem."""
        self._rejected.labels(reason).inc()

    def observe(self, route: str, method: str, seconds: float) -> None:
        """Record how long a request took."""
        self._durations.labels(route, method if method in _METHODS else "other").observe(seconds)

    def forget(self, model: str) -> None:
        """Drop the series of a model that was deleted."""
        for family in (self._rows, self._late, self._dropped, self._unreadable, self._failed):
            family.remove_by_labels({"model": model})

    def render(self) -> str:
        """Write all as Prometheus text."""
        return generate_latest(_WithoutCreated(self._registry)).decode()


class _WithoutCreated(Collector):
    """Leaves out the `_created` series, which in Prometheus text would be families of their own."""

    def __init__(self, inner: Collector) -> None:
        self._inner = inner

    def collect(self) -> Iterable[Metric]:
        for family in self._inner.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
