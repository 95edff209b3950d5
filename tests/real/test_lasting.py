"""A lasting change of a real column is one incident, from its first moment until it is repaired."""

from __future__ import annotations

import numpy as np
import pytest

from driftmeter.backtest import backtest
from driftmeter.timestamps import DAY
from tests.real.faults import FAULTS
from tests.real.outcomes import PANE, outcome
from tests.real.sets import SETS, real_set


@pytest.mark.parametrize("name", SETS)
def test_nothing_pages_on_rows_without_a_fault(name: str) -> None:
    rows = real_set(name)
    assert list(backtest(rows.profile, rows.live, rows.times, pane=PANE)) == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_lasting_change_is_one_page_and_is_closed_after_its_repair(name: str) -> None:
    fault, told = FAULTS[name], outcome(name)
    _, repaired = fault.bounds
    (page,), (closed,) = told.pages, told.closed
    assert {alarm.incident for alarm in told.alarms} == {page.incident}
    assert fault.column in {alarm.feature for alarm in told.alarms}
    assert repaired < closed <= repaired + fault.closed * DAY
    assert all(incident.closed is not None for incident in told.incidents)


@pytest.mark.parametrize("name", FAULTS)
def test_it_is_found_within_the_rows_that_it_needs(name: str) -> None:
    fault, told = FAULTS[name], outcome(name)
    rows = int(np.searchsorted(fault.set.times, told.pages[0].at) - fault.during(fault.live).arg_true()[0])
    assert 0 < rows <= fault.found


@pytest.mark.parametrize("name", FAULTS)
def test_its_since_is_within_two_panes_of_the_first_changed_row(name: str) -> None:
    fault, told = FAULTS[name], outcome(name)
    since = told.alarm_of(fault.column).since
    assert abs(since - fault.first // PANE * PANE) <= 2 * PANE


def test_the_range_of_an_onset_mostly_holds_the_first_changed_row() -> None:
    held = []
    for name, fault in FAULTS.items():
        member = outcome(name).incidents[-1].members[fault.column]
        held.append(member.earliest <= fault.first < member.latest + PANE)
    assert np.mean(held) >= 0.85
