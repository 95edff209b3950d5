"""The answers to questions about a model: features, incidents, sources, history."""

from __future__ import annotations

import json

import pytest

from driftmeter.counts.summary import Summary
from driftmeter.errors import InputError
from driftmeter.panes.pane import Pane
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.windows import WindowSetting
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.store.records import PutPane
from tests.engine.tier import START, MakeTier, Tier, rows_of


def test_a_feature_is_shown_in_every_window_with_its_bins(tier: Tier) -> None:
    for pane in range(3):
        tier.send(rows_of(700, seed=pane), tier.clock.now)
        tier.pass_time(10)
    tier.pass_time(25)
    shown = tier.engine.feature("m", "c")
    assert shown["bins"] == ["a", "b", "c", "other", "unseen", "missing"] or set(shown["bins"][:3]) == set("abc")
    assert sum(shown["reference"]) == 20_000
    assert {name: window["rows"] for name, window in shown["windows"].items()} == {
        "judging": 2100,
        "rows": 1400,
        "time": 2100,
    }
    assert sum(shown["windows"]["rows"]["counts"]) == 1400
    with pytest.raises(InputError, match="'z'"):
        tier.engine.feature("m", "z")


def test_an_incident_can_be_acknowledged_once_it_is_there(tier: Tier) -> None:
    with pytest.raises(InputError, match="none yet"):
        tier.engine.acknowledge("m", "1")
    tier.send(rows_of(1000, shift=1.0), tier.clock.now)
    tier.pass_time(35)
    (incident,) = tier.engine.incidents("m")
    assert incident["acknowledged"] is None
    assert tier.engine.acknowledge("m", incident["id"], "on it")["acknowledged"]["note"] == "on it"
    assert tier.engine.incidents("m")[0]["acknowledged"]["note"] == "on it"


def test_coverage_is_a_share_whatever_sources_say(tier: Tier, profile: Profile) -> None:
    summary = Summary.zero(profile.bins)
    for number, totals in enumerate([SourceTotals(2**53, 2**53), SourceTotals(2**53, 0), SourceTotals(5, 9)]):
        pane = Pane(profile.digest, START, 10_000, f"s{number}", 0, summary, totals)
        tier.engine.store.commit([PutPane("m", pane)])
    assert tier.engine.sources("m").coverage == pytest.approx(0.5)


def test_the_larger_of_the_two_windows_is_shown(tier_of: MakeTier) -> None:
    tier = tier_of(settings=ModelSettings(window=WindowSetting(20_000, 250)))
    for pane in range(5):
        tier.send(rows_of(100, seed=pane), tier.clock.now)
        tier.pass_time(10)
    tier.pass_time(25)
    assert tier.verdict()["rows"] == 300  # 20 s hold 200 rows, too few
    tier.send(rows_of(1000), tier.clock.now)
    tier.pass_time(35)
    assert tier.verdict()["rows"] == 1000  # the rest is older than 20 s


def test_incidents_of_a_former_profile_can_be_acknowledged_and_those_of_the_active_one_come_first(tier: Tier) -> None:
    former = tier.engine.record("m").digest
    tier.send(rows_of(1000, shift=1.0), tier.clock.now)
    tier.pass_time(35)
    (old,) = tier.engine.incidents("m")
    tier.engine.register(Profile.fit(rows_of(20_000, seed=98), model="m", independent=True))
    for seed in range(4):
        tier.clock.now += 1_000
        newest = tier.engine.record("m").newest
        tier.commit(tier.counted(rows_of(1000, shift=2.0, seed=seed), tier.clock.now, digest=newest))
        tier.pass_time(10)
    tier.pass_time(35)
    assert tier.engine.record("m").digest != former
    (new,) = tier.engine.incidents("m")
    with pytest.raises(InputError, match=f"one of {new['id']}, {old['id']}, got"):
        tier.engine.acknowledge("m", "1")
    assert tier.engine.acknowledge("m", old["id"], "on it")["since"] == old["since"]
    assert tier.engine.incidents("m", former)[0]["acknowledged"]["note"] == "on it"
    assert tier.engine.incidents("m")[0]["acknowledged"] is None


def test_history_comes_parsed_or_as_it_was_kept(tier: Tier) -> None:
    for pane in range(3):
        tier.send(rows_of(500, seed=pane), tier.clock.now)
        tier.pass_time(10)
    tier.pass_time(25)
    parsed = tier.engine.history("m", START, tier.clock.now)
    kept = tier.engine.history_bytes("m", START, tier.clock.now)
    assert len(parsed) == len(kept) == 3
    for content, (at, verdict) in zip(parsed, kept, strict=True):
        assert content == {"at": content["at"], **json.loads(verdict)}
        assert START < at <= tier.clock.now
    assert tier.engine.history("m", 0, START) == []
    assert kept[-1] == (tier.engine.folded("m", tier.engine.record("m").digest), tier.engine.verdict("m"))


def test_one_caller_alone_may_send_a_notice(tier: Tier) -> None:
    claims = [tier.engine.claim_notice("m", key) for key in ("1:opened", "1:opened", "1:closed")]
    assert claims == [True, False, True]


def test_an_expectation_is_listed_until_it_is_taken_away(tier: Tier) -> None:
    tier.engine.expect("m", "x", START + 100_000, "a campaign")
    tier.engine.expect("m", None, START + 50_000)
    since, until = "2023-11-14T22:13:20.000Z", "2023-11-14T22:15:00.000Z"
    assert tier.engine.expected("m") == [
        {"feature": None, "since": since, "until": "2023-11-14T22:14:10.000Z", "note": ""},
        {"feature": "x", "since": since, "until": until, "note": "a campaign"},
    ]
    tier.engine.expect("m", "x", START)
    assert [mark["feature"] for mark in tier.engine.expected("m")] == [None]
