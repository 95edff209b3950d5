"""What the background thread does: rows from the buffer into the books, and the books to the metric tier.

It holds no thread and no schedule; `monitor` calls `drain` and `exchange` from one thread, and time is what the
clock says.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from driftmeter.client.buffer import Buffer
from driftmeter.client.faults import Faults
from driftmeter.client.intake import COMPILING, TIMESTAMP, Intake, TypedBatch, describe_name
from driftmeter.client.ledger import Ledger
from driftmeter.client.servertime import ServerTime
from driftmeter.client.transport import JSON_TYPE, PANE_TYPE, Answer, AwayError, Transport, model_path
from driftmeter.client.unread import Unread
from driftmeter.data.rejected import Rejected
from driftmeter.errors import InputError, ProfileFormatError
from driftmeter.panes.codec import encode_pane
from driftmeter.panes.pane import Pane, PaneKey
from driftmeter.panes.timing import Timing
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.profile.profile import Profile
from driftmeter.types import JSON, Milliseconds

CHUNK = 256
"""Rows per step: a millisecond of work, so that predictions seldom wait for the interpreter."""
BREATH = 0.0005
"""Seconds between steps in which other threads surely get their turn."""
HEARTBEAT = 15.0
"""Seconds without a report after which a source that once reported says that it lives."""
FAREWELL = 1.0
"""Seconds, at most, for the word that the source goes: nothing is lost with it."""
KEEP: Milliseconds = 10_000
"""How long after its lateness a pane is kept for rows that come later still."""
ENOUGH = 100
"""Rows after which a column that none of them had is missed."""
_MOST_NAMED = 5

# The answer is about who asks or when, not about the data: the same request may well succeed later.
_LATER = frozenset([401, 403, 408, 425, 429])


class Worker:
    """The state of one source: profile, timing, the server's time, ledger, rows that wait for these."""

    def __init__(
        self,
        buffer: Buffer,
        transport: Transport,
        *,
        model: str,
        profile: Profile | None,
        source: str,
        max_bytes: int,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        """Start with empty books; nothing is sent yet."""
        self.buffer, self.transport, self.model, self.clock = buffer, transport, model, clock
        self.ledger = Ledger(source, max_bytes * 3 // 4)
        self.faults = Faults(model, clock)
        self.deadline: float | None = None
        """Local time by which all requests must end, where the monitor is closing."""
        self.over = False
        """Whether nothing will ever be sent again: what waits is lost."""
        self.requests = self.failures = self.ignored_values = self.ignored_predictions = 0
        self.unreadable_values = 0
        self._unread = Unread()
        self._own = profile
        self._intake: Intake | None = None
        self._timing: Timing | None = None
        self._time = ServerTime()
        self._outdated = True
        self._heard: float | None = None  # when the server last took a pane, or refused to hear that we live
        self._typed: deque[TypedBatch] = deque()
        self._typed_rows = self._typed_bytes = 0
        self._max_bytes, self._timeout = max_bytes, timeout
        self._seen = {"buffer_full": 0, "invalid": 0}
        self._lock = threading.Lock()  # between the background thread and `stats`, never `observe`

    @property
    def waiting(self) -> int:
        """Rows that are in no pane yet."""
        return len(self.buffer) + self._typed_rows

    @property
    def known(self) -> bool:
        """Whether the server has ever taken a report."""
        return self._heard is not None

    @property
    def settled(self) -> bool:
        """Whether every row is acknowledged or given up, and the server knows of the losses."""
        with self._lock:
            self._book_drops()
            return not self.waiting and not self.ledger.unsent() and self.ledger.reported

    def stats(self) -> dict[str, int]:
        """Return counts since the start; `observed` is `counted` + `dropped` + `waiting`."""
        with self._lock:
            self._book_drops()
            ledger = self.ledger
            dropped = {f"dropped_{reason}": rows for reason, rows in ledger.dropped.items()}
            waiting = self.waiting + ledger.counted - ledger.acknowledged
            # no pane will ever carry these
            dropped["dropped_closed"] = self.buffer.closed.value() + (waiting if self.over else 0)
            waiting = 0 if self.over else waiting
            return {
                "observed": ledger.acknowledged + sum(dropped.values()) + waiting,
                "counted": ledger.acknowledged,
                "waiting": waiting,
                "dropped": sum(dropped.values()),
                **dropped,
                "late": ledger.late,
                "unreadable_values": self.unreadable_values,
                "ignored_values": self.ignored_values,
                "ignored_predictions": self.ignored_predictions,
                "panes": len(ledger),
                "requests": self.requests,
                "failures": self.failures,
            }

    def unreadable(self) -> dict[str, dict[str, object]]:
        """Return what could not be read, by field."""
        with self._lock:
            self._book_drops()
            return self._unread.to_json()

    def drain(self) -> None:
        """Type the rows that are in the buffer now and count them, as far as profile and timing are known."""
        if self._intake is None and self._own:
            with COMPILING:
                self._intake = Intake(self._own)
        intake, left = self._intake, len(self.buffer)
        while intake and left > 0 and not self._crowded():
            with self._lock:
                raw = self.buffer.take(CHUNK)
                left -= len(raw)
                self.buffer.weigh(raw[-1])
                batch = intake.read(raw)
                self.ignored_values += batch.ignored_values
                self.ignored_predictions += batch.ignored_predictions
                if batch.invalid:
                    self.ledger.drop("invalid", batch.invalid)
                if batch.first:
                    self._note(batch)
                self._typed.append(batch)
                self._typed_rows += len(batch.rows)
                self._typed_bytes += batch.bytes
                self._count()
            if left > 0:
                time.sleep(BREATH)
        with self._lock:
            self._count()
            self._book_drops()
            used = self.ledger.bytes + self._typed_bytes
            if self.buffer.limit >= 0:
                self.buffer.fit(max(self._max_bytes - used, self._max_bytes // 4), self._typed_rows)
        self._speak()

    def last_words(self) -> None:
        """Name the fields that could not be read and that no warning has named yet; call it last."""
        with self._lock:
            self._book_drops()
            message = self._unread.say() if self._unread.unnamed else ""
        if message:
            self.faults.once("unread", message)

    def exchange(self) -> None:
        """Send what changed; raises AwayError where the tier can't take it now."""
        if self._outdated:
            self._fetch()
        self.drain()
        self._report()
        for key in self.ledger.unsent():
            self._send(key)
            if self._outdated:
                self._fetch()
            self.drain()
        if self._timing:
            with self._lock:
                self.ledger.forget(self._time.at(self.clock()) - self._timing.lateness - KEEP)
        if self._heard is not None and self.deadline is None and self.clock() - self._heard >= HEARTBEAT:
            self._say()

    def say_goodbye(self) -> None:
        """Tell a tier that has heard of the source that it goes; call it last, where everything is `settled`."""
        if self._heard is None:
            return
        end = self.clock() + FAREWELL
        self.deadline = end if self.deadline is None else min(self.deadline, end)
        with suppress(AwayError):
            self._say(final=True)

    def _note(self, batch: TypedBatch) -> None:
        """Keep what of a batch could not be read."""
        for name, rejected in batch.first.items():
            self._unread.note(rejected, batch.unreadable.get(name, 0) + batch.refused.get(name, 0))
        self.unreadable_values += sum(batch.unreadable.values())

    def _speak(self) -> None:
        """Warn of what cannot be read, and of columns that do not match the profile's; seldom."""
        with self._lock:
            message = self._unread.say() if self._unread.unsaid and self.faults.may("unread") else ""
        if message:
            self.faults.warn("unread", message)
        if self.buffer.remark:
            self.faults.warn("remark", self.buffer.remark)
            self.buffer.remark = ""
        intake = self._intake
        if intake is None or intake.rows < ENOUGH:
            return
        unknown = ", ".join(intake.unknown)
        if intake.absent:
            names = ", ".join(map(describe_name, sorted(intake.absent)[:_MOST_NAMED]))
            more = f" and {len(intake.absent) - _MOST_NAMED:,} more" if len(intake.absent) > _MOST_NAMED else ""
            others = f"; columns came that the profile does not know, such as {unknown}" if unknown else ""
            self.faults.once(
                f"absent {intake.digest}",
                f"none of the first {intake.rows:,} rows had the columns {names}{more}{others}",
            )
        if unknown:
            message = f"columns that the profile does not know are ignored, such as {unknown}"
            self.faults.once(f"unknown {intake.digest}", message, level=logging.INFO)
        if self.ignored_predictions:
            message = "predictions are ignored: the profile has no prediction column"
            self.faults.once(f"predictions {intake.digest}", message, level=logging.INFO)

    def _crowded(self) -> bool:
        """Whether typed rows that wait for the timing take all the room that they may."""
        return self._typed_rows >= self.buffer.most_rows or self._typed_bytes >= self._max_bytes * 3 // 4

    def _count(self) -> None:
        if not (self._intake and self._timing and self._time.offset is not None):
            return
        digest, length = self._intake.digest, self._timing.pane
        now = self._time.at(self.clock())
        while self._typed:
            batch = self._typed.popleft()
            self._typed_rows -= len(batch.rows)
            self._typed_bytes -= batch.bytes
            try:
                counted = list(self._intake.count(batch, self._timing, self._time.offset, now))
            except Exception:
                # whatever is wrong with it, it must neither be counted in part nor stop all that follow
                self.ledger.drop("invalid", len(batch.rows))
                raise
            for start, summary in counted:
                if start is None:
                    self.ledger.drop("future", summary.rows)
                    expected = f"a time at most {MAX_AHEAD // 1000} s ahead of the server"
                    self._unread.note(Rejected(0, TIMESTAMP, expected, "a later one"), summary.rows)
                else:
                    unreadable = self._intake.unreadable_in(summary) if batch.unreadable else None
                    self.ledger.add(PaneKey(start, length, digest), summary, unreadable)

    def _book_drops(self) -> None:
        """Take over what `observe` had to drop."""
        for reason, tally in (("buffer_full", self.buffer.full), ("invalid", self.buffer.invalid)):
            value = tally.value()
            if value > self._seen[reason]:
                self.ledger.drop(reason, value - self._seen[reason])
                if reason == "invalid":
                    self._unread.note(Rejected(0, "", *self.buffer.refused), value - self._seen[reason])
                self._seen[reason] = value

    def _report(self) -> None:
        """See to it that losses are reported even where no row was counted."""
        if self._intake and self._timing:
            with self._lock:
                self.ledger.report(self._current(self._intake, self._timing), self._intake.profile.bins)

    def _current(self, intake: Intake, timing: Timing) -> PaneKey:
        """Return the pane of now."""
        return PaneKey(timing.pane_start(self._time.at(self.clock())), timing.pane, intake.digest)

    def _say(self, *, final: bool = False) -> None:
        """Say that the source lives, or goes; raises AwayError where the tier can't take it now."""
        if not (self._intake and self._timing):
            return
        with self._lock:
            key = self._current(self._intake, self._timing)
            pane = self.ledger.sign_of_life(key, self._intake.profile.bins, final=final)
        if pane is None:
            return
        answer = self._put(pane)
        self._heard = self.clock()
        # a tier that knows nothing of the model (any more) is told when there are rows for it
        if not answer.ok and answer.status != 404:
            self._outdated = True
            self.faults.warn("refused", f"the metric server refused a pane without new rows: {answer.describe()}")

    def _send(self, key: PaneKey) -> None:
        """Send one pane; the ledger knows what became of it."""
        with self._lock:
            pane = self.ledger.pane(key)
        if pane is None:  # it made room for a newer one meanwhile
            return
        answer = self._put(pane)
        if answer.status == 404 and self._register(pane.digest):
            answer = self._put(pane)
        if answer.ok:
            return
        with self._lock:
            lost = self.ledger.refuse(key)
        self._outdated = True  # perhaps the timing is not what we think
        self.faults.warn("refused", f"the metric server refused a pane, {lost} rows are lost: {answer.describe()}")

    def _put(self, pane: Pane) -> Answer:
        """Put one pane and book it where it was taken; else the server refuses it. Raises AwayError on all else."""
        path = model_path(self.model, "panes", str(pane.start), pane.source)
        answer = self._request("PUT", path, encode_pane(pane), PANE_TYPE)
        if answer.ok:
            content = answer.json()
            late = content.get("late")
            with self._lock:
                self.ledger.acknowledge(pane, late if isinstance(late, int) else 0)
            self._heard = self.clock()
            self._learn(content, answer)
        elif answer.status == 404 and not answer.problem:
            raise AwayError(f"no metric server there: {answer.describe()}")
        elif not 400 <= answer.status < 500 or answer.status in _LATER:
            raise answer.away()
        return answer

    def _fetch(self) -> None:
        """Learn the model's profile and timing, or register our own profile; raises AwayError without either."""
        answer = self._request("GET", model_path(self.model, "profile"), None, "")
        if answer.status == 404 and answer.problem:
            if self._own is None:
                raise AwayError(f"model {self.model!r} has no profile yet: register one, or give one to Monitor")
            if not self._register(self._own.digest):
                raise AwayError("the metric server refused the profile")
            return
        if not answer.ok:
            raise answer.away()
        headers = answer.headers
        content: JSON = {
            "digest": headers.get("driftmeter-digest"),
            "time_ms": headers.get("driftmeter-time"),
            "pane_ms": headers.get("driftmeter-pane"),
            "lateness_ms": headers.get("driftmeter-lateness"),
        }
        self._learn(content, answer)
        if self._own is None and (self._intake is None or self._intake.digest != content["digest"]):
            try:
                with COMPILING:
                    intake = Intake(Profile.loads(answer.body))
            except ProfileFormatError as error:
                raise AwayError(f"the metric server's profile can't be read: {error}") from error
            with self._lock:
                self._count()
                self._intake = intake
        self._outdated = False

    def _register(self, digest: str) -> bool:
        """Register our own profile if it is the one meant; say whether it is there now.

        Many sources may do so at once: the same profile again changes nothing.
        """
        if self._own is None or self._own.digest != digest:
            self._outdated = True
            return False
        answer = self._request("PUT", model_path(self.model, "profile"), self._own.dumps(), JSON_TYPE)
        if answer.ok:
            self._learn(answer.json(), answer)
            self._outdated = False
            return True
        if not 400 <= answer.status < 500 or answer.status in _LATER:
            raise answer.away()
        self.faults.warn("refused", f"the metric server refused the profile: {answer.describe()}")
        return False

    def _learn(self, content: JSON, answer: Answer) -> None:
        """Take timing, time and active digest from an answer."""
        try:
            server = int(content["time_ms"])
            timing = Timing(int(content["pane_ms"]), int(content["lateness_ms"]))
            digest = str(content["digest"])
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise AwayError(f"no answer of a metric server: {type(error).__name__}: {error}") from error
        with self._lock:
            self._time.sample(answer.sent, answer.received, server)
            self._timing = timing
        if self._own is None and self._intake and digest != self._intake.digest:
            self._outdated = True

    def _request(self, method: str, path: str, body: bytes | None, content_type: str) -> Answer:
        timeout = self._timeout
        if self.deadline is not None:
            timeout = min(timeout, self.deadline - self.clock())
            if timeout <= 0:
                raise AwayError("out of time")
        self.requests += 1
        return self.transport(method, path, body, content_type, timeout)
