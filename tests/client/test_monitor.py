from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftmeter.client import Monitor
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from tests.client.samples import GARBAGE, ROW, Broken, directly, make_profile
from tests.client.tier import Tier
from tests.support.waiting import eventually

Make = Callable[..., Monitor]


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
    profile = make_profile()
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


def test_predictions_go_under_the_profiles_column(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe(ROW, prediction=0.25)
    monitor.observe_many([ROW, ROW], predictions=[0.5, 0.75])
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, [{**ROW, "score": score} for score in (0.25, 0.5, 0.75)])


def test_the_prediction_is_the_class_where_its_probabilities_are_columns_too(tier: Tier, monitor_of: Make) -> None:
    rows = [{"p": index / 600, "x": float(index), "guess": index % 2} for index in range(600)]
    labels = [int(index % 3 == 0) for index in range(600)]
    frame = pl.DataFrame(rows).with_columns(q=1 - pl.col("p"), label=pl.Series(labels))
    columns = {"0": "p", "1": "q"}
    profile = Profile.fit(
        frame, model="m", prediction="guess", label="label", task="multiclass", probabilities=columns, residuals=False
    )
    assert [feature.name for feature in profile.features if feature.role == "prediction"] == ["guess", "p", "q"]
    monitor = monitor_of(profile)
    monitor.observe({"x": 1.0, "p": 0.25, "q": 0.75}, prediction=1)
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, [{"x": 1.0, "p": 0.25, "q": 0.75, "guess": 1}])


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


