"""Logs of a partition that tests make up, read by a straightforward loop, and a store that keeps what it is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.kafka.counting import Counting, Dropped, PartitionRows
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.types import Milliseconds
from tests.client.samples import make_profile

START: Milliseconds = 1_700_000_000_000
TIMING = Timing(10_000, 15_000)
NOW = START + 10_000_000
CITIES = ("Ulm", "Bonn", "Kiel", "Rom")


@dataclass(frozen=True)
class LogRecord:
    """A record: its offset, and its rows as (event time, city); a record without rows cannot be read."""

    offset: int
    rows: tuple[tuple[Milliseconds, str], ...]


def batch_of(records: Sequence[LogRecord], counting: Counting) -> PartitionRows:
    """Return records as a decoder would."""
    flat = [(record.offset, time, city) for record in records for time, city in record.rows]
    rows, _, _ = counting.reader.read_records([{"age": 40.0, "city": city} for _, _, city in flat])
    return PartitionRows(
        rows,
        np.array([offset for offset, _, _ in flat], np.int64),
        np.array([time for _, time, _ in flat], np.int64),
        np.array([record.offset for record in records], np.int64),
        tuple(Dropped(record.offset, "invalid") for record in records if not record.rows),
    )


def counted(records: Sequence[LogRecord]) -> tuple[dict[Milliseconds, Counter[str]], Counter[str]]:
    """Return the cities of each pane, and the rows that do not count by reason, row by row."""
    panes: dict[Milliseconds, Counter[str]] = {}
    dropped: Counter[str] = Counter()
    latest = 0
    for record in records:
        dropped["invalid"] += not record.rows
        for time, city in record.rows:
            start = TIMING.pane_start(time)
            if start + TIMING.pane <= latest - TIMING.lateness:
                dropped["late"] += 1
            else:
                panes.setdefault(start, Counter())[city] += 1
            latest = max(latest, time)
    return panes, +dropped


@dataclass
class PaneShelf:
    """Keeps panes as a store does: the highest sequence; checks that nothing is lost or late on the way."""

    panes: dict[tuple[str, Milliseconds], Pane] = field(default_factory=dict)
    frozen: Milliseconds = 0
    watermarks: dict[str, Milliseconds] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def put(self, pane: Pane) -> int:
        key = pane.source, pane.start
        known = self.panes.get(key)
        rows = 0 if known is None else known.summary.rows
        is_frozen = pane.start + pane.length <= self.frozen
        assert not is_frozen or pane.summary.rows <= rows, "a row came after its pane was frozen"
        if known is None or pane.sequence > known.sequence:
            assert pane.summary.rows >= rows, "a pane of fewer rows replaces a larger one"
            self.panes[key] = pane
        elif pane.sequence == known.sequence:
            assert pane.summary.rows in (0, rows), "other rows under the same sequence"
        self.watermarks[pane.source] = max(pane.watermark or 0, self.watermarks.get(pane.source, 0))
        self.frozen = max(self.frozen, min(self.watermarks.values()))
        assert sum(pane.totals.dropped.values()) + pane.totals.counted == pane.totals.observed
        return 0

    def cities(self, counting: Counting) -> dict[Milliseconds, Counter[str]]:
        """Return the cities of each pane, over all sources."""
        sums: dict[Milliseconds, Counter[str]] = {}
        for pane in self.panes.values():
            if pane.summary.rows:
                sums.setdefault(pane.start, Counter()).update(_cities_of(pane.summary, counting))
        return sums


def _cities_of(summary: Summary, counting: Counting) -> Counter[str]:
    part = next(part for feature, part in counting.profile.slices() if feature.column == "city")
    by_bin = summary.counts[part]
    found: Counter[str] = Counter()
    for city in CITIES:
        rows, _, _ = counting.reader.read_records([{"city": city}])
        (where,) = np.flatnonzero(counting.count(rows).counts[part])
        found[city] = int(by_bin[where])
    return +found


def counting() -> Counting:
    """Return counting by a small profile."""
    return Counting(make_profile(), TIMING)
