"""Backtest: the live judge goes through a history, pane by pane; what it says when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from driftmeter.backtest.history import History, PaneChoice
from driftmeter.backtest.inject import Fault
from driftmeter.data.time_columns import Times
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, iso
from driftmeter.types import JSON, Milliseconds, Role
from driftmeter.verdict import sentences
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.verdict import round10

MONTH: Milliseconds = 30 * DAY


@dataclass(frozen=True)
class Event:
    """A feature that alarmed, or whose incident closed, at the end of a pane.

    `since` is when what alarmed began; `pages` marks the alarm that opened an incident, which is the page that
    somebody would have got. `effect`, `evidence`, `severity` and `why` are None where an incident closed.
    """

    event: Literal["alarm", "closed"]
    feature: str
    role: Role
    at: Milliseconds
    since: Milliseconds
    effect: float | None = None
    evidence: float | None = None
    severity: str | None = None
    why: str | None = None
    incident: str | None = None
    pages: bool = False

    def to_json(self) -> JSON:
        """The public words; times in ISO 8601."""
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
class Seen:
    """When an injected fault was first seen by an alarm of its column: at `at`, after `rows` rows and `delay` ms.

    All are None where it never was. `already` is since when the column was alarming before the fault came: what
    the fault adds to that can't be told.
    """

    fault: Fault
    starts: Milliseconds
    at: Milliseconds | None = None
    rows: int | None = None
    already: Milliseconds | None = None

    @property
    def delay(self) -> Milliseconds | None:
        """How long it took, in ms."""
        return None if self.at is None else self.at - self.starts

    def to_json(self) -> JSON:
        """Plain JSON; times in ISO 8601, the delay in seconds."""
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
    """One judge on its way through a history, and what it has said so far."""

    profile: Profile
    settings: ModelSettings
    events: list[Event] = field(default_factory=list)
    pages: list[Milliseconds] = field(default_factory=list)
    """When incidents opened."""

    def __post_init__(self) -> None:
        """Start the judge."""
        self._judge = Judge(self.profile, self.settings)
        self._state = self._judge.start()
        self._recent: list[Slice] = []
        self._rows = 0
        self._place = {feature.name: place for place, feature in enumerate(self.profile.features)}

    @property
    def silent(self) -> str | None:
        """Say why nothing can page by this profile, None where something can."""
        if self._judge.calibrated:
            return None
        calibration = self.profile.calibration
        if calibration is not None:
            return sentences.too_few_days(calibration.covered)
        return sentences.NO_ORDER_OF_TIME if self.profile.time is None else sentences.REFERENCE_TOO_SHORT

    def take(self, pane: Slice) -> list[Event]:
        """Fold one pane; return what that made happen."""
        self._remember(pane)
        self._state, step = self._judge.step(self._state, pane)
        fresh = {incident.id for incident in step.opened}
        self.pages += [incident.opened for incident in step.opened]
        events = []
        for alarm in step.alarms:
            events.append(
                Event(
                    "alarm",
                    alarm.feature,
                    alarm.role,
                    alarm.at,
                    alarm.since,
                    self._effect(alarm.feature),
                    alarm.evidence,
                    alarm.severity,
                    alarm.why,
                    alarm.incident,
                    alarm.incident in fresh,
                )
            )
            fresh.discard(alarm.incident)
        for incident in step.closed:
            at = pane.end if incident.closed is None else incident.closed
            events += [
                Event("closed", name, member.role, at, member.since, incident=incident.id)
                for name, member in sorted(incident.members.items())
            ]
        self.events += events
        return events

    def _remember(self, pane: Slice) -> None:
        """Keep the panes of the window that is shown, and no more."""
        self._recent.append(pane)
        self._rows += pane.summary.rows
        setting = self.settings.window
        while len(self._recent) > 1 and setting.reached(
            self._rows - self._recent[0].summary.rows, self._recent[0].start, pane.end
        ):
            self._rows -= self._recent.pop(0).summary.rows

    def _effect(self, feature: str) -> float:
        """Return a feature's effect as the verdict of this moment says it: of the window that is shown."""
        window = self.settings.window.select(self._recent, self.profile.bins)
        return self._judge.scorer.scores(window.summary.counts)[self._place[feature]].effect

    @property
    def alarms(self) -> int:
        """How often a feature alarmed."""
        return sum(event.event == "alarm" for event in self.events)

    def pages_per_month(self, start: Milliseconds, end: Milliseconds) -> float | None:
        """Return the pages per 30 days from `start` to `end`; None where that is no time at all."""
        if end <= start:
            return None
        return sum(start <= opened <= end for opened in self.pages) * MONTH / (end - start)

    def seen(self, fault: Fault, history: History) -> Seen:
        """Return when an injected fault was first seen, by an alarm of a feature of its column."""
        names = {feature.name for feature in self.profile.features if feature.column == fault.column}
        starts = history.starts(fault)
        own = [event for event in self.events if event.feature in names]
        already: dict[str, Milliseconds] = {}
        for event in own:
            if event.at <= starts:
                already.pop(event.feature, None)
                if event.event == "alarm":
                    already[event.feature] = event.at
        before = min(already.values(), default=None)
        for event in own:
            if event.event == "alarm" and event.at > starts and (fault.until is None or event.since < fault.until):
                return Seen(fault, starts, event.at, history.rows_between(starts, event.at), before)
        return Seen(fault, starts, already=before)


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
    """Yield what would have alarmed on a history, by the code that runs live.

    `frame` is a pandas, polars or pyarrow frame in order of `times` (rows,), milliseconds since the epoch;
    the panes hold `pane` ms. Raises InputError as `History.of`.
    """
    history = History.of(profile, frame, times, pane=pane, faults=faults, seed=seed)
    course = Course(profile, settings or ModelSettings())
    for each in history.slices():
        yield from course.take(each)
