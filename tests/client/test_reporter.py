"""What is sent, and what becomes of it where the tier refuses it or is away: no network, and a clock that stands."""

from __future__ import annotations

import pytest

from driftmeter.client.session import KEEP_PANES
from driftmeter.client.transport import AwayError
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from tests.client.rig import START, Rig
from tests.client.samples import ROW, directly, make_profile
from tests.client.tier import Refusal, refuse_nothing, refuse_panes

NOW = START / 1000


@pytest.fixture
def rig(profile: Profile) -> Rig:
    return Rig(profile)


def totals(rig: Rig) -> SourceTotals:
    [(_, totals)] = rig.tier.totals.values()
    return totals


# --- panes


def test_sequences_grow_and_a_pane_in_its_last_state_is_not_sent_again(rig: Rig) -> None:
    for _ in range(3):
        rig.report(timestamp=NOW)
    for _ in range(5):
        rig.wait(1.0)
        rig.exchange()
    assert rig.tier.asked("PUT", "/panes/") == 3
    assert [pane.sequence for pane in rig.tier.panes.values()] == [3]


def test_answers_that_get_lost_make_repeats_that_count_once(rig: Rig, profile: Profile) -> None:
    lost = iter([True, True, False, True, False])
    rig.tier.lose = lambda method, path: "/panes/" in path and next(lost)
    rig.observe(timestamp=NOW)
    for _ in range(2):
        with pytest.raises(AwayError):
            rig.exchange()
    rig.exchange()
    with pytest.raises(AwayError):
        rig.report(timestamp=NOW)
    rig.report(timestamp=NOW)
    assert rig.tier.summary(profile) == directly(profile, [ROW] * 3)
    assert rig.tier.asked("PUT", "/panes/") == 5


def test_late_rows_are_counted(rig: Rig, profile: Profile) -> None:
    rig.report(timestamp=NOW)
    rig.tier.frozen = dict(rig.tier.panes)
    for _ in range(2):
        rig.report(2, timestamp=NOW)
    assert rig.worker.stats()["late"] == 4
    assert rig.tier.summary(profile).rows == 1


def test_losses_are_reported_even_where_no_row_was_counted(rig: Rig) -> None:
    rig.buffer.count_invalid("values by column", "nothing")
    rig.report(timestamp="soon")
    assert totals(rig) == SourceTotals(2, 0, {"invalid": 2})
    assert rig.tier.asked("PUT", "/panes/") == 1


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_pane_that_is_refused_is_given_up_and_counted(rig: Rig, status: int) -> None:
    rig.tier.refuse = refuse_panes(status)
    rig.report(5, timestamp=NOW)
    asked = rig.tier.asked("PUT", "/panes/")
    assert rig.worker.stats()["dropped_refused"] == 5
    for _ in range(5):
        rig.wait(1.0)
        rig.exchange()
    assert rig.tier.asked("PUT", "/panes/") == asked <= 2
    rig.tier.refuse = refuse_nothing
    rig.report(timestamp=NOW + 10)
    assert totals(rig) == SourceTotals(6, 1, {"refused": 5})


@pytest.mark.parametrize("status", [301, 401, 403, 408, 425, 429, 500, 502, 503])
def test_a_pane_is_kept_where_the_answer_is_not_about_it(rig: Rig, profile: Profile, status: int) -> None:
    rig.tier.refuse = refuse_panes(status, problem=False)
    rig.observe(5)
    for _ in range(3):
        with pytest.raises(AwayError, match=f"status {status}"):
            rig.exchange()
    assert rig.worker.stats()["waiting"] == 5
    rig.tier.refuse = refuse_nothing
    rig.exchange()
    assert rig.tier.summary(profile).rows == 5


def test_a_404_of_a_gateway_is_no_answer(rig: Rig, profile: Profile) -> None:
    rig.tier.refuse = lambda method, path: Refusal(404, problem=False)
    rig.observe()
    with pytest.raises(AwayError, match="status 404"):
        rig.exchange()
    assert rig.tier.asked("PUT", "") == 0
    rig.tier.refuse = refuse_panes(404, problem=False)
    with pytest.raises(AwayError, match="no metric server there: status 404"):
        rig.exchange()
    rig.tier.refuse = refuse_nothing
    rig.exchange()
    assert rig.tier.summary(profile).rows == 1


