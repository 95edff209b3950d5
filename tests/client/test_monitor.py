from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftmeter.client import Monitor
from driftmeter.client.intake import Intake
from driftmeter.client.transport import AwayError, Http
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.errors import InputError, ProfileError
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from tests.client.conftest import ROW, make_profile
from tests.client.test_intake import GARBAGE
from tests.client.tier import Refusal, Tier

Make = Callable[..., Monitor]


def directly(profile: Profile, rows: list[dict[str, Any]]) -> Summary:
    return Binner(profile).observe(Reader(profile).read_records(rows)[0])


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def refuse_panes(status: int, **more: Any) -> Callable[[str, str], Refusal | None]:
    return lambda method, path: Refusal(status, **more) if "/panes/" in path else None


# --- what arrives


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "age": st.none() | st.floats() | st.integers(-(2**60), 2**60),
                "amount": st.floats(width=32),
                "city": st.sampled_from(["Ulm", "Bonn", "Rom", "", 3, None]),
                "member": st.sampled_from([True, False, None, 0, "true"]),
                "score": st.floats(0, 1),
                "more": st.text(),
            },
        ),
        max_size=60,
    ),
    cuts=st.sets(st.integers(0, 60)),
)
def test_the_tier_has_what_direct_counting_gives_whatever_the_batches(
    rows: list[dict[str, Any]], cuts: set[int]
) -> None:
    profile = _profile()
    tier = Tier(Timing(2_000, 2_000))
    try:
        with Monitor(tier.url, profile=profile, interval=0.02) as monitor:
            for number, row in enumerate(rows):
                monitor.observe(row)
                if number in cuts:
                    assert monitor.flush()
            assert monitor.flush()
        assert tier.summary(profile) == directly(profile, rows)
    finally:
        tier.stop()


_CACHE: list[Profile] = []


def _profile() -> Profile:
    if not _CACHE:
        _CACHE.append(make_profile())
    return _CACHE[0]


