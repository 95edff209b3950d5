"""From rows to verdicts: what is folded and when, however rows came and whichever server folds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from driftmeter.profile.profile import Profile
from driftmeter.store.sqlite.store import SQLiteStore
from tests.engine.tier import START, MakeTier, Tier, rows_of
from tests.support.clocks import SetClock


def test_before_the_first_pane_the_verdict_says_that_it_is_insufficient(tier: Tier) -> None:
    verdict = tier.verdict()
    assert verdict["state"] == "insufficient"
    assert verdict["rows"] == 0
    assert verdict["window"] == {"start": None, "end": None, "panes": 0}


def test_rows_count_when_their_pane_has_closed_and_not_before(tier: Tier) -> None:
    tier.send(rows_of(500), START)
    tier.pass_time(28)
    assert tier.verdict()["rows"] == 0
    tier.pass_time(4)
    assert tier.verdict()["rows"] == 500
    assert tier.verdict()["state"] == "ok"


def test_drift_in_one_feature_is_named_with_the_first_pane_that_shows_it(tier: Tier) -> None:
    for pane in range(2):
        tier.send(rows_of(1000, seed=pane, shift=1.0 if pane else 0.0), tier.clock.now)
        tier.pass_time(10)
    tier.pass_time(25)
    verdict = tier.verdict()
    assert [(feature["feature"], feature["state"]) for feature in verdict["features"]] == [
        ("x", "drifting"),
        ("y", "ok"),
        ("c", "ok"),
    ]
    assert verdict["features"][0]["since"] == "2023-11-14T22:13:30.000Z"
    assert verdict["features_drifting"] == 1
    assert (verdict["incident"]["opened"], verdict["incidents_open"]) == ("2023-11-14T22:13:40.000Z", 1)
    (member,) = verdict["incident"]["features"]
    assert (member["feature"], member["since"]) == ("x", "2023-11-14T22:13:30.000Z")


def test_rows_after_the_freeze_change_nothing_and_are_reported(tier: Tier) -> None:
    tier.send(rows_of(1000), START)
    tier.pass_time(35)
    before = tier.engine.verdict("m")
    assert tier.send(rows_of(300, shift=5.0), START) == 300
    tier.pass_time(35)
    assert tier.engine.verdict("m") == before
    assert tier.engine.sources("m").coverage == pytest.approx(1000 / 1300)


def test_a_verdict_does_not_depend_on_how_rows_were_batched_nor_on_who_folds(tier_of: MakeTier, tmp_path: Path) -> None:
    frame = rows_of(4000, shift=0.2, seed=5)
    rng = np.random.default_rng(1)
    times = START + rng.integers(0, 60_000, len(frame))
    whole = tier_of()
    # far ahead is the server's rule, not the fold's: here only panes matter
    whole.send(frame, times)
    whole.pass_time(120)
    clock = SetClock(START)
    replicas = [tier_of(tmp_path / "shared.sqlite", clock) for _ in range(2)]
    for batch in np.array_split(rng.permutation(len(frame)), 200):
        replica = replicas[rng.integers(2)]
        replica.send(frame[batch], times[batch], source=f"s{rng.integers(7)}")
    for _ in range(120):
        clock.now += 1_000
        replicas[rng.integers(2)].engine.advance("m")
    expected = whole.engine.verdict("m")
    assert json.loads(expected)["rows"] == len(frame)
    assert [replica.engine.verdict("m") for replica in replicas] == [expected, expected]


def test_a_restored_fold_goes_on_as_if_it_had_never_stopped(tier_of: MakeTier, tmp_path: Path) -> None:
    steady, clock = tier_of(), SetClock(START)
    path = tmp_path / "store.sqlite"
    for pane in range(6):
        restarted = tier_of(path, clock)
        for sent_to in (steady, restarted):
            sent_to.send(rows_of(400, shift=0.15 * pane, seed=pane), START + 10_000 * pane)
        steady.pass_time(10)
        restarted.pass_time(10)
        restarted.engine.store.close()
    steady.pass_time(40)
    last = tier_of(path, clock)
    last.pass_time(40)
    assert last.engine.verdict("m") == steady.engine.verdict("m")
    assert last.engine.history("m", 0, clock.now) == steady.engine.history("m", 0, clock.now)


def test_a_profile_without_an_order_of_time_is_scored_and_opens_no_incident(tier_of: MakeTier) -> None:
    tier = tier_of()
    tier.engine.register(Profile.fit(rows_of(5_000, seed=98), model="m"))
    tier.send(rows_of(1000, shift=1.0), START)
    tier.pass_time(35)
    verdict = tier.verdict()
    assert (verdict["state"], verdict["rows"], verdict["features_drifting"]) == ("uncalibrated", 1000, 0)
    assert verdict["features"][0]["effect"] > 0.5
    assert tier.engine.incidents("m") == []


def test_what_is_expected_pages_when_it_is_not_expected_any_more(tier: Tier) -> None:
    tier.engine.expect("m", "x", START + 100_000, "a campaign")
    for pane in range(4):
        tier.send(rows_of(1000, shift=1.0, seed=pane), tier.clock.now)
        tier.pass_time(10)
    tier.pass_time(25)
    assert tier.verdict()["state"] == "drifting"
    assert tier.verdict()["features"][0]["expected_until"] == "2023-11-14T22:15:00.000Z"
    assert tier.verdict()["incident"] is None
    tier.pass_time(60)
    tier.send(rows_of(1000, shift=1.0, seed=9), tier.clock.now)
    tier.pass_time(35)
    assert [member["feature"] for member in tier.verdict()["incident"]["features"]] == ["x"]


def test_a_fold_that_another_replica_did_first_is_left_to_it(tier_of: MakeTier, tmp_path: Path) -> None:
    clock = SetClock(START)
    one, two = (tier_of(tmp_path / "store.sqlite", clock) for _ in range(2))
    one.send(rows_of(500), START)
    one.pass_time(35)
    before = one.engine.verdict("m")
    assert json.loads(before)["rows"] == 500
    assert not two.engine.advance("m")
    assert two.engine.verdict("m") == before


def test_a_round_without_anything_to_fold_reads_no_profile(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    tier.send(rows_of(500), START)
    tier.pass_time(35)
    for name in ("unfolded", "profile", "progress"):
        monkeypatch.delattr(SQLiteStore, name)
    tier.pass_time(5)
