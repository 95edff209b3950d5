"""The pipeline: what was counted, and rows from the buffer, go into the ledger as soon as the session allows."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from driftmeter.client.buffer import Buffer, Raw
from driftmeter.client.event_time import TIMESTAMP, read_event_time
from driftmeter.client.faults import Faults
from driftmeter.client.intake import Intake
from driftmeter.client.ledger import Ledger
from driftmeter.client.live import COUNTED_AND_FULL, NOT_COUNTED, LiveCounter, LivePane
from driftmeter.client.no_fork import NO_FORK
from driftmeter.client.session import CountingTerms, Session
from driftmeter.client.thread_lock import ThreadLock
from driftmeter.client.typed_batch import TypedBatch
from driftmeter.client.unreadable import UnreadableFields
from driftmeter.counts.summary import Summary
from driftmeter.data.rejected import Rejected
from driftmeter.panes.pane import PaneKey
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.types import Milliseconds

CHUNK = 256
"""Rows per step: a millisecond of work, so that predictions seldom wait for the interpreter."""
PAUSE = 0.0005
"""Seconds between steps in which other threads get their turn."""


class Pipeline:
    """Rows that are in no pane yet, and the ledger of those that are. Every row ends up counted or dropped.

    With the compiled counter rows are counted by a LiveCounter, in the call of `observe`, once it is known by what to
    count. All others go through the buffer, and are counted by it too as they leave, where it can read them. One thread
    drains both; `collect`, `stats`, `settled` and `unreadable` may be called from any thread. A lock separates them;
    `observe` never waits for it, and a signal handler that interrupts the thread which has it goes without: it changes
    nothing then.
    """

    def __init__(
        self,
        buffer: Buffer,
        session: Session,
        faults: Faults,
        *,
        source: str,
        max_bytes: int,
        clock: Callable[[], float],
        columns: Sequence[str] | None = None,
    ) -> None:
        """Start without rows. Panes take at most three quarters of `max_bytes`.

        `columns` names the values of rows without names.
        """
        self.buffer, self.source = buffer, source
        self._session, self._faults, self._clock = session, faults, clock
        self._ledger = Ledger(source, max_bytes * 3 // 4)
        self._unreadable = UnreadableFields()
        self._max_bytes = max_bytes
        self._typed: deque[TypedBatch] = deque()
        self._typed_rows = self._typed_bytes = 0
        self._ignored_values = self._ignored_predictions = self._unreadable_values = 0
        self._booked = {"buffer_full": 0, "invalid": 0}
        self._columns = columns
        self._live: LiveCounter | None = None
        self._taken: deque[LivePane] = deque()  # empty, unless an interrupt came while they were booked
        self._buffered = False
        self._counted_by: Intake | None = None
        self._lock = ThreadLock()

    @contextmanager
    def locked_ledger(self) -> Iterator[Ledger]:
        """Give access to the ledger while no other thread reads it."""
        with self._lock:
            yield self._ledger

    @property
    def settled(self) -> bool:
        """Whether every row is acknowledged or given up, and the server knows it; False in such a handler."""
        with self._up_to_date() as booked:
            return booked and not self._waiting and not self._ledger.unsent() and self._ledger.reported

    @property
    def is_live(self) -> bool:
        """Whether rows are counted in the calls of `observe`, and the last drain found none in the buffer."""
        return self._live is not None and not self._buffered and not self.buffer.rows and not self._typed

    def stats(self, *, ended: bool) -> dict[str, int]:
        """Return counts since the start; `observed` is `counted` + `dropped` + `waiting`.

        Where the worker has `ended`, no pane will ever carry the rows that wait: they are dropped. In such a handler
        rows that were just being booked may be missing, or count twice.
        """
        with self._up_to_date():
            ledger = self._ledger
            waiting = self._waiting + ledger.counted - ledger.acknowledged
            dropped = {f"dropped_{reason}": rows for reason, rows in ledger.dropped.items()}
            dropped["dropped_closed"] = self.buffer.closed.value() + (waiting if ended else 0)
            waiting = 0 if ended else waiting
            return {
                "observed": ledger.acknowledged + sum(dropped.values()) + waiting,
                "counted": ledger.acknowledged,
                "waiting": waiting,
                "dropped": sum(dropped.values()),
                **dropped,
                "late": ledger.late,
                "unreadable_values": self._unreadable_values,
                "ignored_values": self._ignored_values,
                "ignored_predictions": self._ignored_predictions,
                "panes": len(ledger),
            }

    def unreadable(self) -> dict[str, dict[str, object]]:
        """Return what could not be read, by field."""
        with self._up_to_date():
            return self._unreadable.to_json()

    def drain(self) -> None:
        """Type the rows that are in the buffer now and count them, as far as profile and timing are known."""
        self._session.compile_given()
        self.buffer.deferred.gather()
        intake, remaining = self._session.intake, len(self.buffer)
        self._buffered = remaining > 0
        with self._lock:
            self._go_live()  # first: rows that come while the buffer is emptied shall find room
        while intake and remaining > 0 and not self._full():
            with self._lock:
                remaining -= self._type_chunk(intake)
                self._count_typed()
            if remaining > 0:
                time.sleep(PAUSE)
        with self._lock:
            self._count_typed()
            self._book_live()
            self._book_losses()
            self._fit_buffer()
        self._warn_of_input()

    def collect(self) -> None:
        """Book what was counted in the calls of `observe`, unless another thread, or this one further up, is at it.

        It never waits: what is left is booked by one of the next calls, or by the background thread.
        """
        if self._lock.enter(wait=False):
            try:
                self._book_live()
            finally:
                self._lock.leave()

    def switch(self, intake: Intake) -> None:
        """Count by another profile from now on; rows that were read by the last one go into its panes."""
        with self._lock:
            self._count_typed()
            self._stop_live()
            self._session.intake = intake

    def warn_of_unnamed_fields(self) -> None:
        """Name the fields that could not be read and that no warning has named yet; call it last."""
        with self._lock:
            self._book_losses()
            message = self._unreadable.sentence() if self._unreadable.has_unnamed else ""
        if message:
            self._faults.log_once("unreadable", message)

    @contextmanager
    def _up_to_date(self) -> Iterator[bool]:
        """Have losses booked, and keep other threads from booking; do neither and yield False in such a handler."""
        booked = self._lock.enter()
        try:
            if booked:
                self._book_losses()
            yield booked
        finally:
            if booked:
                self._lock.leave()

    @property
    def _waiting(self) -> int:
        """Rows that are in no pane yet."""
        live = (self._live.rows if self._live else 0) + sum(pane.rows for pane in self._taken)
        return len(self.buffer) + self._typed_rows + live

    def _full(self) -> bool:
        """Return whether typed rows that wait for the timing take all the room that they may."""
        return self._typed_rows >= self.buffer.most_rows or self._typed_bytes >= self._max_bytes * 3 // 4

    def _fit_buffer(self) -> None:
        """Give the buffer the memory that panes and typed rows leave; a closed buffer stays closed."""
        if self.buffer.limit >= 0:
            used = self._ledger.bytes + self._typed_bytes
            self.buffer.fit(max(self._max_bytes - used, self._max_bytes // 4), self._typed_rows)

    def _type_chunk(self, intake: Intake) -> int:
        """Move some rows from the buffer to the typed ones; return how many."""
        taken = self.buffer.take(CHUNK)
        self.buffer.weigh(taken[-1])
        raw = self._count_as_observed(taken)
        if not raw:
            return len(taken)
        batch = intake.read(raw)
        self._ignored_values += batch.ignored_values
        self._ignored_predictions += batch.ignored_predictions
        if batch.invalid:
            self._ledger.drop("invalid", batch.invalid)
        for name, rejected in batch.first.items():
            self._unreadable.add(rejected, batch.refused.get(name, 0))
        self._typed.append(batch)
        self._typed_rows += len(batch.rows)
        self._typed_bytes += batch.bytes
        return len(taken)

    def _count_as_observed(self, raw: list[Raw]) -> list[Raw]:
        """Count rows that have waited as calls of `observe` would have; return those that only `Intake.read` reads."""
        live, terms = self._live, self._session.terms(self._clock())
        if live is None or terms is None:
            return raw
        left = []
        for row in raw:
            record, prediction, timestamp, clock = row
            time = clock * 1000 + terms.offset if timestamp is None else read_event_time(timestamp)
            counted = NOT_COUNTED
            if isinstance(time, int | float):
                with suppress(Exception):  # the intake meets it again, and names it
                    counted = live.count_value(record, live.single(prediction), time)
            if counted == NOT_COUNTED:
                left.append(row)
            elif counted == COUNTED_AND_FULL:
                self._book_live()
        return left

    def _count_typed(self) -> None:
        """Book the typed rows in the ledger, if all that counting needs is known."""
        terms = self._session.terms(self._clock())
        while terms and self._typed:
            batch = self._typed.popleft()
            self._typed_rows -= len(batch.rows)
            self._typed_bytes -= batch.bytes
            self._book(batch, terms)

    def _book(self, batch: TypedBatch, terms: CountingTerms) -> None:
        """Book one batch in whole: what goes wrong with it must neither count it in part nor stop those that follow."""
        try:
            counted = list(terms.intake.count(batch, terms.timing, terms.offset, terms.now))
        except Exception:
            self._ledger.drop("invalid", len(batch.rows))
            raise
        for start, summary in counted:
            examples = batch.first if batch.unreadable else {}
            self._book_rows(start, terms.timing.pane, terms.intake, summary, examples)

    def _book_rows(
        self,
        start: Milliseconds | None,
        length: Milliseconds,
        intake: Intake,
        summary: Summary,
        examples: Mapping[str, Rejected],
    ) -> None:
        """Book the rows of one pane, or of the future, whose values are not looked at.

        `examples` are, by column, of values that could not be read; there are none where every value could be.
        """
        if start is None:
            self._ledger.drop("future", summary.rows)
            expected = f"a time at most {MAX_AHEAD // 1000} s ahead of the server"
            self._unreadable.add(Rejected(0, TIMESTAMP, expected, "a later one"), summary.rows)
            return
        unreadable = intake.unreadable_in(summary) if examples else {}
        self._ledger.add(PaneKey(start, length, intake.digest), summary, unreadable)
        for name, values in unreadable.items():
            self._unreadable_values += values
            if name in examples:
                self._unreadable.add(examples[name], values)

    def _go_live(self) -> None:
        """Have rows counted where they are observed, as soon as it is known by what."""
        terms = self._session.terms(self._clock())
        if terms is None or self.buffer.limit < 0:
            return
        if self._counted_by is not terms.intake:
            self._counted_by = terms.intake
            with NO_FORK:
                self._live = terms.intake.count_live(self._clock, self._columns, self._max_bytes // 8)
        if self._live is not None:
            self._live.set_terms(terms.offset, terms.timing.pane)
            self.buffer.live, self.buffer.deferred.is_open = self._live, True
            if self.buffer.limit < 0:  # closed meanwhile
                self._live.close()

    def _stop_live(self) -> None:
        """Count no more rows where they are observed, until it is known again by what."""
        self.buffer.live = None
        if self._live is not None:
            self._live.close()
            self._book_live()
            self._live = None

    def _book_live(self) -> None:
        """Book what was counted in the calls of `observe`."""
        if self._live is None or self._counted_by is None:
            return
        taken = self._live.take()
        self._taken.extend(taken.panes)
        self._ignored_values += taken.ignored_values
        self._ignored_predictions += taken.ignored_predictions
        self._counted_by.columns.note_counted(taken)
        while self._taken:
            self._book_pane(self._counted_by, self._taken[0], taken.unreadable)
            self._taken.popleft()

    def _book_pane(self, intake: Intake, pane: LivePane, examples: Mapping[str, Rejected]) -> None:
        """Book the rows of one pane; what goes wrong with it must not stop those that follow."""
        try:
            self._book_rows(pane.start, pane.length, intake, pane.summary, examples)
        except Exception:
            self._ledger.drop("invalid", pane.rows)
            self._faults.warn("bug", "rows that were counted cannot be booked", trace=True)

    def _book_losses(self) -> None:
        """Book the rows that `observe` had to drop since the last time."""
        for reason, counter in (("buffer_full", self.buffer.full), ("invalid", self.buffer.invalid)):
            dropped = counter.value() - self._booked[reason]
            if dropped > 0:
                self._booked[reason] += dropped
                self._ledger.drop(reason, dropped)
                if reason == "invalid":
                    self._unreadable.add(Rejected(0, "", *self.buffer.last_invalid), dropped)

    def _warn_of_input(self) -> None:
        """Warn of what cannot be read, and of columns that do not match the profile's; seldom."""
        with self._lock:
            due = self._unreadable.has_unlogged and self._faults.may_warn("unreadable")
            message = self._unreadable.sentence() if due else ""
        if message:
            self._faults.warn("unreadable", message)
        if self.buffer.remark:
            self._faults.warn("remark", self.buffer.remark)
            self.buffer.remark = ""
        if self._session.intake is not None:
            for remark in self._session.intake.columns.remarks():
                self._faults.log_once(remark.kind, remark.message, level=remark.level)
