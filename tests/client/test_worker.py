"""When the worker does what: its loop turn by turn, by a clock that only tests move."""

from __future__ import annotations

import logging
from itertools import pairwise

import pytest

from driftmeter.client.backoff import MOST, MOST_ASKED
from driftmeter.client.faults import EVERY
from driftmeter.client.pipeline import CHUNK
from driftmeter.client.worker import LONGEST_WAIT, TICK
from driftmeter.profile.profile import Profile
from tests.client.rig import Rig
from tests.client.samples import ROW, directly
from tests.client.tier import refuse_nothing, refuse_panes


@pytest.fixture
def rig(profile: Profile) -> Rig:
    return Rig(profile)


def close(rig: Rig, timeout: float) -> bool:
    """Let a worker close; return whether everything was acknowledged or given up by the server."""
    deadline = rig.local() + timeout
    rig.worker.close_by(deadline)
    rig.worker.request_report()
    while rig.worker.turn():
        assert rig.local() < deadline + 1.0, "the loop goes on after its deadline"
        rig.wait(0.1)
    rig.worker.finish()
    return rig.worker.pipeline.settled


def test_a_few_rows_wait_half_a_second_for_more_and_a_chunk_is_typed_at_once(profile: Profile) -> None:
    rig = Rig(profile, interval=60.0)
    assert rig.worker.turn()
    rig.observe(CHUNK - 1)
    rig.run(0.4)
    assert len(rig.buffer) == CHUNK - 1
    rig.run(0.1)
    assert len(rig.buffer) == 0
    rig.observe(CHUNK)
    rig.run(0.1)
    assert len(rig.buffer) == 0


def test_the_worker_looks_often_at_a_buffer_in_use_and_seldom_where_rows_are_counted_live(profile: Profile) -> None:
    rig = Rig(profile, interval=60.0)
    rig.run(0.5)
    if not rig.worker.pipeline.is_live:
        pytest.skip("the plain counter uses the buffer alone")
    assert rig.worker._pause() == LONGEST_WAIT
    rig.observe(CHUNK)
    assert rig.worker.turn()
    assert rig.worker._pause() == TICK  # more such rows may come
    rig.run(0.6)
    assert rig.worker._pause() == LONGEST_WAIT


def test_rows_are_typed_soon_and_reported_once_an_interval(profile: Profile) -> None:
    rig = Rig(profile, interval=5.0)
    assert rig.worker.turn()
    rig.observe(3)
    rig.run(4.9)
    assert (rig.tier.asked("PUT", "/panes/"), len(rig.buffer)) == (0, 0)
    rig.run(0.1)
    assert rig.tier.asked("PUT", "/panes/") == 1
    assert rig.tier.summary(profile) == directly(profile, [ROW] * 3)


def test_what_is_asked_for_is_sent_before_the_interval_is_over(profile: Profile) -> None:
    rig = Rig(profile, interval=60.0)
    assert rig.worker.turn()
    rig.observe()
    rig.worker.request_report()
    assert rig.worker.turn()
    assert (rig.tier.summary(profile).rows, rig.worker.answered) == (1, 1)


def test_what_is_asked_for_is_not_answered_while_the_tier_is_away(rig: Rig) -> None:
    rig.up = False
    rig.observe()
    rig.worker.request_report()
    rig.run(3.0)
    assert rig.worker.answered == 0
    rig.up = True
    rig.run(MOST)
    assert rig.worker.answered == 1


def test_pauses_grow_while_the_tier_is_away_and_are_short_again_after_a_success(rig: Rig, profile: Profile) -> None:
    rig.up = False
    rig.observe(10)
    rig.run(30.0)
    gaps = [later - earlier for earlier, later in pairwise(rig.asked_at)]
    assert gaps[:8] == pytest.approx([0.25, 0.5, 1.0, 2.0, 4.0, MOST, MOST, MOST], abs=TICK)
    rig.up = True
    rig.run(MOST + TICK)
    assert rig.tier.summary(profile) == directly(profile, [ROW] * 10)
    assert rig.worker.stats()["dropped"] == 0
    rig.up = False
    rig.observe()
    rig.asked_at.clear()
    rig.run(2.0)
    assert rig.asked_at[1] - rig.asked_at[0] == pytest.approx(0.3)


