"""CallCounter: counts the events of one model, each half of a call as it comes, and acknowledges what is stored."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from driftmeter.engine.compiled import Compiled
from driftmeter.errors import InputError
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.payloads.events import PayloadEvent
from driftmeter.payloads.table import OfClass, PayloadTable
from driftmeter.server.context import Context
from driftmeter.server.ingest.calls import (
    CALL_LIFE,
    Half,
    Mark,
    correct,
    count_answer,
    count_request,
    key_of,
    needs_of,
)
from driftmeter.server.ingest.json_size import check_containers
from driftmeter.store.records import AddRows, Receipt
from driftmeter.timestamps import iso
from driftmeter.types import Milliseconds

T = TypeVar("T")
Taken = Literal["rows", "joined", "waiting", "alone", "late", "duplicate", "not_needed", "no_rows"]
Refused = Literal["unreadable", "unfit", "future", "unknown_model"]
Outcome = Taken | Refused

_FIGURES = re.compile(r"\d+")
_log = logging.getLogger(__name__)


class _RefusalError(Exception):
    """An event does not count, with the outcome that says why."""

    def __init__(self, outcome: Refused, fault: InputError) -> None:
        super().__init__(str(fault))
        self.outcome, self.fault = outcome, fault


@dataclass(frozen=True)
class Counted:
    """What became of one event; `half` is what was read of it, `late` its rows whose pane was frozen."""

    outcome: Outcome
    half: Half | None = None
    late: int = 0
    fault: InputError | None = None

    @property
    def accepted(self) -> int:
        """The rows that count."""
        return self.half.rows if self.half is not None and self.outcome == "rows" else 0


class CallCounter:
    """Counts the events of one model by one profile, in one request to the server."""

    def __init__(
        self, context: Context, model: str, compiled: Compiled, *, small: bool, of_class: OfClass | None = None
    ) -> None:
        """Count by `compiled`, of several values a row that `of_class`. Events that are not `small` take a thread."""
        self._context, self._model, self._compiled, self._small = context, model, compiled, small
        self._of_class = of_class
        self._needs = needs_of(compiled.profile)

    async def count(self, event: PayloadEvent) -> Counted:
        """Count one event, and return when that is stored.

        An event that cannot be read, or does not fit the profile, has its fault. Raises StoreError, and
        OverloadedError where nothing more can be written now.
        """
        try:
            counted = await self._count(event)
        except _RefusalError as refusal:
            counted = Counted(refusal.outcome, fault=refusal.fault)
        self._context.metrics.add("call_events", self._model, counted.outcome)
        self._complain(counted)
        return counted

    async def _count(self, event: PayloadEvent) -> Counted:
        most = self._context.settings.max_body
        table = await self._read("unreadable", lambda: self._table(event, most))
        if table is None or not table.rows:
            return Counted("no_rows")
        time = self._time_of(event)
        if event.side == "request":
            return Counted("not_needed") if self._needs == "answers" else await self._request(event, table, time)
        if self._needs == "answers":
            return await self._rows_of_answer(event, table, time)
        return Counted("not_needed") if self._needs == "requests" else await self._answer(event, table)

    async def _read(self, otherwise: Refused, work: Callable[[], T]) -> T:
        """Return what `work` reads, on a thread if that may take long; an InputError has the outcome `otherwise`."""
        try:
            return work() if self._small else await self._context.in_thread(work)
        except InputError as error:
            raise _RefusalError(otherwise, error) from error

    @staticmethod
    def _table(event: PayloadEvent, most: int) -> PayloadTable | None:
        if event.fault is None and isinstance(event.content, bytes):
            check_containers(event.content, event.json_length)
        return event.table(most)

    def _time_of(self, event: PayloadEvent) -> Milliseconds:
        now = self._context.engine.now()
        time = now if event.time is None else event.time
        if time > now + MAX_AHEAD:
            expected = f"a time at most {MAX_AHEAD // 1000} s ahead of the server"
            raise _RefusalError("future", InputError("ce-time", expected, iso(time)))
        return time

    async def _request(self, event: PayloadEvent, table: PayloadTable, time: Milliseconds) -> Counted:
        """Count the rows of a request, with its predictions if the answer came first."""
        half = await self._read("unfit", lambda: count_request(table, self._compiled, event.field))
        start = self._compiled.timing.pane_start(time)
        if event.key is None or event.identity is None:
            return self._counted(half, await self._add(start, half))
        mark = Mark("request", event.identity, self._digest, half.rows, start, self._compiled.timing.pane)
        receipt = await self._add(start, half, key_of(event.key), mark.dumps())
        if not receipt.conflict:
            return self._counted(half, receipt)
        first = Mark.loads(receipt.used)
        if first.side == "request" and first.identity == event.identity:  # again, and by another profile or clock
            return Counted("duplicate", half)
        if first.side == "answer" and first.digest == self._digest and first.rows == half.rows:
            both = first.answered(half, self._compiled.profile.bins)
            receipt = await self._add(start, both, key_of(event.key, "request after answer"), event.identity)
            if not receipt.conflict:
                if not receipt.duplicate:
                    self._context.metrics.add("call_events", self._model, "late" if receipt.late else "joined")
                return self._counted(both, receipt)
        # a client that uses one id for many calls: the rows count, and nobody can say which answer is theirs
        return self._counted(half, await self._add(start, half, key_of(event.identity), event.identity))

    async def _rows_of_answer(self, event: PayloadEvent, table: PayloadTable, time: Milliseconds) -> Counted:
        half = await self._read("unfit", lambda: count_answer(table, self._compiled, event.field, self._of_class))
        start = self._compiled.timing.pane_start(time)
        key = None if event.identity is None else key_of(event.identity)
        return self._counted(half, await self._add(start, half, key, event.identity or b""))

    async def _answer(self, event: PayloadEvent, table: PayloadTable) -> Counted:
        """Correct the rows of the request, or leave the correction in the store for when the request comes."""
        half = await self._read("unfit", lambda: correct(table, self._compiled, event.field, self._of_class))
        if event.key is None or event.identity is None:
            return Counted("alone", half)
        mark = Mark.of_answer(event.identity, self._digest, half)
        waiting = AddRows(*self._who, (), SourceTotals(), key_of(event.key), mark.dumps(), key_life=CALL_LIFE)
        receipt = await self._context.committer.commit(waiting)
        if not receipt.conflict:
            return Counted("duplicate" if receipt.duplicate else "waiting", half)
        first = Mark.loads(receipt.used)
        if first.side == "answer":
            return Counted("duplicate" if first.identity == event.identity else "alone", half)
        if first.rows != half.rows:
            expected = f"{first.rows} predictions, one for each row of the request"
            raise _RefusalError("unfit", InputError(event.field, expected, str(half.rows)))
        compiled = self._compiled
        if first.digest != self._digest:  # another profile came between request and answer
            compiled = await self._context.compiled(self._model, first.digest)
            half = await self._read("unfit", lambda: correct(table, compiled, event.field, self._of_class))
        receipt = await self._context.committer.commit(
            AddRows(
                self._model,
                first.digest,
                self._context.source,
                ((first.start, half.summary),),
                SourceTotals(0, 0, {}, half.unreadable),
                key_of(event.key, "answer after request"),
                event.identity,
                length=first.length,
                key_life=CALL_LIFE,
            )
        )
        if receipt.duplicate or receipt.conflict:
            return Counted("duplicate" if receipt.duplicate else "alone", half)
        self._context.metrics.unreadable(self._model, compiled.profile, half.unreadable)
        return Counted("late" if receipt.late else "joined", half)

    async def _add(
        self,
        start: Milliseconds,
        half: Half,
        key: str | None = None,
        fingerprint: bytes = b"",
    ) -> Receipt:
        totals = SourceTotals(half.rows, half.rows, {}, half.unreadable)
        length = self._compiled.timing.pane
        write = AddRows(*self._who, ((start, half.summary),), totals, key, fingerprint, None, length, CALL_LIFE)
        return await self._context.committer.commit(write)

    def _counted(self, half: Half, receipt: Receipt) -> Counted:
        if receipt.duplicate or receipt.conflict:
            return Counted("duplicate", half)
        self._context.metrics.count(self._model, receipt)
        self._context.metrics.unreadable(self._model, self._compiled.profile, half.unreadable)
        return Counted("rows", half, receipt.late)

    @property
    def _digest(self) -> str:
        return self._compiled.profile.digest

    @property
    def _who(self) -> tuple[str, str, str]:
        return self._model, self._digest, self._context.source

    def _complain(self, counted: Counted) -> None:
        warn, model = self._context.complaints.warn, self._model
        if counted.fault is not None:
            reason = (model, _FIGURES.sub("0", counted.fault.expected)[:100])  # every shape has figures of its own
            warn(_log, reason, "model %s: an event cannot be counted: %s", model, counted.fault)
        elif counted.outcome == "alone":
            why = "it has no id, or other calls have the same one"
            warn(_log, (model, "alone"), "model %s: the request of an answer cannot be told: %s", model, why)
