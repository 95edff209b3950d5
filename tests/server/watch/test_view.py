from __future__ import annotations

from dataclasses import replace

import pytest

from driftmeter.panes.timing import Timing
from driftmeter.server.watch.view import ModelView, next_view
from driftmeter.store.records import ModelRecord

RECORD = ModelRecord("m", "one", Timing(1_000, 0), 0, "one", folded=5_000)
BODY = b'{"state": "ok"}'


def test_a_first_view_is_of_now_and_knows_no_sources() -> None:
    expected = ModelView("m", "one", 1_000, BODY, {"state": "ok"}, None, 7.0, 0, 5_000)
    assert next_view(None, RECORD, BODY, 7.0) == expected


def test_the_same_verdict_again_is_the_same_object_and_no_fresher() -> None:
    before = replace(next_view(None, RECORD, BODY, 7.0), coverage=0.5, silent=2)
    after = next_view(before, replace(RECORD, folded=6_000), BODY, 9.0)
    assert after == replace(before, folded=6_000)
    assert after.verdict is before.verdict


@pytest.mark.parametrize(("digest", "body"), [("two", BODY), ("one", b"{}")])
def test_another_verdict_or_profile_makes_a_new_view_with_the_same_sources(digest: str, body: bytes) -> None:
    before = replace(next_view(None, RECORD, BODY, 7.0), coverage=0.5, silent=2)
    after = next_view(before, replace(RECORD, digest=digest), body, 9.0)
    assert (after.digest, after.body, after.refreshed) == (digest, body, 9.0)
    assert (after.coverage, after.silent) == (0.5, 2)


def test_a_view_matches_its_record_until_something_that_it_shows_changes() -> None:
    view = next_view(None, RECORD, BODY, 7.0)
    assert view.matches(replace(RECORD, frozen=9_000, holder="a"))
    for changed in (replace(RECORD, digest="two"), replace(RECORD, folded=6_000), replace(RECORD, timing=Timing(500))):
        assert not view.matches(changed)


@pytest.mark.parametrize(("pane", "seconds"), [(100, 2.0), (1_000, 2.0), (10_000, 20.0)])
def test_a_view_is_current_for_two_panes_and_two_seconds_at_least(pane: int, seconds: float) -> None:
    view = replace(next_view(None, RECORD, BODY, 0.0), pane=pane)
    assert view.current(seconds)
    assert not view.current(seconds + 0.1)