@pytest.mark.parametrize(("asked", "least", "most"), [("2", 2.0, 2.5), ("86400", MOST_ASKED, 1.25 * MOST_ASKED)])
def test_retry_after_is_honoured_up_to_a_minute(
    rig: Rig, profile: Profile, asked: str, least: float, most: float
) -> None:
    assert rig.worker.turn()
    rig.tier.refuse = refuse_panes(503, ("Retry-After", asked))
    rig.observe()
    rig.run(1.0)
    assert rig.worker.failures == 1
    rig.tier.refuse = refuse_nothing
    rig.run(least - 0.1)
    assert rig.tier.summary(profile).rows == 0
    rig.run(most - least + 0.2)
    assert rig.tier.summary(profile).rows == 1


def test_a_lasting_fault_is_logged_once_a_minute_and_its_end_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "driftmeter")
    rig.up = False
    rig.observe(99)
    rig.run(EVERY * 2 + MOST)
    rig.up = True
    rig.run(MOST)
    messages = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [level for level, _ in messages] == ["WARNING", "WARNING", "WARNING", "INFO", "INFO"]
    assert messages[0][1] == "model 'm': no report gets through, trying on: http://tier: cut"
    assert " more like it in the last minute)" in messages[1][1]
    assert messages[4][1] == "model 'm': reports reach http://tier again"


def test_one_failure_alone_is_not_logged(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.observe()
    rig.up = False
    assert rig.worker.turn()
    rig.up = True
    rig.run(1.0)
    assert (rig.worker.failures, caplog.records) == (1, [])


def test_the_name_of_the_source_is_logged_once_a_report_was_taken(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "driftmeter")
    rig.tier.refuse = refuse_panes(503)
    rig.observe()
    rig.run(1.0)
    assert "reporting to" not in caplog.text
    rig.tier.refuse = refuse_nothing
    for _ in range(2):
        rig.observe()
        rig.run(MOST)
    messages = [record.getMessage() for record in caplog.records if "reporting to" in record.getMessage()]
    assert messages == ["driftmeter: reporting to http://tier as s"]


def test_a_fault_of_the_code_is_logged_and_the_loop_goes_on(
    rig: Rig, profile: Profile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rig.worker.pipeline, "drain", lambda: 1 / 0)
        rig.observe()
        assert rig.worker.turn()
    [record] = caplog.records
    assert "the background thread failed, and goes on" in record.getMessage()
    assert record.exc_info is not None
    rig.run(1.0)
    assert rig.tier.summary(profile).rows == 1


# --- the end


def test_a_worker_that_closes_sends_what_waits_and_says_goodbye(profile: Profile) -> None:
    rig = Rig(profile, interval=60.0)
    assert rig.worker.turn()
    rig.observe(3)
    assert close(rig, 5.0)
    assert [(pane.summary.rows, pane.final) for pane in rig.tier.received] == [(3, False), (3, True)]
    assert rig.worker.ended


def test_a_worker_that_closes_while_the_tier_is_away_gives_up_at_the_deadline(
    rig: Rig, profile: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    assert rig.worker.turn()
    rig.up = False
    rig.observe(4)
    begun = rig.local()
    assert not close(rig, 3.0)
    assert 3.0 <= rig.local() - begun < 3.2
    assert all(timeout <= 3.0 for timeout in rig.timeouts)
    assert "closed before everything was sent; some rows are not reported" in caplog.text
    stats = rig.worker.stats()
    assert (stats["observed"], stats["counted"], stats["waiting"], stats["dropped_closed"]) == (4, 0, 0, 4)


def test_a_worker_that_leaves_rows_behind_says_no_goodbye(rig: Rig) -> None:
    assert rig.worker.turn()
    rig.observe()
    rig.run(1.0)
    rig.tier.refuse = refuse_panes(503)
    rig.observe()
    assert not close(rig, 0.3)
    assert rig.tier.asked("PUT", "/panes/") > 1
    assert [pane.final for pane in rig.tier.received] == [False]


def test_a_worker_that_has_nothing_to_send_waits_for_no_tier_that_is_away(rig: Rig) -> None:
    rig.observe()
    assert rig.worker.turn()
    rig.tier.refuse = refuse_panes(503, ("Retry-After", "60"))
    rig.run(20.0)  # the heartbeat fails
    assert rig.worker.failures == 1
    requests, begun = len(rig.tier.log), rig.local()
    assert close(rig, 5.0)
    assert (rig.local(), len(rig.tier.log)) == (begun, requests)


def test_panes_that_the_server_did_not_acknowledge_by_the_end_are_dropped(rig: Rig) -> None:
    rig.observe(4)
    assert rig.worker.turn()
    rig.up = False
    rig.observe(3)
    rig.run(1.0)
    assert rig.worker.stats()["waiting"] == 3
    assert not close(rig, 0.5)
    stats = rig.worker.stats()
    assert (stats["counted"], stats["waiting"], stats["dropped_closed"], stats["observed"]) == (4, 0, 3, 7)
