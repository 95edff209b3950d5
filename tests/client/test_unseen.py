"""Texts of unseen categories leave the process only where the monitor allows it and the tier asks for them."""

from __future__ import annotations

import pytest

from driftmeter.client.ledger import Ledger
from driftmeter.counts.unseen import NO_TEXTS
from driftmeter.panes.pane import PaneKey
from driftmeter.profile.profile import Profile
from tests.client.rig import START, Rig
from tests.client.samples import ROW, directly

NOW = START / 1000


def sent(rig: Rig) -> list[dict[str, dict[str, int]]]:
    """Return the texts of each pane that the tier took."""
    return [{name: dict(texts) for name, texts in pane.summary.unseen.counts.items()} for pane in rig.tier.received]


def test_texts_go_with_the_counts_and_add_up(profile: Profile) -> None:
    rig = Rig(profile)
    rig.report(2, NOW, city="Rom")
    rig.report(1, NOW, city="Ely\x1b[2J")
    rig.report(3, NOW)
    both = {"city": {"Ely\ufffd[2J": 1, "Rom": 2}}
    assert sent(rig) == [{"city": {"Rom": 2}}, both, both]
    assert rig.tier.summary(profile).check(profile) is None


@pytest.mark.parametrize("wanted", [True, False])
def test_a_monitor_may_refuse_to_send_texts_and_a_tier_to_take_them(profile: Profile, wanted: bool) -> None:
    rig = Rig(profile, unseen_texts=not wanted)
    rig.tier.unseen_texts = wanted
    rig.report(2, NOW, city="Rom")
    assert sent(rig) == [{}]
    assert rig.tier.summary(profile).counts.tolist() == directly(profile, [{**ROW, "city": "Rom"}] * 2).counts.tolist()


def test_a_tier_that_changes_its_mind_gets_what_it_asks_for(profile: Profile) -> None:
    rig = Rig(profile)
    for wanted in (True, False, True):
        rig.tier.unseen_texts = wanted
        rig.report(1, NOW, city="Rom")
    rig.report(1, NOW)
    # a source knows from the answer to the pane before
    assert sent(rig) == [{"city": {"Rom": 1}}, {"city": {"Rom": 2}}, {}, {"city": {"Rom": 3}}]


def test_a_tier_that_says_nothing_of_texts_is_an_older_one_and_gets_none(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(profile)
    info = rig.tier._info
    monkeypatch.setattr(rig.tier, "_info", lambda: {**info(), "unseen_texts": None})
    rig.report(1, NOW, city="Rom")
    assert sent(rig) == [{}]


def test_texts_count_in_the_memory_of_panes_and_go_with_them(profile: Profile) -> None:
    ledger = Ledger("s", 10**9)
    key = PaneKey(0, 1_000, profile.digest)
    ledger.add(key, directly(profile, [ROW]))
    plain = ledger.bytes
    for number in range(100):
        ledger.add(key, directly(profile, [{**ROW, "city": f"{number}" + "x" * 1000}]))
    assert 0 < ledger.bytes - plain < 20_000
    pane = ledger.pane(key)
    assert pane is not None
    assert len(pane.summary.unseen.counts["city"]) == 8
    assert ledger.refuse(key) == 101
    refused = ledger.pane(key)
    assert refused is not None
    assert refused.summary.unseen is NO_TEXTS
    ledger.forget(2_000)
    assert ledger.bytes == 0