def test_each_row_has_its_own_time_where_there_are_several(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor, base = monitor_of(profile), tier.now() // 2_000 * 2
    monitor.observe_many([ROW] * 4, timestamp=np.array([base - 4, base - 2, base - 2]))
    assert monitor.flush()
    assert {start // 1000 - base: summary.rows for start, summary in tier.by_start(profile).items()} == {-4: 1, -2: 2}
    assert monitor.unreadable()["timestamp"]["got"] == "text ('no time: there are fewer than rows')"


@pytest.mark.parametrize("predictions", [0.5, [0.5], np.array([[0.5]]), np.array(0.5)])
def test_one_row_takes_one_prediction_however_it_comes(
    tier: Tier, profile: Profile, monitor_of: Make, predictions: Any
) -> None:
    monitor = monitor_of(profile)
    monitor.observe_many([ROW], predictions)
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, [{**ROW, "score": 0.5}])


@pytest.mark.parametrize(
    ("predictions", "got"),
    [([0.1, 0.2], "got 2"), ([0.1] * 4, "got 4"), (0.5, "got 1"), ("yes", "got 1"), (iter([0.1]), ""), ([0.1] * 3, "")],
)
def test_predictions_that_do_not_match_the_rows_are_logged(
    tier: Tier, profile: Profile, monitor_of: Make, caplog: pytest.LogCaptureFixture, predictions: Any, got: str
) -> None:
    monitor = monitor_of(profile)
    monitor.observe_many([ROW] * 3, predictions)
    assert monitor.flush()
    assert monitor.close()
    assert monitor.stats()["counted"] == 3
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ([f"model 'm': observe_many: expected 3 predictions, one for each row, {got}"] if got else [])


def test_a_prediction_array_that_is_used_again_counts_as_it_was(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor, answer = monitor_of(profile), np.empty(1)
    for score in (0.1, 0.5, 0.9):
        answer[0] = score
        monitor.observe(ROW, prediction=answer)
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, [{**ROW, "score": score} for score in (0.1, 0.5, 0.9)])


# --- the tier


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


def test_many_monitors_may_register_at_once(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitors = [monitor_of(profile) for _ in range(8)]
    for monitor in monitors:
        monitor.observe(ROW)
    assert all(monitor.flush() for monitor in monitors)
    assert tier.summary(profile).rows == 8
    assert len({pane.source for pane in tier.panes.values()}) == 8


def test_a_tier_that_was_away_gets_everything_in_the_end(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe_many([ROW] * 10)
    assert monitor.flush()
    tier.stop()
    monitor.observe_many([ROW] * 100)
    eventually(lambda: monitor.stats()["failures"] >= 2, "reports that fail")
    assert not monitor.flush(0.01)
    tier.start()
    assert monitor.flush(20)
    assert tier.summary(profile) == directly(profile, [ROW] * 110)
    assert monitor.stats()["dropped"] == 0


def test_a_full_buffer_drops_and_the_loss_is_reported(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(max_rows=50)
    monitor.observe_many([ROW] * 80)
    tier.register(profile)
    assert monitor.flush(10)
    stats = monitor.stats()
    assert (stats["observed"], stats["counted"], stats["dropped_buffer_full"]) == (80, 50, 30)
    [(_, totals)] = tier.totals.values()
    assert totals.dropped == {"buffer_full": 30}


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
    eventually(lambda: "cannot be read: rows: expected values by column" in caplog.text, "a warning")


def test_a_mapping_that_fails_costs_one_row(profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe(Broken(age=1))
    monitor.observe_many(row for row in [ROW, None])
    assert monitor.flush()
    assert monitor.stats()["counted"] + monitor.stats()["dropped_invalid"] == 3
    assert monitor.stats()["counted"] >= 1


def test_observe_does_not_wait_for_a_server_that_hangs(silence: str, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile, url=silence, timeout=30.0)
    monitor.observe(ROW)
    eventually(lambda: monitor.stats()["requests"] == 1, "a request")
    monitor.observe_many([ROW] * 2_000)
    stats = monitor.stats()
    assert (stats["observed"], stats["requests"], stats["failures"]) == (2_001, 1, 0)  # the first one still hangs


def test_the_profile_is_the_given_one_or_that_of_the_server_once_it_is_known(
    tier: Tier, profile: Profile, monitor_of: Make
) -> None:
    assert monitor_of(profile).profile is profile
    tier.register(profile)
    monitor = monitor_of()
    assert monitor.profile is None
    monitor.start()  # without any row
    eventually(lambda: monitor.profile == profile, "the server's profile")


def test_rows_after_an_early_start_without_a_server_wait_as_others_do(
    tier: Tier, profile: Profile, monitor_of: Make
) -> None:
    monitor = monitor_of()
    monitor.start()
    monitor.observe(ROW)
    assert monitor.stats()["waiting"] == 1
    tier.register(profile)
    assert monitor.flush(10)
    assert tier.summary(profile) == directly(profile, [ROW])


def test_what_is_no_row_can_be_counted_as_one_that_was_lost(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    monitor.reject("a body of at most 1,000,000 bytes", "2,000,000")
    assert monitor.flush()
    assert monitor.unreadable()[""]["expected"] == "a body of at most 1,000,000 bytes"
    assert {key: monitor.stats()[key] for key in ("observed", "counted", "dropped_invalid")} == {
        "observed": 2,
        "counted": 1,
        "dropped_invalid": 1,
    }


def test_a_monitor_that_is_pickled_or_copied_is_a_source_of_its_own(
    tier: Tier, profile: Profile, monitor_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = monitor_of(profile, source=None, columns=list(ROW), headers={"X-Tenant": "t"})
    monitor.observe(ROW)
    data = pickle.dumps(monitor)
    monkeypatch.setenv("DRIFTMETER_SOURCE", "another-host")
    for other in (pickle.loads(data), copy.deepcopy(monitor)):
        with other:
            assert (other.url, other.model, other.columns, other.profile) == (tier.url, "m", tuple(ROW), profile)
            assert other.source.startswith("another-host-")
            assert other.stats()["observed"] == 0
            other.observe(tuple(ROW.values()))
            assert other.flush()
            assert tier.headers[-1]["X-Tenant"] == "t"
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, [ROW] * 3)
