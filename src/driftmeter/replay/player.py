"""The player: decides when each row is sent, and with which timestamp."""

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
from driftmeter.types import JSON, Clock, Codes, Floats, Milliseconds

MOST_BEHIND: Milliseconds = 1_000
"""Rows that could not be sent in time are stamped at most this far back: otherwise all later rows would be late."""
_LEAST_GAP = 0.1
"""Least seconds between two batches that are not full."""
_LONGEST_WAIT = 1.0


@dataclass(frozen=True)
class ReplaySpeed:
    """How fast rows are sent: `speed` times as fast as the file's own time, or `rate` rows/s if it has no time.

    Infinity sends at once, at most `batch` rows in one request. With `keep_time` the rows keep their timestamps;
    otherwise they move so that the first row is now.
    """

    speed: float = math.inf
    rate: float = 1000.0
    keep_time: bool = False
    batch: int = 1000

    def __post_init__(self) -> None:
        """Refuse a speed, rate or batch with which the replay would never end."""
        for name, value in (("speed", self.speed), ("rate", self.rate), ("batch", self.batch)):
            if not value > 0:
                raise InputError(name, "a number above 0", repr(value))

    def due(self, trace: Trace) -> Floats:
        """Return when each row is due: seconds after the start, shape (rows,), ascending."""
        if trace.times is None:
            return np.arange(len(trace)) / self.rate
        return (trace.times - trace.times[:1]) / (1000 * self.speed)


@dataclass
class ReplayTotals:
    """What became of the rows so far.

    Of `rows` in all, `unread` are never sent: their time cannot be read. Each row that was `sent` was `accepted` or
    `rejected`; `late` rows were accepted and are in no window. `reasons` counts values that could not be read by what
    was wrong with them, each with an example.
    """

    rows: int
    unread: int = 0
    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    late: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def reject(self, rejected: Iterable[Rejected]) -> None:
        """Count why values could not be read."""
        for value in rejected:
            start = f"{value.field}: expected {value.expected}, got "
            same = next((reason for reason in self.reasons if reason.startswith(start)), None)
            self.reasons[same or f"{start}{value.got} in row {value.row}"] += 1

    def add(self, answer: JSON, file_rows: Codes) -> None:
        """Add the server's answer to rows; `file_rows` are their numbers in the file."""
        self.sent += len(file_rows)
        self.accepted += answer["accepted"]
        self.rejected += answer["rejected_rows"]
        self.late += answer["late"]
        self.reject(
            Rejected(int(file_rows[value["row"]]), value["field"], value["expected"], value["got"])
            for value in answer["rejected"]
        )


class Player:
    """Sends a trace through a client, batch after batch. `totals` is always current."""

    def __init__(
        self,
        trace: Trace,
        client: RowsClient,
        model: ServedModel,
        speed: ReplaySpeed,
        *,
        source: str = "replay",
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Clock = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Prepare; raises InputError if there are no rows, or no times to keep.

        `clock` is in seconds and never goes back; `wall_clock` is the local time that timestamps are made from.
        """
        if not len(trace):
            raise InputError("rows", "some", "none")
        stamped = all(feature.column != TIMESTAMP for feature in model.profile.features)
        if speed.keep_time and trace.times is None:
            raise InputError("time", "a column that holds the time, to keep it", "none")
        if speed.keep_time and not stamped:
            raise InputError("time", f"no feature of the name {TIMESTAMP!r}, to keep the time", "one")
        unread = len(trace.rejected)
        self.totals = ReplayTotals(len(trace) + unread, unread, rejected=unread)
        self.totals.reject(trace.rejected)
        self._trace, self._client, self._model, self._speed = trace, client, model, speed
        self._clock, self._wall_clock = clock, wall_clock
        self._stamped = stamped
        """Whether rows are sent with timestamps: they cannot be if a feature has that name."""
        # every run is a source of its own: the watermark of one source must not go back
        self._run = secrets.token_hex(8)
        self._source = f"{source}-{self._run}"
        self._due = speed.due(trace)

    def run(self, progress: Callable[[ReplayTotals], None] = lambda totals: None) -> ReplayTotals:
        """Send all rows, or until the client is told to stop; call `progress` after each batch.

        Raises DriftmeterError if the server refuses a batch or stays away.
        """
        begun, last_sent, rows = self._clock(), -math.inf, len(self._trace)
        start_time = self._server_time()
        start = 0
        while start < rows and not self._client.stop.is_set():
            elapsed = self._clock() - begun
            end = min(int(np.searchsorted(self._due, elapsed, side="right")), start + self._speed.batch)
            wait = self._due[start] - elapsed if end <= start else 0.0
            if end - start < self._speed.batch and end < rows:
                wait = max(wait, last_sent + _LEAST_GAP - elapsed)
            if wait > 0:
                self._client.stop.wait(min(wait, _LONGEST_WAIT))
                continue
            last_sent = elapsed
            if not self._send(start, end, start_time):
                return self.totals
            start = end
            progress(self.totals)
        if start == rows and self._speed.keep_time and self._trace.times is not None and rows:
            pane = self._model.pane
            self._post(rows, rows, self._trace.times[rows:], (int(self._trace.times[-1]) // pane + 1) * pane)
        return self.totals

    def _send(self, start: int, end: int, start_time: Milliseconds) -> bool:
        """Send the rows from `start` to `end`; return False if the client was stopped before the answer."""
        times, watermark = self._times(start, end, start_time), None
        if self._speed.keep_time and self._trace.times is not None:
            watermark = int(self._trace.times[min(end, len(self._trace) - 1)])
        answer = self._post(start, end, times if self._stamped else None, watermark)
        if answer is None:
            return False
        self.totals.add(answer, self._trace.file_rows[start:end])
        return True

    def _times(self, start: int, end: int, start_time: Milliseconds) -> Times:
        if self._speed.keep_time and self._trace.times is not None:
            return self._trace.times[start:end]
        planned = start_time + (self._due[start:end] * 1000).astype(np.int64)
        return np.maximum(planned, self._server_time() - MOST_BEHIND)

    def _post(self, start: int, end: int, times: Times | None, watermark: Milliseconds | None) -> JSON | None:
        """Send the rows from `start` to `end`; return None if the client was stopped before the answer."""
        table = self._trace.rows.slice(start, end - start)
        if times is not None:
            table = table.append_column(TIMESTAMP, pa.array(times, pa.timestamp("ms", "UTC")))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.combine_chunks())
        try:
            return self._client.post(
                sink.getvalue().to_pybytes(),
                f"{self._run}-{start}-{end}",
                watermark=None if watermark is None else iso(watermark),
                source=None if watermark is None else self._source,
            )
        except AwayError as error:
            if self._client.stop.is_set():
                return None
            sent = f"given up after {self.totals.sent:,} rows"
            raise DriftmeterError(f"{sent}, the server is away: {error.reason}") from error

    def _server_time(self) -> Milliseconds:
        return self._wall_clock() + self._model.ahead
