"""What this process counts of itself: series to be summed over the replicas.

To add a metric: an entry in PROCESS_FAMILIES, `metrics.add(NAME, …)` where the thing happens, and `make docs`, which
writes its row in docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from driftmeter.panes.totals import LONGEST_REASON
from driftmeter.profile.profile import Profile
from driftmeter.store.records import Receipt

REASONS = frozenset(["invalid", "future", "buffer_full", "panes_full", "late", "refused", "closed"])
"""Why rows are dropped: the first two by a server too, the rest by an SDK."""
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "DELETE"])


@dataclass(frozen=True)
class ProcessFamily:
    """A metric of the process: its type, its name without prefix and `_total`, its help, and its labels.

    Where a label is `model`, the series of a model go when it is deleted. Labels hold known names only, of models,
    features, reasons and routes, so that there are few series.
    """

    type: type[Counter] | type[Histogram]
    name: str
    help: str
    labels: tuple[str, ...]
    meaning: str
    """What docs/metrics.md says of it, in Markdown."""


PROCESS_FAMILIES = (
    ProcessFamily(
        Counter,
        "rows",
        "Rows that came in here and were counted, late ones included.",
        ("model",),
        meaning="rows that this server received and counted, in panes or raw, late ones included",
    ),
    ProcessFamily(
        Counter,
        "rows_dropped",
        "Rows that could not be counted, here or, as it says itself, by an SDK.",
        ("model", "reason"),
        meaning=(
            "rows that could not be counted: raw rows here (`invalid`, `future`), and rows that an SDK "
            "reports as dropped (`buffer_full`, `panes_full`, `invalid`, …), each report counted once "
            "over all replicas"
        ),
    ),
    ProcessFamily(
        Counter,
        "values_unreadable",
        "Values of counted rows that were none of their feature's kind, here or, as it says itself, at an SDK.",
        ("model", "feature"),
        meaning=(
            'values of counted rows that are not of their feature\'s kind, such as `"unknown"` for a '
            "number: in rows posted here, and as an SDK reports them, each report counted once over all "
            "replicas; `other` sums an SDK's columns beyond its first 31"
        ),
    ),
    ProcessFamily(
        Counter,
        "rows_late",
        "Rows that came in here after their pane was frozen: they are in no window.",
        ("model",),
        meaning="rows that this server received after their pane was frozen: no window has them",
    ),
    ProcessFamily(
        Counter,
        "evaluation_errors",
        "Times that a model could not be evaluated here; the log says why.",
        ("model",),
        meaning=(
            "times that this server could not evaluate a model; its verdict stands still meanwhile, and "
            "the log says why once a minute"
        ),
    ),
    ProcessFamily(
        Counter,
        "call_events",
        "Events of requests and answers of models that came in here, by what became of them.",
        ("model", "outcome"),
        meaning=(
            "[events](doors.md#what-becomes-of-an-event) of requests and answers that came to this server: `rows`, "
            "`joined`, `waiting`, `alone`, `late`, `duplicate`, `not_needed`, `no_rows`; `unreadable`, `unfit`, "
            "`future`, `unknown_model`"
        ),
    ),
    ProcessFamily(
        Counter,
        "notices",
        "Notices of incidents from here, by what became of them.",
        ("outcome",),
        meaning=(
            "notices of incidents by this server: `sent` or, after all attempts, `failed` for each URL; "
            "`dropped` for each notice that came while too many were waiting; alert on `failed` and "
            "`dropped`"
        ),
    ),
    ProcessFamily(
        Counter,
        "rejected_requests",
        "Requests answered by a problem.",
        ("reason",),
        meaning="requests answered by a problem (4xx, 5xx)",
    ),
    ProcessFamily(
        Histogram,
        "request_duration_seconds",
        "Time from a request's headers to the end of its answer.",
        ("route", "method"),
        meaning="seconds from a request's headers to the end of its answer",
    ),
)
"""In the order in which they are written."""


class ProcessMetrics:
    """The families of PROCESS_FAMILIES, in a registry of their own, beside those of the Prometheus client."""

    def __init__(self) -> None:
        """Create the families, without series."""
        self._registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._of_model: list[Counter | Histogram] = []
        self._durations: dict[tuple[str, str], Histogram] = {}
        for family in PROCESS_FAMILIES:
            name = f"driftmeter_{family.name}"
            made: Counter | Histogram
            if family.type is Counter:
                made = self._counters[family.name] = Counter(name, family.help, family.labels, registry=self._registry)
            else:
                made = self._histograms[family.name] = Histogram(
                    name, family.help, family.labels, buckets=_BUCKETS, registry=self._registry
                )
            if "model" in family.labels:
                self._of_model.append(made)
        ProcessCollector(registry=self._registry)

    def add(self, family: str, *labels: str, amount: float = 1) -> None:
        """Add to the series of a counter with these values of its labels, in their order."""
        self._counters[family].labels(*labels).inc(amount)

    def count(self, model: str, receipt: Receipt, dropped: Mapping[str, int] | None = None) -> None:
        """Count what a write added, the late rows among it, and the rows dropped by reason."""
        self.add("rows", model, amount=receipt.added)
        if receipt.added_late:
            self.add("rows_late", model, amount=receipt.added_late)
        for reason, count in (dropped or {}).items():
            # an SDK names its own reasons, and labels must stay few
            self.add("rows_dropped", model, reason if reason in REASONS else "other", amount=count)

    def unreadable(self, model: str, profile: Profile, values: Mapping[str, int]) -> None:
        """Count values that could not be read, by column, under the features that are read from it.

        An SDK gives the first LONGEST_REASON characters of a column's name; rows that came here give all of them.
        """
        if not values:
            return
        names: dict[str, list[str]] = {}
        for feature in profile.features:
            if feature.role != "derived":
                for column in {feature.column, feature.column[:LONGEST_REASON]}:
                    names.setdefault(column, []).append(feature.name)
        for column, count in values.items():
            # an SDK names its own columns, and those beyond its first ones together; labels must stay few
            for name in names.get(column, ["other"]):
                self.add("values_unreadable", model, name, amount=count)

    def fail(self, model: str) -> None:
        """Count a model that could not be evaluated."""
        self.add("evaluation_errors", model)

    def notify(self, outcome: str) -> None:
        """Count a notice that was sent, failed or was dropped."""
        self.add("notices", outcome)

    def reject(self, reason: str) -> None:
        """Count a request answered by a problem."""
        self.add("rejected_requests", reason)

    def observe(self, route: str, method: str, seconds: float) -> None:
        """Record how long a request took."""
        series = self._durations.get((route, method))
        if series is None:
            known = method if method in _METHODS else "other"
            series = self._histograms["request_duration_seconds"].labels(route, known)
            if known == method:
                self._durations[route, method] = series
        series.observe(seconds)

    def forget(self, model: str) -> None:
        """Drop the series of a model that was deleted."""
        for family in self._of_model:
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
