"""Backtest: the live judge goes through a history, pane by pane, and reports what alarms when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from driftmeter.backtest.history import History, PaneChoice
from driftmeter.backtest.inject import Fault
from driftmeter.data.time_columns import Times
from driftmeter.panes.kept import KeptSlices
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR, iso
from driftmeter.types import JSON, Milliseconds, Role
from driftmeter.verdict import sentences
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.judge_state import JudgeState
from driftmeter.verdict.members import LOOK_BACK
from driftmeter.verdict.severity import Severity
from driftmeter.verdict.step import Step
from driftmeter.verdict.verdict import round10

MONTH: Milliseconds = 30 * DAY


@dataclass(frozen=True)
class Event:
    """A feature that alarmed, or whose incident closed, at the end of a pane.

    `since` is when the drift began; `pages` marks an alarm that opened or reopened an incident and would have paged
    somebody. `effect`, `evidence`, `severity` and `why` are of the window that alarmed, None where an incident closed.
    `incident` is None where an alarm is below the severity from which on the model pages.
    """

    event: Literal["alarm", "closed"]
    feature: str
    role: Role
    at: Milliseconds
    since: Milliseconds
    effect: float | None = None
    evidence: float | None = None
    severity: Severity | None = None
    why: str | None = None
    incident: str | None = None
    pages: bool = False

    def to_json(self) -> JSON:
        """Return plain JSON: times in ISO 8601, numbers rounded so that all processors agree."""
        return {
            "event": self.event,
            "feature": self.feature,
            "role": self.role,
            "at": iso(self.at),
            "since": iso(self.since),
            "effect": round10(self.effect),
            "evidence": None if self.evidence is None else round(self.evidence, 3),
            "severity": self.severity,
            "why": self.why,
            "incident": self.incident,
            "pages": self.pages,
        }


@dataclass(frozen=True)
class FaultDetection:
    """When an injected fault was first seen, by an alarm of its column: at `at`, after `rows` rows and `delay` ms.

    All three are None where it never was. `starts` is the time of the first row with the fault. `already` is the time
    since when the column was alarming before that, or None: what the fault adds to such an alarm is unknown.
    """

    fault: Fault
    starts: Milliseconds
    at: Milliseconds | None = None
    rows: int | None = None
    already: Milliseconds | None = None

    @property
    def delay(self) -> Milliseconds | None:
        """The time from the fault to its alarm, in ms."""
        return None if self.at is None else self.at - self.starts

    def to_json(self) -> JSON:
        """Return plain JSON: times in ISO 8601, the delay in seconds."""
        return {
            "fault": self.fault.text,
            "column": self.fault.column,
            "from": iso(self.starts),
            "seen": None if self.at is None else iso(self.at),
            "rows": self.rows,
            "seconds": None if self.delay is None else self.delay / 1000,
            "already": None if self.already is None else iso(self.already),
        }


@dataclass
class Course:
    """One judge's pass over a history: its state, and the events up to now.

    `pages` are the times at which incidents opened, or were reopened.
    """

    profile: Profile
    settings: ModelSettings
    events: list[Event] = field(default_factory=list)
    pages: list[Milliseconds] = field(default_factory=list)
    judge: Judge = field(init=False, repr=False)
    state: JudgeState = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Start the judge."""
        self.judge = Judge(self.profile, self.settings)
        self.state = self.judge.start()
        # an hour more: slices of an hour are dropped with their end, and asked for from a full hour on
        self._kept = KeptSlices(LOOK_BACK + HOUR)

    @property
    def silent(self) -> str | None:
        """Why nothing can page by this profile, as a sentence; None where features can page."""
        if self.judge.calibrated:
            return None
        calibration = self.profile.calibration
        if calibration is not None:
            return sentences.too_few_days(calibration.covered)
        return sentences.NO_ORDER_OF_TIME if self.profile.time is None else sentences.REFERENCE_TOO_SHORT

    def take(self, panes: Sequence[Slice]) -> list[Event]:
        """Judge the next panes; return the events that they brought. Many at once are judged faster."""
        events: list[Event] = []
        for index, state, step in self.judge.steps(self.state, panes, self._kept.since):
            self.state = state
            if step.alarms or step.closed:
                events += self._events(step, panes[index])
        self._kept.extend(panes)
        self.events += events
        return events

    def _events(self, step: Step, pane: Slice) -> list[Event]:
        unpaged = {incident.id for incident in (*step.opened, *step.reopened)}
        self.pages += [pane.end] * len(unpaged)
        events = []
        for alarm in step.alarms:
            events.append(
                Event(
                    event="alarm",
                    feature=alarm.feature,
                    role=alarm.role,
                    at=alarm.at,
                    since=alarm.since,
                    effect=alarm.effect,
                    evidence=alarm.evidence,
                    severity=alarm.severity,
                    why=alarm.why,
                    incident=alarm.incident,
                    pages=alarm.incident in unpaged,
                )
            )
            if alarm.incident is not None:
                unpaged.discard(alarm.incident)
        for incident in step.closed:
            at = pane.end if incident.closed is None else incident.closed
            events += [
                Event("closed", name, member.role, at, member.since, incident=incident.id)
                for name, member in sorted(incident.members.items())
            ]
        return events

    @property
    def alarms(self) -> int:
        """The number of alarms so far."""
        return sum(event.event == "alarm" for event in self.events)

    def pages_per_month(self, start: Milliseconds, end: Milliseconds) -> float | None:
        """Return the pages per 30 days from `start` to `end`, None where `end` is not after `start`."""
        if end <= start:
            return None
        return sum(start <= opened <= end for opened in self.pages) * MONTH / (end - start)

    def seen(self, fault: Fault, history: History) -> FaultDetection:
        """Return when an injected fault was first seen, by an alarm of a feature of its column."""
        names = {feature.name for feature in self.profile.features if feature.column == fault.column}
        starts = history.starts(fault)
        events = [event for event in self.events if event.feature in names]
        already: dict[str, Milliseconds] = {}
        for event in events:
            if event.at <= starts:
                already.pop(event.feature, None)
                if event.event == "alarm":
                    already[event.feature] = event.at
        before = min(already.values(), default=None)
        for event in events:
            if event.event == "alarm" and event.at > starts and (fault.until is None or event.since < fault.until):
                return FaultDetection(fault, starts, event.at, history.rows_between(starts, event.at), before)
        return FaultDetection(fault, starts, already=before)


def backtest(
    profile: Profile,
    frame: Any,
    times: Times,
    settings: ModelSettings | None = None,
    *,
    pane: PaneChoice = "auto",
    faults: Sequence[Fault] = (),
    seed: int = 0,
) -> Iterator[Event]:
    """Yield what would have alarmed on a history, judged by the code that runs live.

    `frame` is a pandas, polars or pyarrow frame in order of `times` (rows,), in ms since the epoch; panes are `pane` ms
    long. Faults draw at random by `seed`. Raises InputError as `History.of` does.
    """
    history = History.of(profile, frame, times, pane=pane, faults=faults, seed=seed)
    course = Course(profile, settings or ModelSettings())
    for panes in history.batches():
        yield from course.take(panes)
