"""The kind of change in live verdicts and incidents, and through the bytes of a state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from driftmeter.detectors import Cause
from driftmeter.profile.profile import Profile
from driftmeter.verdict.changes import Change, Recogniser, leading
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.member import Member
from tests.verdict.streams import feature_of, follow, slices, verdict_of


def test_the_verdict_the_incident_and_the_sentence_tell_the_same_change(profile: Profile) -> None:
    judge = Judge(profile)
    given = [*slices(profile, 5), *slices(profile, 6, first=5, shift=1.5)]
    state, _ = follow(judge, given)
    verdict = verdict_of(judge, state, given[-1])
    change = feature_of(verdict, "amount").change
    assert change is not None
    assert (change.kind, change.factor) == ("shift", 1.0)
    assert change.offset == pytest.approx(1.5, abs=0.15)
    assert feature_of(verdict, "amount").why.startswith(f"Is shifted by about +{change.offset:g}: rose from ")
    document = verdict.to_json()
    (member,) = document["incident"]["features"]
    assert member["change"]["kind"] == "shift"
    assert [one["change"] for one in document["features"] if one["feature"] == "weight"] == [None]


def test_what_the_detector_keeps_no_counts_of_is_recognised_by_the_history(profile: Profile) -> None:
    judge, given = Judge(profile), slices(profile, 6, lost=0.1)
    state, _ = follow(judge, given)
    verdict = feature_of(verdict_of(judge, state, given[-1]), "amount")
    assert verdict.change is not None
    assert verdict.change.kind == "missing"
    assert verdict.why.startswith("Missing values rose from 0 % to ")  # which says it already
    assert verdict.change.share == pytest.approx(0.1, abs=0.03)


def test_a_state_remembers_the_change_of_each_member_or_none(profile: Profile) -> None:
    judge = Judge(profile)
    state, _ = follow(judge, [*slices(profile, 5), *slices(profile, 6, first=5, shift=1.5)])
    assert judge.loads(judge.dumps(state)).incidents == state.incidents
    member = state.incidents[0].members["amount"]
    for recognised in (None, Change("new", "has the new category 'x'", share=0.1, names=("x",))):
        one = replace(member, recognised=recognised)
        assert Member.load(one.dump()) == one
    # as it was written before changes were recognised
    assert Member.load(replace(member, recognised=None).dump()).recognised is None
    with pytest.raises(ValueError, match="expected a kind of change, got 'odd'"):
        Change.from_json({"kind": "odd", "text": "is odd"})


def test_dependent_rows_count_as_few(profile: Profile) -> None:
    _, part = next(iter(profile.slices()))
    counts = slices(profile, 1, shift=1.5, rows=2_000)[0].summary.counts[part]
    cause = Cause("mean", False, 1.5, 0.0, 0, 2_000, counts)
    independent = Recogniser(profile.features, lambda name, rows, length: rows)
    dependent = Recogniser(profile.features, lambda name, rows, length: rows / 50)
    found = independent.of(0, cause)
    assert found is not None
    assert found.kind == "shift"
    assert dependent.of(0, cause) is None
    assert independent.of(0, cause) is found  # the same counts are not worked out again
    assert independent.of(0, replace(cause, counts=np.zeros_like(counts)), before=found) is found


def test_texts_that_hardly_came_are_no_new_names() -> None:
    assert leading([("UAL", 90), ("Ual", 10), ("x", 1)]) == ("UAL", "Ual")
    assert leading([]) == ()
