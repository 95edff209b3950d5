"""The judge's state: it can be kept as bytes at any slice, and another detector keeps its incidents."""

from __future__ import annotations

import json
import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftmeter.errors import StoreError
from driftmeter.fitting.from_live import calibration_of
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import HOUR
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.judge_state import incidents_in, live_calibration_in
from tests.verdict.streams import follow, slices, verdict_of


@settings(max_examples=15, deadline=None)
@given(cuts=st.sets(st.integers(1, 11)), strict=st.booleans())
def test_a_state_that_was_kept_goes_on_as_if_it_had_not_been(profile: Profile, cuts: set[int], strict: bool) -> None:
    judge = Judge(profile, ModelSettings(guarantee="strict" if strict else "measured"))
    given = [*slices(profile, 6), *slices(profile, 6, first=6, shift=0.8)]
    whole, steps = follow(judge, given)
    state, steps_after_cuts = judge.start(), []
    for index, slice_ in enumerate(given):
        if index in cuts:
            state = Judge(profile, judge.settings).loads(judge.dumps(state))
        state, step = judge.step(state, slice_)
        steps_after_cuts.append(step)
    assert judge.dumps(state) == judge.dumps(whole)
    assert steps_after_cuts == steps
    assert verdict_of(judge, state, given[-1]).dumps() == verdict_of(judge, whole, given[-1]).dumps()


def test_the_state_of_another_detector_keeps_its_incidents(profile: Profile) -> None:
    judge = Judge(profile)
    state, _ = follow(judge, slices(profile, 5, shift=1.0))
    strict = Judge(profile, ModelSettings(guarantee="strict"))
    after = strict.loads(judge.dumps(state))
    assert after.incidents == state.incidents
    assert strict.detector is not None
    assert strict.detector.standing(after.detector) is None


def test_bytes_that_are_no_state_are_refused(profile: Profile) -> None:
    judge = Judge(profile)
    with pytest.raises(StoreError, match="cannot be read"):
        judge.loads(b"\x05\0\0\0{}")
    assert judge.dumps(judge.loads(b"")) == judge.dumps(judge.start())
    assert incidents_in(b"") == ()


def test_the_state_of_another_version_has_no_incidents_to_show_and_is_refused(profile: Profile) -> None:
    judge = Judge(profile)
    data = judge.dumps(follow(judge, slices(profile, 5, shift=1.0))[0])
    assert incidents_in(data)
    (length,) = struct.unpack_from("<I", data)
    head = json.loads(data[4 : 4 + length])
    before = {**head, "incidents": [incident[:3] for incident in head["incidents"]]}
    del before["version"]
    text = json.dumps(before).encode()
    older = struct.pack("<I", len(text)) + text + data[4 + length :]
    assert incidents_in(older) == ()
    with pytest.raises(StoreError, match="expected version 2, got 1"):
        judge.loads(older)


def test_a_state_by_live_traffic_says_which_calibration_it_was_made_with(profile: Profile) -> None:
    plain = replace(profile, independent=False)
    learnt = calibration_of(plain.features, slices(plain, 40, length=HOUR), ModelSettings())
    assert learnt is not None
    judge = Judge(plain, live_calibration=learnt)
    state, steps = follow(judge, slices(plain, 5, shift=3.0, length=HOUR))
    assert not any(step.alarms for step in steps)  # evidence is shown, and nothing pages
    data = judge.dumps(state)
    restored = live_calibration_in(data)
    assert restored is not None
    assert restored.to_json() == learnt.to_json()
    again = Judge(plain, live_calibration=restored)
    assert again.dumps(again.loads(data)) == data
    assert live_calibration_in(Judge(profile).dumps(Judge(profile).start())) is None
    assert live_calibration_in(b"") is None
