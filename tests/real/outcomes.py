"""What a backtest tells of each fault."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from driftmeter.backtest import Course, Event, History
from driftmeter.panes.windows import Window
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import HOUR
from driftmeter.types import Milliseconds
from driftmeter.verdict.incidents import Incident
from driftmeter.verdict.verdict import Verdict
from tests.real.faults import FAULTS, Fault
from tests.real.sets import TIME

PANE = HOUR


@dataclass(frozen=True)
class Outcome:
    """The events of a backtest, the incidents at its end, and the verdict after the last pane of the fault."""

    events: list[Event]
    incidents: Sequence[Incident]
    verdict: Verdict

    @property
    def alarms(self) -> list[Event]:
        """The first alarm of each feature in each incident."""
        return [event for event in self.events if event.event == "alarm"]

    @property
    def pages(self) -> list[Event]:
        """The alarms that paged somebody."""
        return [event for event in self.events if event.pages]

    @property
    def closed(self) -> list[Milliseconds]:
        """When incidents closed."""
        return sorted({event.at for event in self.events if event.event == "closed"})

    def alarm_of(self, column: str) -> Event:
        """Return the first alarm of a column itself."""
        return next(alarm for alarm in self.alarms if alarm.feature == column)


@functools.cache
def outcome(name: str) -> Outcome:
    """Judge the rows with a fault."""
    fault = FAULTS[name]
    history = History.of(fault.set.profile, fault.live, fault.set.times, pane=PANE)
    course = Course(fault.set.profile, ModelSettings())
    panes = [pane for batch in history.batches() for pane in batch]
    during = [pane for pane in panes if pane.end <= fault.bounds[1]]
    course.take(during)
    last = during[-1]
    verdict = course.judge.verdict(course.state, Window(last.start, last.end, 1, last.summary))
    course.take(panes[len(during) :])
    return Outcome(course.events, course.state.incidents, verdict)


def window_of(fault: Fault, alarm: Event) -> pl.DataFrame:
    """Return the rows that an alarm tells of: as many as it says, up to its moment."""
    rows = re.search(r", over ([\d,]+) rows? in ", alarm.why or "")
    assert rows is not None, alarm
    return fault.live.filter(pl.col(TIME) < alarm.at)[-int(rows[1].replace(",", "")) :]
