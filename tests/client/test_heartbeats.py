"""What an idle or leaving source reports, by a clock that only tests move and with no network in between."""

from __future__ import annotations

import pytest

from driftmeter.client.reporter import GOODBYE_TIMEOUT
from driftmeter.client.session import HEARTBEAT
from driftmeter.client.transport import AwayError
from driftmeter.counts.summary import Summary
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from tests.client.rig import Rig
from tests.client.samples import ROW, directly, make_profile
from tests.client.tier import refuse_nothing, refuse_panes


@pytest.fixture
def rig(profile: Profile) -> Rig:
    return Rig(profile)


def test_an_idle_source_reports_every_fifteen_seconds(rig: Rig, profile: Profile) -> None:
    rig.report(3)
    for beats in range(4):
        assert len(rig.tier.received) == 1 + beats
        rig.wait(HEARTBEAT - 0.1)
        rig.exchange()
        assert len(rig.tier.received) == 1 + beats
        rig.wait(0.1)
        rig.exchange()
    last = rig.tier.received[-1]
    assert (last.summary, last.totals, last.sequence) == (Summary.zero(profile.bins), SourceTotals(3, 3), 5)
    assert (last.final, last.acknowledged) == (False, 3)
    assert last.start <= rig.tier.now() < last.end
    assert rig.tier.summary(profile) == directly(profile, [ROW] * 3)


def test_panes_with_rows_make_heartbeats_needless(rig: Rig) -> None:
    for _ in range(20):
        rig.report()
        rig.wait(HEARTBEAT - 1)
    assert [pane.summary.rows for pane in rig.tier.received] == [1] * 20


def test_a_source_that_saw_nothing_is_not_known(rig: Rig) -> None:
    for _ in range(5):
        rig.exchange()
        rig.wait(HEARTBEAT)
    rig.worker.reporter.send_goodbye()
    assert rig.tier.received == []


def test_a_source_whose_panes_were_all_refused_is_not_known(rig: Rig) -> None:
    rig.tier.refuse = refuse_panes(422)
    rig.report()
    rig.tier.refuse = refuse_nothing
    rig.wait(HEARTBEAT)
    rig.exchange()
    assert rig.worker.pipeline.settled
    rig.worker.reporter.send_goodbye()
    assert rig.tier.received == []


def test_a_heartbeat_in_a_pane_with_rows_keeps_them(rig: Rig, profile: Profile) -> None:
    rig.tier.timing = Timing(3_600_000, 2_000)
    rig.report(3)
    rig.wait(HEARTBEAT)
    rig.exchange()
    rig.report(2)
    assert [pane.summary.rows for pane in rig.tier.received] == [3, 3, 5]
    assert rig.tier.summary(profile) == directly(profile, [ROW] * 5)


def test_a_heartbeat_that_fails_is_a_failure_that_leaves_nothing_unsettled(rig: Rig) -> None:
    rig.report()
    rig.wait(HEARTBEAT)
    rig.up = False
    for _ in range(2):
        with pytest.raises(AwayError):
            rig.exchange()
        assert rig.worker.pipeline.settled
    rig.up = True
    rig.exchange()
    rig.exchange()
    assert len(rig.tier.received) == 2


@pytest.mark.parametrize("status", [404, 422])
def test_a_heartbeat_that_is_refused_costs_no_row_and_is_not_repeated_at_once(
    rig: Rig, profile: Profile, status: int
) -> None:
    rig.tier.timing = Timing(3_600_000, 2_000)
    rig.report(3)
    rig.tier.refuse = refuse_panes(status)
    rig.wait(HEARTBEAT)
    for _ in range(3):
        rig.exchange()
    assert rig.tier.asked("PUT", "/panes/") == 2
    # after a 422 the timing is asked for anew, after a 404 there is nothing to ask until rows come
    assert rig.tier.asked("GET", "/profile") == (2 if status == 422 else 1)
    rig.tier.refuse = refuse_nothing
    rig.report(2)
    assert rig.worker.stats()["dropped"] == 0
    assert rig.tier.summary(profile).rows == 5


def test_an_idle_source_does_not_bring_a_deleted_model_back(rig: Rig, profile: Profile) -> None:
    rig.report()
    rig.tier.profiles.clear()
    rig.tier.active = None
    for _ in range(3):
        rig.wait(HEARTBEAT)
        rig.exchange()
    rig.worker.reporter.send_goodbye()
    assert rig.tier.profiles == {}
    rig.report()
    assert rig.tier.active == profile.digest


def test_a_model_that_was_made_again_is_told_what_an_earlier_one_acknowledged(rig: Rig) -> None:
    rig.report(3)
    rig.wait(60)
    rig.tier.profiles.clear()
    rig.tier.received.clear()
    rig.report(2)
    [pane] = rig.tier.received
    assert (pane.acknowledged, pane.summary.rows, pane.totals) == (3, 2, SourceTotals(5, 5))


def test_an_idle_source_learns_of_a_new_profile(profile: Profile) -> None:
    newer, rig = make_profile(1), Rig()
    rig.tier.register(profile)
    rig.report()
    rig.tier.register(newer)
    rig.wait(HEARTBEAT)
    rig.exchange()
    rig.report()
    assert rig.tier.summary(newer) == directly(newer, [ROW])


def test_a_source_that_is_closing_sends_a_final_pane_and_no_heartbeat(rig: Rig, profile: Profile) -> None:
    rig.report(3)
    rig.wait(HEARTBEAT)
    rig.worker.close_by(rig.local() + 5)
    rig.exchange()
    assert len(rig.tier.received) == 1
    rig.worker.reporter.send_goodbye()
    [_, goodbye] = rig.tier.received
    assert (goodbye.final, goodbye.sequence, goodbye.totals) == (True, 2, SourceTotals(3, 3))
    assert rig.worker.pipeline.settled
    assert rig.tier.summary(profile) == directly(profile, [ROW] * 3)


@pytest.mark.parametrize(("remaining", "timeout"), [(None, GOODBYE_TIMEOUT), (5.0, GOODBYE_TIMEOUT), (0.5, 0.5)])
def test_a_goodbye_waits_no_longer_than_a_second_nor_than_the_deadline(
    profile: Profile, remaining: float | None, timeout: float
) -> None:
    rig = Rig(profile, timeout=30.0)
    rig.report()
    if remaining is not None:
        rig.worker.close_by(rig.local() + remaining)
    rig.up = False
    rig.worker.reporter.send_goodbye()
    assert rig.timeouts[-1] == pytest.approx(timeout)
    assert rig.worker.pipeline.settled
