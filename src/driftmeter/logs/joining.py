"""Joining: requests, answers and labels that come as records of their own, brought together by their key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from driftmeter.logs.events import LogEvent
from driftmeter.logs.tally import RecordTally

MOST_WAITING = 50_000
"""Events that wait for their other part: the memory of a log of any length is that of so many."""


@dataclass
class RecordJoiner:
    """Joins events of one key, in whichever order they come; keeps at most `most` that wait, and the oldest goes first.

    An event of which `parts` parts are there is complete. What waits no longer is a request without its answer, which
    counts without a prediction, or an answer without its request, which is left out: it has no features.
    """

    tally: RecordTally
    answers: bool = True
    """Whether a prediction is waited for."""
    labels: bool = False
    """Whether a label is waited for."""
    most: int = MOST_WAITING
    alone: int = 0
    """Requests whose answer did not come."""
    _waiting: dict[str, LogEvent] = field(default_factory=dict)

    def add(self, event: LogEvent) -> Iterator[LogEvent]:
        """Take an event; yield those that are complete now, or wait no longer."""
        if event.key is None or self._complete(event):
            yield from self._given_up(event) if not self._complete(event) else [event]
            return
        known = self._waiting.pop(event.key, None)
        if known is not None:
            if self._repeats(known, event):  # a client that sends its key again
                yield from self._given_up(known)
            else:
                event = _merged(known, event)
        if self._complete(event):
            yield event
            return
        self._waiting[str(event.key)] = event
        if len(self._waiting) > self.most:
            oldest = next(iter(self._waiting))
            yield from self._given_up(self._waiting.pop(oldest))

    def rest(self) -> Iterator[LogEvent]:
        """Yield the events that still wait."""
        while self._waiting:
            yield from self._given_up(self._waiting.pop(next(iter(self._waiting))))

    def notes(self) -> Iterator[str]:
        """Yield a sentence on requests whose answer did not come, if there were any."""
        if self.alone:
            yield f"{self.alone:,} requests have no answer in the log: their predictions count as missing"

    def _complete(self, event: LogEvent) -> bool:
        answered = event.predictions is not None or not self.answers
        return event.features is not None and answered and (event.labels is not None or not self.labels)

    def _given_up(self, event: LogEvent) -> Iterator[LogEvent]:
        if event.features is None:
            what = "an answer" if event.predictions is not None else "a label"
            self.tally.leave_out(event.where, f"{what} without its request")
            return
        self.alone += self.answers and event.predictions is None
        yield event

    @staticmethod
    def _repeats(known: LogEvent, event: LogEvent) -> bool:
        return any(
            one is not None and other is not None
            for one, other in (
                (known.features, event.features),
                (known.predictions, event.predictions),
                (known.labels, event.labels),
            )
        )


def _merged(known: LogEvent, event: LogEvent) -> LogEvent:
    """Return one event of both: the time is that of the request."""
    request, other = (known, event) if known.features is not None else (event, known)
    return LogEvent(
        request.where,
        request.key,
        request.time if request.time is not None else other.time,
        request.features,
        request.predictions if request.predictions is not None else other.predictions,
        request.labels if request.labels is not None else other.labels,
    )
