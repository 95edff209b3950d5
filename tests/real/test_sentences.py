"""Each sentence on a real column says what the raw rows say: direction, numbers, shares, names, rows and span."""

from __future__ import annotations

import polars as pl
import pytest

from driftmeter.backtest import Event
from driftmeter.report import compare
from driftmeter.timestamps import DAY, HOUR
from driftmeter.verdict.verdict import FeatureVerdict
from tests.real.faults import FAULTS
from tests.real.outcomes import PANE, outcome, window_of
from tests.real.sets import TIME
from tests.support.told import Told, check

OFF = {"weather: pressure too low": 0.15}
"""By what part of how far it moved a mean is off where most values come to lie in the outermost bins; else by 0.05."""


def told_of(told: Event | FeatureVerdict) -> Told:
    """Take a sentence apart, without what it says of the reference's windows."""
    assert told.why is not None
    return Told.by_sentence(told.why.split("; in no such window")[0].rstrip(".") + ".")


@pytest.mark.parametrize("name", FAULTS)
def test_an_alarm_tells_what_the_raw_rows_say(name: str) -> None:
    fault = FAULTS[name]
    alarm = outcome(name).alarm_of(fault.column)
    told = told_of(alarm)
    rows = window_of(fault, alarm)
    check(told, fault.set.reference[fault.column], rows[fault.column], off=OFF.get(name, 0.05))
    assert (told.names is not None) == (told.what == "categories never seen before")


@pytest.mark.parametrize("name", FAULTS)
def test_its_rows_are_whole_panes_and_its_span_is_their_time(name: str) -> None:
    fault = FAULTS[name]
    alarm = outcome(name).alarm_of(fault.column)
    told = told_of(alarm)
    first = window_of(fault, alarm)[TIME][0] // PANE * PANE
    before = fault.live.filter(pl.col(TIME) < alarm.at)[: -told.rows]
    assert before[TIME][-1] < first
    number, unit = (told.span or "").split()
    length = (alarm.at - first) / {"h": HOUR, "days": DAY}[unit]
    assert number == f"{length:.3g}"


@pytest.mark.parametrize("name", FAULTS)
def test_a_check_of_the_rows_at_fault_tells_what_they_say(name: str) -> None:
    fault = FAULTS[name]
    rows = fault.live.filter(fault.during(fault.live))
    verdicts = {v.feature: v for v in compare(fault.set.profile, rows.drop(TIME)).verdict.features}
    assert verdicts[fault.column].drifting
    told = told_of(verdicts[fault.column])
    check(told, fault.set.reference[fault.column], rows[fault.column], off=OFF.get(name, 0.05))
    assert (told.rows, told.span) == (len(rows), None)
