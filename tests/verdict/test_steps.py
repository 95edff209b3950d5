"""Many slices judged at once: the states and steps of the judge are those of one slice after another."""

from __future__ import annotations

from itertools import pairwise

import pytest

from driftmeter.panes.kept import KeptSlices
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import Guarantee, ModelSettings
from driftmeter.timestamps import HOUR
from driftmeter.verdict.expectation import Expectation
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.judge_state import JudgeState
from driftmeter.verdict.members import LOOK_BACK
from driftmeter.verdict.step import Step
from tests.verdict.streams import START, follow, slices


@pytest.fixture(scope="module")
def given(profile: Profile) -> list[Slice]:
    """Return eleven days in which a feature drifts twice: incidents open and close, and its windows begin anew."""
    parts = [(40, 0.0, 0.0), (30, 1.0, 0.0), (90, 0.0, 0.0), (20, 0.0, 0.3), (84, 0.0, 0.0)]
    stream: list[Slice] = []
    for number, shift, lost in parts:
        stream += slices(profile, number, first=len(stream), shift=shift, lost=lost, rows=150, length=HOUR)
    # a run of several slices, some of them empty
    stream += slices(profile, 30, first=len(stream) * 10, rows=30, length=HOUR // 10)
    return stream


@pytest.mark.parametrize("guarantee", ["measured", "strict"])
@pytest.mark.parametrize("edges", [[], [1], [41, 42, 70, 200], list(range(0, 294, 10))])
def test_any_split_gives_the_same_steps_and_bytes(
    profile: Profile, given: list[Slice], guarantee: Guarantee, edges: list[int]
) -> None:
    judge = Judge(profile, ModelSettings(guarantee=guarantee))
    state, one_by_one = follow(judge, given)
    assert any(step.opened for step in one_by_one)
    assert guarantee == "strict" or sum(len(step.closed) for step in one_by_one) == 2
    many: JudgeState = judge.start()
    steps: dict[int, Step] = {}
    kept = KeptSlices(LOOK_BACK)
    for first, last in pairwise([0, *edges, len(given)]):
        for index, after, step in judge.steps(many, given[first:last], kept.since):
            many = after
            if first + index < last:
                steps[first + index] = step
        kept.extend(given[first:last])
    assert judge.dumps(many) == judge.dumps(state)
    quiet = Step(), Step(read=True)
    assert all(one_by_one[index] in quiet for index in set(range(len(given))) - steps.keys())
    assert [one_by_one[index] for index in steps] == [*steps.values()]
    assert guarantee == "strict" or len(steps) < len(given) * 2 / 3


def test_expectations_need_one_slice_after_another(profile: Profile, given: list[Slice]) -> None:
    judge = Judge(profile)
    state, _ = follow(judge, given[:1], expected=[Expectation("amount", START, START + 9 * HOUR)])
    with pytest.raises(ValueError, match="expected no expectations, got some of amount"):
        next(judge.steps(state, given[1:]))