def test_rows_fall_in_the_panes_of_their_own_timestamps(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor, base = monitor_of(profile), tier.now() // 2_000 * 2
    rows = {base - 4: 3, base - 2: 5, base: 7}
    for stamp, count in rows.items():
        monitor.observe_many([ROW] * count, timestamp=stamp)
    assert monitor.flush()
    assert {start: summary.rows for start, summary in tier.by_start(profile).items()} == {
        stamp * 1000: count for stamp, count in rows.items()
    }


def test_predictions_go_under_the_profiles_column(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe(ROW, prediction=0.25)
    monitor.observe_many([ROW, ROW], predictions=[0.5, 0.75])
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, [{**ROW, "score": score} for score in (0.25, 0.5, 0.75)])


def test_a_row_that_is_changed_afterwards_counts_as_it_was(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    row = dict(ROW)
    monitor.observe(row, prediction=0.5)
    assert "score" not in row
    row.clear()
    monitor.observe(MappingProxyType(ROW), prediction=0.5)
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, [{**ROW, "score": 0.5}] * 2)


def test_many_threads_lose_no_row(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    threads = [threading.Thread(target=monitor.observe_many, args=([ROW] * 500,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert monitor.flush()
    assert tier.summary(profile).rows == monitor.stats()["counted"] == 4_000


def test_sequences_grow_and_a_pane_in_its_last_state_is_not_sent_again(
    tier: Tier, profile: Profile, monitor_of: Make
) -> None:
    monitor, stamp = monitor_of(profile), time.time()
    for _ in range(3):
        monitor.observe(ROW, timestamp=stamp)
        assert monitor.flush()
    sent = tier.asked("PUT", "/panes/")
    time.sleep(0.2)
    assert tier.asked("PUT", "/panes/") == sent == 3
    assert [pane.sequence for pane in tier.panes.values()] == [3]


def test_answers_that_get_lost_make_repeats_that_count_once(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    answer, lost = tier.answer, iter([True, True, False, True])

    def take_and_fail(method: str, path: str, body: bytes) -> Any:
        taken = answer(method, path, body)
        return (503, [], b"") if "/panes/" in path and next(lost, False) else taken

    tier.answer = take_and_fail
    stamp = time.time()
    for _ in range(3):
        monitor.observe(ROW, timestamp=stamp)
        monitor.flush(10)
    assert tier.summary(profile) == directly(profile, [ROW] * 3)
    assert tier.asked("PUT", "/panes/") > 3


# --- profile and timing


def test_without_a_profile_the_servers_is_used(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    tier.register(profile)
    monitor = monitor_of()
    monitor.observe(ROW)
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, [ROW])


def test_rows_wait_until_somebody_registers_a_profile(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of()
    monitor.observe_many([ROW] * 10)
    assert not monitor.flush(0.3)
    assert monitor.stats()["waiting"] == 10
    tier.register(profile)
    assert monitor.flush(10)
    assert tier.summary(profile).rows == 10


def test_a_profile_is_registered_where_the_server_has_none(
    tier: Tier, profile: Profile, monitor_of: Make, tmp_path: Path
) -> None:
    path = tmp_path / "profile.json"
    profile.dump(path)
    monitor = monitor_of(path)
    monitor.observe(ROW)
    assert monitor.flush()
    assert tier.active == profile.digest
    assert tier.asked("PUT", "/profile") == 1


def test_a_profile_that_is_not_the_active_one_is_registered_once_its_panes_are_not_known(
    tier: Tier, profile: Profile, monitor_of: Make
) -> None:
    tier.register(make_profile(1))
    monitor = monitor_of(profile)
    for _ in range(2):
        monitor.observe(ROW)
        assert monitor.flush()
    assert tier.summary(profile).rows == 2
    assert tier.asked("PUT", "/profile") == 1


def test_a_server_that_forgot_everything_is_told_again(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    assert monitor.flush()
    tier.profiles.clear()
    tier.panes.clear()
    tier.active = None
    monitor.observe(ROW)
    assert monitor.flush()
    assert 1 <= tier.summary(profile).rows <= 2


def test_many_monitors_may_register_at_once(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitors = [monitor_of(profile) for _ in range(8)]
    for monitor in monitors:
        monitor.observe(ROW)
    assert all(monitor.flush() for monitor in monitors)
    assert tier.summary(profile).rows == 8
    assert len({pane.source for pane in tier.panes.values()}) == 8


def test_a_new_active_profile_is_fetched_and_the_old_panes_are_finished(
    tier: Tier, profile: Profile, monitor_of: Make
) -> None:
    newer = make_profile(1)
    tier.register(profile)
    monitor = monitor_of()
    monitor.observe(ROW)
    assert monitor.flush()
    tier.register(newer)
    monitor.observe(ROW)
    assert monitor.flush()  # the answer to this one carries the new digest
    monitor.observe(ROW)
    assert monitor.flush()
    assert (tier.summary(profile).rows, tier.summary(newer).rows) == (2, 1)


def test_a_monitor_stays_with_the_profile_that_it_was_given(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    for number in range(3):
        monitor.observe(ROW)
        assert monitor.flush()
        tier.register(make_profile(number + 1))
    assert tier.summary(profile).rows == 3


def test_a_changed_length_of_panes_is_followed(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    for length in (2_000, 5_000, 5_000):
        tier.timing = Timing(length, 2_000)
        monitor.observe(ROW)
        assert monitor.flush()
    assert {pane.length for pane in tier.panes.values()} == {2_000, 5_000}
    assert tier.summary(profile).rows == 3


# --- time


@pytest.mark.parametrize("ahead", [-86_400.0, 0.0, 7_200.0])
def test_rows_are_stamped_with_the_servers_time(tier: Tier, profile: Profile, monitor_of: Make, ahead: float) -> None:
    tier.ahead = ahead
    monitor = monitor_of(profile)
    earliest = tier.now()
    monitor.observe(ROW)
    latest = tier.now()
    assert monitor.flush()
    [start] = tier.by_start(profile)
    assert earliest - 100 - 2_000 < start <= latest + 100


def test_rows_keep_the_time_at_which_they_were_observed(profile: Profile, tier: Tier, monitor_of: Make) -> None:
    tier.timing = Timing(100, 2_000)
    tier.stop()
    monitor = monitor_of(profile)
    stamps = []
    for _ in range(3):
        stamps.append(tier.now())
        monitor.observe(ROW)
        time.sleep(0.35)
    tier.start()
    assert monitor.flush(10)
    starts = sorted(start for start, summary in tier.by_start(profile).items() if summary.rows)
    assert [abs(start + 50 - stamp) < 200 for start, stamp in zip(starts, stamps, strict=True)] == [True] * 3


def test_timestamps_far_ahead_are_dropped_and_reported(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe(ROW, timestamp=time.time() + 120)
    monitor.observe(ROW, timestamp=time.time() + 30)
    assert monitor.flush()
    assert monitor.stats()["dropped_future"] == 1
    [(_, totals)] = tier.totals.values()
    assert (totals.observed, totals.counted, totals.dropped) == (2, 1, {"future": 1})


# --- the tier away


def test_a_tier_that_was_away_gets_everything_in_the_end(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe_many([ROW] * 10)
    assert monitor.flush()
    tier.stop()
    for _ in range(10):
        monitor.observe_many([ROW] * 10)
        time.sleep(0.05)
    assert not monitor.flush(0.1)
    assert monitor.stats()["failures"] > 0
    tier.start()
    assert monitor.flush(10)
    assert tier.summary(profile) == directly(profile, [ROW] * 110)
    assert monitor.stats()["dropped"] == 0


def test_rows_before_the_first_contact_are_kept_typed_and_within_their_bound(
    tier: Tier, profile: Profile, monitor_of: Make
) -> None:
    tier.stop()
    monitor = monitor_of(profile, max_rows=300)
    for _ in range(4):
        monitor.observe_many([ROW] * 100)
        time.sleep(0.25)
    stats = monitor.stats()
    assert (stats["waiting"], stats["dropped_buffer_full"]) == (300, 100)
    tier.start()
    assert monitor.flush(10)
    [(_, totals)] = tier.totals.values()
    assert (totals.observed, totals.counted, totals.dropped) == (400, 300, {"buffer_full": 100})


def test_a_full_buffer_drops_and_the_loss_is_reported(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(max_rows=50)
    monitor.observe_many([ROW] * 80)
    tier.register(profile)
    assert monitor.flush(10)
    stats = monitor.stats()
    assert (stats["observed"], stats["counted"], stats["dropped_buffer_full"]) == (80, 50, 30)
    [(_, totals)] = tier.totals.values()
    assert totals.dropped == {"buffer_full": 30}


def test_too_many_panes_push_out_the_oldest(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile, max_bytes=1_000_000)
    monitor.observe(ROW)
    assert monitor.flush()
    tier.refuse = refuse_panes(503)
    base = tier.now() // 2_000 * 2
    for back in range(1_000, 0, -1):
        monitor.observe(ROW, timestamp=base - 2 * back)
    wait_for(lambda: monitor.stats()["dropped_panes_full"] > 500)
    assert not monitor.flush(0.3)
    stats = monitor.stats()
    assert stats["panes"] * 8 * profile.bins <= 750_000
    tier.refuse = lambda method, path: None
    assert monitor.flush(20)
    assert tier.summary(profile).rows + stats["dropped_panes_full"] == 1_001
    assert base * 1000 - 2_000 in tier.by_start(profile)


def test_losses_are_reported_even_where_no_row_was_counted(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe(ROW, timestamp="soon")
    monitor.observe(None)
    assert monitor.flush()
    [(_, totals)] = tier.totals.values()
    assert (totals.observed, totals.counted, totals.dropped) == (2, 0, {"invalid": 2})
    assert tier.asked("PUT", "/panes/") == 1


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_pane_that_is_refused_is_given_up_and_counted(
    tier: Tier, profile: Profile, monitor_of: Make, status: int
) -> None:
    tier.refuse = refuse_panes(status)
    monitor = monitor_of(profile)
    monitor.observe_many([ROW] * 5, timestamp=time.time())
    assert monitor.flush()
    asked = tier.asked("PUT", "/panes/")
    assert monitor.stats()["dropped_refused"] == 5
    time.sleep(0.3)
    assert tier.asked("PUT", "/panes/") == asked <= 2
    tier.refuse = lambda method, path: None
    monitor.observe(ROW, timestamp=time.time() + 10)
    assert monitor.flush()
    [(_, totals)] = tier.totals.values()
    assert (totals.counted, totals.dropped) == (1, {"refused": 5})


@pytest.mark.parametrize("status", [301, 401, 429, 500, 502, 503])
def test_a_pane_is_kept_where_the_answer_is_not_about_it(
    tier: Tier, profile: Profile, monitor_of: Make, status: int
) -> None:
    tier.refuse = refuse_panes(status, problem=False)
    monitor = monitor_of(profile)
    monitor.observe_many([ROW] * 5)
    assert not monitor.flush(0.5)
    tier.refuse = lambda method, path: None
    assert monitor.flush(10)
    assert tier.summary(profile).rows == 5


def test_a_404_of_some_gateway_is_no_answer(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    tier.refuse = lambda method, path: Refusal(404, problem=False)
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    assert not monitor.flush(0.3)
    assert tier.asked("PUT", "") == 0
    tier.refuse = lambda method, path: None
    assert monitor.flush(10)
    assert tier.summary(profile).rows == 1


def test_retry_after_is_honoured(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    assert monitor.flush()
    tier.refuse = refuse_panes(503, headers=(("Retry-After", "2"),))
    monitor.observe(ROW)
    wait_for(lambda: monitor.stats()["failures"] == 1)
    tier.refuse = lambda method, path: None
    time.sleep(1.0)
    assert tier.summary(profile).rows == 1
    wait_for(lambda: tier.summary(profile).rows == 2)


def test_late_rows_are_counted(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor, stamp = monitor_of(profile), time.time()
    monitor.observe(ROW, timestamp=stamp)
    assert monitor.flush()
    tier.frozen = dict(tier.panes)
    for _ in range(2):
        monitor.observe_many([ROW] * 2, timestamp=stamp)
        assert monitor.flush()
    assert monitor.stats()["late"] == 4
    assert tier.summary(profile).rows == 1


def test_a_lasting_fault_is_logged_once_a_minute(
    tier: Tier, profile: Profile, monitor_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "driftmeter")
    tier.stop()
    monitor = monitor_of(profile)
    monitor.observe_many([ROW] * 99)
    wait_for(lambda: monitor.stats()["failures"] >= 3)
    tier.start()
    assert monitor.flush(10)
    assert [record.levelname for record in caplog.records if "as test-" not in record.getMessage()] == [
        "WARNING",
        "INFO",
    ]
    assert tier.url in caplog.text


def test_the_name_of_the_source_is_logged_once_a_report_was_taken(
    tier: Tier, profile: Profile, monitor_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "driftmeter")
    tier.refuse = refuse_panes(503)
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    wait_for(lambda: monitor.stats()["failures"] >= 1)
    assert monitor.source not in caplog.text
    tier.refuse = lambda method, path: None
    for _ in range(2):
        monitor.observe(ROW)
        assert monitor.flush(10)
    said = [record for record in caplog.records if monitor.source in record.getMessage()]
    assert [(record.levelname, record.getMessage()) for record in said] == [
        ("INFO", f"driftmeter: reporting to {tier.url} as {monitor.source}")
    ]


# --- never in the way


@pytest.mark.parametrize("name", GARBAGE)
def test_observe_never_raises(tier: Tier, profile: Profile, monitor_of: Make, name: str) -> None:
    monitor, garbage = monitor_of(profile), GARBAGE[name]
    monitor.observe(garbage)
    monitor.observe(ROW, prediction=garbage)
    monitor.observe(ROW, timestamp=garbage)
    monitor.observe({**ROW, "age": garbage})
    monitor.observe({**ROW, "city": garbage})
    monitor.observe({1: garbage, None: 2})
    monitor.observe_many(garbage, garbage, garbage)
    monitor.observe(ROW)
    assert monitor.flush()
    stats = monitor.stats()
    assert stats["observed"] == stats["counted"] + stats["dropped"] >= 7
    assert stats["counted"] >= 2
    assert tier.summary(profile).rows == stats["counted"]


def test_what_is_no_row_is_counted_and_kept_with_what_was_expected(
    tier: Tier, profile: Profile, monitor_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = monitor_of(profile)
    monitor.observe([41.5, "Ulm"], prediction=0.5)
    monitor.observe_many("age")
    monitor.observe(Broken(age=1))
    assert monitor.flush()
    assert (monitor.stats()["observed"], monitor.stats()["dropped_invalid"]) == (3, 3)
    kept = monitor.unreadable()[""]
    assert (kept["count"], kept["got"]) == (3, "something that fails with RuntimeError")
    wait_for(lambda: "cannot be read: rows: expected values by column" in caplog.text)


@pytest.mark.parametrize(
    ("predictions", "said"),
    [([0.1, 0.2], "got 2"), ([0.1] * 4, "got 4"), (0.5, "got 1"), ("yes", "got 1"), (iter([0.1]), ""), ([0.1] * 3, "")],
)
def test_predictions_that_do_not_match_the_rows_are_said(
    tier: Tier, profile: Profile, monitor_of: Make, caplog: pytest.LogCaptureFixture, predictions: Any, said: str
) -> None:
    monitor = monitor_of(profile)
    monitor.observe_many([ROW] * 3, predictions)
    assert monitor.flush()
    assert monitor.close()
    assert monitor.stats()["counted"] == 3
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ([f"model 'm': observe_many: expected 3 predictions, one for each row, {said}"] if said else [])


@pytest.mark.parametrize("predictions", [0.5, [0.5], np.array([[0.5]]), np.array(0.5)])
def test_one_row_takes_one_prediction_however_it_comes(
    tier: Tier, profile: Profile, monitor_of: Make, predictions: Any
) -> None:
    monitor = monitor_of(profile)
    monitor.observe_many([ROW], predictions)
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, [{**ROW, "score": 0.5}])


def test_each_row_has_its_own_time_where_there_are_several(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor, base = monitor_of(profile), tier.now() // 2_000 * 2
    monitor.observe_many([ROW] * 4, timestamp=np.array([base - 4, base - 2, base - 2]))
    assert monitor.flush()
    assert {start // 1000 - base: summary.rows for start, summary in tier.by_start(profile).items()} == {-4: 1, -2: 2}
    assert monitor.unreadable()["timestamp"]["got"] == "text ('no time: there are fewer than rows')"


def test_a_prediction_array_that_is_used_again_counts_as_it_was(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor, answer = monitor_of(profile), np.empty(1)
    for score in (0.1, 0.5, 0.9):
        answer[0] = score
        monitor.observe(ROW, prediction=answer)
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, [{**ROW, "score": score} for score in (0.1, 0.5, 0.9)])


class Broken(dict[str, Any]):
    def keys(self) -> Any:
        raise RuntimeError("no")

    __iter__ = items = copy = keys


def test_a_mapping_that_fails_costs_one_row(profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe(Broken(age=1))
    monitor.observe_many(row for row in [ROW, None])
    assert monitor.flush()
    assert monitor.stats()["counted"] + monitor.stats()["dropped_invalid"] == 3
    assert monitor.stats()["counted"] >= 1


@pytest.fixture
def silence() -> Any:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_observe_does_not_wait_for_a_server_that_hangs(silence: str, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile, url=silence)
    slowest = 0.0
    for _ in range(2_000):
        started = time.perf_counter()
        monitor.observe(ROW)
        slowest = max(slowest, time.perf_counter() - started)
        time.sleep(0.0002)
    assert slowest < 0.5  # the timeout for an answer is twice that
    assert monitor.stats()["observed"] == 2_000


def test_close_and_flush_are_in_time_where_the_server_hangs(silence: str, profile: Profile) -> None:
    monitor = Monitor(silence, profile=profile, timeout=30.0)
    monitor.observe(ROW)
    time.sleep(0.3)
    for call in (monitor.flush, monitor.close):
        started = time.monotonic()
        assert not call(0.5)
        assert time.monotonic() - started < 2.0


def test_close_sends_what_is_left(tier: Tier, profile: Profile) -> None:
    with Monitor(tier.url, profile=profile, interval=60.0) as monitor:
        monitor.observe_many([ROW] * 1_000)
    assert tier.summary(profile).rows == 1_000
    assert not any(thread.name == "driftmeter" and thread.is_alive() for thread in threading.enumerate())


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


def test_who_leaves_rows_behind_says_no_goodbye(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe(ROW, timestamp=time.time())
    assert monitor.flush()
    tier.refuse = refuse_panes(503)
    monitor.observe(ROW, timestamp=time.time())
    assert not monitor.close(0.3)
    assert tier.asked("PUT", "/panes/") > 1
    assert [pane.final for pane in tier.received] == [False]


def test_a_goodbye_that_nobody_answers_is_given_up_soon(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile, timeout=30.0)
    monitor.observe(ROW)
    assert monitor.flush()
    tier.delay = 5.0
    started = time.monotonic()
    assert monitor.close(20.0)
    assert time.monotonic() - started < 3.0


def test_close_tries_no_goodbye_where_the_tier_is_known_to_be_away(
    tier: Tier, profile: Profile, monitor_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftmeter.client.worker.HEARTBEAT", 0.1)
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    assert monitor.flush()
    tier.refuse = refuse_panes(503, headers=(("Retry-After", "60"),))
    wait_for(lambda: monitor.stats()["failures"] == 1)
    asked, started = len(tier.log), time.monotonic()
    assert monitor.flush()
    assert monitor.close()
    assert time.monotonic() - started < 1.0
    assert len(tier.log) == asked


def test_an_idle_monitor_says_that_it_lives(
    tier: Tier, profile: Profile, monitor_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftmeter.client.worker.HEARTBEAT", 0.2)
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    wait_for(lambda: len(tier.received) >= 4)
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, [ROW])


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
    assert set(monitor.stats().values()) == {0}


def test_panes_are_let_go_when_no_row_can_come_for_them(
    tier: Tier, profile: Profile, monitor_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftmeter.client.worker.KEEP", 0)
    tier.timing = Timing(100, 100)
    monitor = monitor_of(profile)
    for _ in range(10):
        monitor.observe(ROW)
        time.sleep(0.1)
    assert monitor.flush()
    wait_for(lambda: monitor.stats()["panes"] == 0)
    monitor.observe(ROW)
    assert monitor.flush()
    assert tier.summary(profile).rows == 11


# --- what can't be


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"url": "localhost:8001", "model": "m"}, InputError, "url"),
        ({"url": "http://x", "model": None}, InputError, "model"),
        ({"url": "http://x", "interval": 0}, InputError, "interval"),
        ({"url": "http://x", "interval": 60.1}, InputError, "interval: expected at most 60 s, got 60.1 s"),
        ({"url": "http://x", "max_rows": 0}, InputError, "max_rows"),
        ({"url": "http://x", "max_bytes": 1}, InputError, "max_bytes"),
        ({"url": "http://x", "profile": make_profile(), "model": "other"}, ProfileError, "other"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(settings: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Monitor(**{"model": "m", **settings})


def test_the_source_is_a_stable_name_and_an_incarnation(
    profile: Profile, monitor_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTMETER_SOURCE", "pod/7 ü")
    one, two = monitor_of(profile, source=None), monitor_of(profile, source=None)
    assert one.source[:-8] == two.source[:-8] == "pod-7-"
    assert one.source != two.source


def test_headers_go_with_every_request(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile, headers={"Authorization": "Bearer k"})
    monitor.observe(ROW)
    assert monitor.flush()
    assert {headers.get("Authorization") for headers in tier.headers} == {"Bearer k"}


def test_proxies_of_the_environment_are_not_for_the_tier(
    tier: Tier, profile: Profile, monitor_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    assert monitor.flush()


# --- what is lost for good


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


def test_counted_panes_that_are_not_acknowledged_at_the_end_are_dropped(tier: Tier, profile: Profile) -> None:
    monitor = Monitor(tier.url, profile=profile, interval=60.0)
    monitor.observe_many([ROW] * 4)
    assert monitor.flush()
    tier.stop()
    monitor.observe_many([ROW] * 3)
    assert not monitor.close(0.5)
    stats = monitor.stats()
    assert (stats["counted"], stats["waiting"], stats["dropped_closed"], stats["observed"]) == (4, 0, 3, 7)


def test_where_the_tier_hangs_the_end_is_the_end_too(silence: str, profile: Profile) -> None:
    monitor = Monitor(silence, profile=profile, timeout=30.0)
    monitor.observe(ROW)
    assert not monitor.close(0.3)
    assert (monitor.stats()["waiting"], monitor.stats()["dropped_closed"]) == (0, 1)


def test_a_batch_that_cannot_be_counted_is_booked_once(
    tier: Tier, profile: Profile, monitor_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = monitor_of(profile)
    count, failures = Intake.count, iter([True, True])

    def failing(*args: Any) -> Any:
        parts = list(count(*args))
        yield parts[0]
        if next(failures, False):
            raise RuntimeError("in the middle")
        yield from parts[1:]

    monkeypatch.setattr(Intake, "count", failing)
    now = time.time()
    for _ in range(3):
        for back in (0, 20):
            monitor.observe(ROW, timestamp=now - back)
        monitor.flush()
    wait_for(lambda: monitor.flush())
    stats = monitor.stats()
    assert (stats["observed"], stats["counted"], stats["dropped_invalid"]) == (6, 2, 4)
    assert tier.summary(profile).rows == 2


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_server_that_is_not_there_is_said_in_plain_words(
    profile: Profile, monitor_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    monitor_of(profile, url=url).observe(ROW)
    wait_for(lambda: bool(caplog.records))
    expected = f"model 'm': no report gets through, trying on: cannot reach {url}: connection refused"
    assert caplog.records[0].getMessage() == expected


def test_every_way_of_not_answering_has_its_words(silence: str) -> None:
    def said(url: str) -> str:
        with pytest.raises(AwayError) as caught:
            Http(url, None)("GET", "/", None, "", 0.2)
        return str(caught.value)

    assert said(silence) == f"cannot reach {silence}: no answer in time"
    assert said("http://nowhere.invalid") == "cannot reach http://nowhere.invalid: unknown host"
    assert "<" not in said(silence.replace("http:", "https:"))