def test_panes_are_let_go_of_when_no_row_can_come_for_them(rig: Rig, profile: Profile) -> None:
    for _ in range(10):
        rig.report()
        rig.wait(2)
    assert rig.worker.stats()["panes"] == 8  # of 2 s, kept for the lateness of 2 s and KEEP_PANES
    rig.wait(4 + KEEP_PANES / 1000)
    rig.exchange()
    assert rig.worker.stats()["panes"] == 0
    rig.report()
    assert rig.tier.summary(profile).rows == 11


# --- time


@pytest.mark.parametrize("ahead", [-86_400.0, 0.0, 7_200.0])
def test_rows_are_stamped_with_the_servers_time(rig: Rig, profile: Profile, ahead: float) -> None:
    rig.tier.ahead = ahead
    rig.wait(3)
    rig.report()
    assert list(rig.tier.by_start(profile)) == [START + round(ahead * 1000) + 2_000]


def test_rows_keep_the_time_at_which_they_were_observed(rig: Rig, profile: Profile) -> None:
    rig.up = False
    for _ in range(3):
        with pytest.raises(AwayError):
            rig.report()
        rig.wait(4)
    rig.up = True
    rig.exchange()
    assert {start: counts.rows for start, counts in rig.tier.by_start(profile).items()} == {
        START: 1, START + 4_000: 1, START + 8_000: 1,
    }  # fmt: skip


def test_rows_fall_in_the_panes_of_their_own_timestamps(rig: Rig, profile: Profile) -> None:
    rows = {NOW - 4: 3, NOW - 2: 5, NOW: 7}
    for stamp, count in rows.items():
        rig.observe(count, timestamp=stamp)
    rig.exchange()
    assert {start / 1000: counts.rows for start, counts in rig.tier.by_start(profile).items()} == rows


# --- profile and timing


def test_without_a_profile_the_servers_is_used(profile: Profile) -> None:
    rig = Rig()
    rig.tier.register(profile)
    rig.report()
    assert rig.tier.summary(profile) == directly(profile, [ROW])


def test_rows_wait_until_a_profile_is_registered(profile: Profile) -> None:
    rig = Rig()
    rig.observe(10)
    with pytest.raises(AwayError, match="model 'm' has no profile yet: register one, or give one to Monitor"):
        rig.exchange()
    assert rig.worker.stats()["waiting"] == 10
    rig.tier.register(profile)
    rig.exchange()
    assert rig.tier.summary(profile).rows == 10


def test_a_profile_that_the_server_refuses_is_no_reason_to_drop_rows(rig: Rig) -> None:
    rig.tier.refuse = lambda method, path: Refusal(422) if (method, path[-7:]) == ("PUT", "profile") else None
    rig.observe()
    with pytest.raises(AwayError, match="the metric server refused the profile"):
        rig.exchange()
    assert rig.worker.stats()["waiting"] == 1


def test_a_profile_that_is_not_the_active_one_is_registered_once_its_panes_are_not_known(
    rig: Rig, profile: Profile
) -> None:
    rig.tier.register(make_profile(1))
    for _ in range(2):
        rig.report()
    assert rig.tier.summary(profile).rows == 2
    assert rig.tier.asked("PUT", "/profile") == 1


def test_a_server_that_forgot_everything_is_told_again(rig: Rig, profile: Profile) -> None:
    rig.report()
    rig.tier.profiles.clear()
    rig.tier.panes.clear()
    rig.tier.active = None
    rig.report()
    assert rig.tier.summary(profile).rows == 2  # both are in one pane


def test_a_new_active_profile_is_fetched_and_the_old_panes_are_finished(profile: Profile) -> None:
    newer, rig = make_profile(1), Rig()
    rig.tier.register(profile)
    rig.report()
    rig.tier.register(newer)
    rig.report()  # the answer to this one carries the new digest
    rig.report()
    assert (rig.tier.summary(profile).rows, rig.tier.summary(newer).rows) == (2, 1)


def test_a_monitor_stays_with_the_profile_that_it_was_given(rig: Rig, profile: Profile) -> None:
    for seed in range(3):
        rig.report()
        rig.tier.register(make_profile(seed + 1))
    assert rig.tier.summary(profile).rows == 3


def test_a_changed_length_of_panes_is_followed(rig: Rig, profile: Profile) -> None:
    for length in (2_000, 5_000, 5_000):
        rig.tier.timing = Timing(length, 2_000)
        rig.report()
    assert {pane.length for pane in rig.tier.panes.values()} == {2_000, 5_000}
    assert rig.tier.summary(profile).rows == 3
