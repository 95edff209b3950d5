"""What drifts in real columns is graded, never `none`, and its effect is that of the rows that alarm."""

from __future__ import annotations

import polars as pl
import pytest

from driftmeter.report import compare
from driftmeter.verdict.severity import MAJOR, MAJOR_RATE, MINOR, MINOR_RATE, rank
from tests.real.faults import FAULTS
from tests.real.outcomes import outcome, window_of
from tests.real.raw import index_between, new_share
from tests.real.sets import TIME


def worst_grade(before: pl.Series, after: pl.Series) -> int:
    """Return the rank of the worst severity that the raw rows allow."""
    effect, new = index_between(before, after), new_share(before, after)
    if effect >= MAJOR or new >= MAJOR_RATE:
        return rank("major")
    return rank("minor") if effect >= MINOR or new >= MINOR_RATE else rank("slight")


@pytest.mark.parametrize("name", FAULTS)
def test_no_alarm_has_no_severity_or_no_effect(name: str) -> None:
    for alarm in outcome(name).alarms:
        assert alarm.severity in ("slight", "minor", "major"), alarm
        assert (alarm.effect or 0) >= 0.01, alarm


@pytest.mark.parametrize("name", FAULTS)
def test_at_the_end_of_a_fault_its_column_drifts_and_only_what_drifts_has_a_severity(name: str) -> None:
    verdict = outcome(name).verdict
    assert FAULTS[name].column in {feature.feature for feature in verdict.features if feature.drifting}
    for feature in verdict.features:
        assert feature.drifting == (feature.severity != "none"), feature
        assert feature.effect >= 0.01 or not feature.drifting, feature


@pytest.mark.parametrize("name", FAULTS)
def test_an_alarm_s_effect_and_severity_are_those_of_the_rows_that_it_tells_of(name: str) -> None:
    fault = FAULTS[name]
    alarm = outcome(name).alarm_of(fault.column)
    before, after = fault.set.reference[fault.column], window_of(fault, alarm)[fault.column]
    raw, effect = index_between(before, after), alarm.effect or 0
    if "of the rows" in (alarm.why or "") and "range" not in (alarm.why or ""):
        assert 0.7 * raw <= effect <= 1.5 * raw
    else:
        # scores of ranks see a part of what the index sees
        assert 0.1 * raw <= effect <= 2.2 * raw
    assert rank(alarm.severity or "none") <= worst_grade(before, after)


@pytest.mark.parametrize("name", FAULTS)
def test_a_check_shows_the_effect_of_its_rows(name: str) -> None:
    fault = FAULTS[name]
    rows = fault.live.filter(fault.during(fault.live))
    before, after = fault.set.reference[fault.column], rows[fault.column]
    report = compare(fault.set.profile, rows.drop(TIME))
    for feature in report.verdict.features:
        assert feature.drifting == (feature.severity != "none"), feature
    (verdict,) = (feature for feature in report.verdict.features if feature.feature == fault.column)
    raw = index_between(before, after)
    assert 0.6 * raw <= verdict.effect <= 1.6 * raw
    assert rank("minor") <= rank(verdict.severity) <= worst_grade(before, after)
