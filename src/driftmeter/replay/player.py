"""The player: which rows go when, and what their timestamps are."""

from __future__ import annotations

import math
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from driftmeter.client.transport import AwayError
from driftmeter.data.rejected import Rejected
from driftmeter.data.time_columns import Times
from driftmeter.errors import DriftmeterError, InputError
from driftmeter.replay.rows_client import RowsClient, ServedModel
from driftmeter.replay.trace import TIMESTAMP, Trace
from driftmeter.timestamps import iso
from driftmeter.types import JSON, Codes, Floats, Milliseconds

MOST_BEHIND: Milliseconds = 1_000
"""Rows that could not go in time are stamped at most so far back: else all that follow would come late."""
_TICK = 0.1
"""Least seconds between two batches that are not full."""


@dataclass(frozen=True)
class ReplaySpeed:
    """How fast: `speed` times the file's own time, or `rate` rows/s where it has none; infinity is at once.

    With `keep_time` the rows keep their timestamps; else the first row is now.
    """

    speed: float = math.inf
    rate: float = 1000.0
    keep_time: bool = False
    batch: int = 1000

    def __post_init__(self) -> None:
        """Refuse what would never end."""
        for name, value in (("speed", self.speed), ("rate", self.rate), ("batch", self.batch)):
            if not value > 0:
                raise InputError(name, "a number above 0", repr(value))

    def due(self, trace: Trace) -> Floats:
        """Return when each row is due, in seconds after the start; ascending."""
        if trace.times is None:
            return np.arange(len(trace)) / self.rate
        return (trace.times - trace.times[:1]) / (1000 * self.speed)


@dataclass
class ReplayTotals:
    """What became of the rows so far: `rows` in all, of which `unread` never go; each that was `sent` was `accepted`,
    or rejected by the server. `late` ones were accepted and are in no window.

    `reasons` counts values that could not be read by what was wrong, each with an example: only a time costs its row.
    """

    rows: int
    unread: int = 0
    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    late: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def reject(self, rejected: Iterable[Rejected]) -> None:
        """Remember why values could not be read."""
        for each in rejected:
            start = f"{each.field}: expected {each.expected}, got "
            known = next((reason for reason in self.reasons if reason.startswith(start)), None)
            self.reasons[known or f"{start}{each.got} in row {each.row}"] += 1

    def add(self, answer: JSON, places: Codes) -> None:
        """Take in the answer to the rows that stand at `places` in the file."""
        self.sent += len(places)
        self.accepted += answer["accepted"]
        self.rejected += answer["rejected_rows"]
        self.late += answer["late"]
        self.reject(
            Rejected(int(places[each["row"]]), each["field"], each["expected"], each["got"])
            for each in answer["rejected"]
        )


class Player:
    """Sends a trace through a link, batch after batch. `totals` is always current."""

    def __init__(
        self, trace: Trace, link: RowsClient, model: ServedModel, pace: ReplaySpeed, *, source: str = "replay"
    ) -> None:
        """Prepare; raises InputError where there are no rows, or no times to keep."""
        if not len(trace):
            raise InputError("rows", "some", "none")
        reserved = all(feature.column != TIMESTAMP for feature in model.profile.features)
        if pace.keep_time and trace.times is None:
            raise InputError("time", "a column that holds the time, to keep it", "none")
        if pace.keep_time and not reserved:
            raise InputError("time", f"no feature of the name {TIMESTAMP!r}, to keep the time", "one")
        unread = len(trace.rejected)
        self.totals = ReplayTotals(len(trace) + unread, unread, rejected=unread)
        self.totals.reject(trace.rejected)
        self._trace, self._link, self._model, self._pace = trace, link, model, pace
        self._stamped = reserved
        # a log that is read anew is another source: what it says of time must not meet its former self
        self._run = secrets.token_hex(8)
        self._source = f"{source}-{self._run}"
        self._due = pace.due(trace)

    def run(self, progress: Callable[[ReplayTotals], None] = lambda totals: None) -> ReplayTotals:
        """Send all rows, or until the link is told to stop; raises DriftmeterError where the server refuses a batch
        or stays away. `progress` is called after each batch."""
        began, last, rows = time.monotonic(), -math.inf, len(self._trace)
        begin_ms = self._now()
        at = 0
        while at < rows and not self._link.stop.is_set():
            elapsed = time.monotonic() - began
            end = min(int(np.searchsorted(self._due, elapsed, side="right")), at + self._pace.batch)
            wait = self._due[at] - elapsed if end <= at else 0.0
            if end - at < self._pace.batch and end < rows:
                wait = max(wait, last + _TICK - elapsed)
            if wait > 0:
                self._link.stop.wait(min(wait, 1.0))
                continue
            last = elapsed
            if not self._send(at, end, begin_ms):
                return self.totals
            at = end
            progress(self.totals)
        if at == rows and self._pace.keep_time and self._trace.times is not None and rows:
            pane = self._model.pane
            self._post(rows, rows, self._trace.times[rows:], (int(self._trace.times[-1]) // pane + 1) * pane)
        return self.totals

    def _send(self, start: int, end: int, begin_ms: Milliseconds) -> bool:
        times, watermark = self._times(start, end, begin_ms), None
        if self._pace.keep_time and self._trace.times is not None:
            watermark = int(self._trace.times[min(end, len(self._trace) - 1)])
        answer = self._post(start, end, times if self._stamped else None, watermark)
        if answer is None:
            return False
        self.totals.add(answer, self._trace.places[start:end])
        return True

    def _times(self, start: int, end: int, begin_ms: Milliseconds) -> Times:
        if self._pace.keep_time and self._trace.times is not None:
            return self._trace.times[start:end]
        now = self._now()
        planned = begin_ms + (self._due[start:end] * 1000).astype(np.int64)
        return np.maximum(planned, now - MOST_BEHIND)

    def _post(self, start: int, end: int, times: Times | None, watermark: Milliseconds | None) -> JSON | None:
        """Send some rows; return None where it was told to stop before there was an answer."""
        table = self._trace.rows.slice(start, end - start)
        if times is not None:
            table = table.append_column(TIMESTAMP, pa.array(times, pa.timestamp("ms", "UTC")))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.combine_chunks())
        try:
            return self._link.post(
                sink.getvalue().to_pybytes(),
                f"{self._run}-{start}-{end}",
                watermark=None if watermark is None else iso(watermark),
                source=None if watermark is None else self._source,
            )
        except AwayError as error:
            if self._link.stop.is_set():
                return None
            raise DriftmeterError(f"given up after {self.totals.sent:,} rows, the server is away: {error}") from error

    def _now(self) -> Milliseconds:
        return time.time_ns() // 1_000_000 + self._model.ahead
