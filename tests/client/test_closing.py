"""How a monitor ends: in a real thread, against a real port."""

from __future__ import annotations

from collections.abc import Callable

from driftmeter.client import Monitor
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from tests.client.samples import ROW, directly
from tests.client.tier import Tier
from tests.support.waiting import eventually

Make = Callable[..., Monitor]


def test_close_and_flush_do_not_wait_for_a_server_that_hangs(silence: str, profile: Profile) -> None:
    monitor = Monitor(silence, profile=profile, timeout=30.0)
    monitor.observe(ROW)
    eventually(lambda: monitor.stats()["requests"] == 1, "a request")
    assert not monitor.flush(0.01)
    assert not monitor.close(0.01)
    assert monitor.stats()["failures"] == 0  # the request still hangs


def test_close_sends_what_is_left(tier: Tier, profile: Profile) -> None:
    with Monitor(tier.url, profile=profile, interval=60.0) as monitor:
        monitor.observe_many([ROW] * 1_000)
    assert tier.summary(profile).rows == 1_000
    assert not monitor._worker.alive


def test_a_goodbye_follows_the_last_row_and_changes_no_count(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe_many([ROW] * 3)
    assert monitor.flush()
    monitor.observe(ROW)
    assert monitor.close()
    assert monitor.close()
    *earlier, last = tier.received
    assert (last.final, any(pane.final for pane in earlier)) == (True, False)
    assert last.sequence > max(pane.sequence for pane in earlier)
    assert last.totals == SourceTotals(4, 4)
    assert tier.summary(profile) == directly(profile, [ROW] * 4)


def test_closing_twice_is_the_same_and_later_rows_are_dropped(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    assert monitor.close()
    assert monitor.close()
    monitor.observe(ROW)
    assert monitor.flush()
    assert monitor.stats()["dropped_closed"] == 1
    assert tier.summary(profile).rows == 1


def test_a_monitor_that_saw_nothing_starts_no_thread(tier: Tier, profile: Profile) -> None:
    with Monitor(tier.url, profile=profile) as monitor:
        assert monitor.flush()
    assert tier.log == []
    assert {name for name, count in monitor.stats().items() if count} <= {"compiled_counter"}


def test_what_is_not_acknowledged_at_the_end_is_dropped(tier: Tier, profile: Profile) -> None:
    tier.stop()
    monitor = Monitor(tier.url, profile=profile)
    monitor.observe_many([ROW] * 10)
    assert monitor.stats()["waiting"] == 10
    assert not monitor.close(0.3)
    monitor.observe(ROW)
    stats = monitor.stats()
    assert {name: stats[name] for name in ("observed", "counted", "waiting", "dropped", "dropped_closed")} == {
        "observed": 11, "counted": 0, "waiting": 0, "dropped": 11, "dropped_closed": 11,
    }  # fmt: skip


def test_where_the_tier_hangs_the_end_is_the_end_too(silence: str, profile: Profile) -> None:
    monitor = Monitor(silence, profile=profile, timeout=30.0)
    monitor.observe(ROW)
    assert not monitor.close(0.3)
    assert (monitor.stats()["waiting"], monitor.stats()["dropped_closed"]) == (0, 1)
