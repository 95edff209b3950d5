"""Streams of slices for tests of the judge, and ways through them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.panes.kept import KeptSlices
from driftmeter.panes.pane import Slice
from driftmeter.panes.windows import Window
from driftmeter.profile.profile import Profile
from driftmeter.verdict.expectation import Expectation
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.judge_state import JudgeState
from driftmeter.verdict.members import LOOK_BACK
from driftmeter.verdict.step import Step
from driftmeter.verdict.verdict import FeatureVerdict, Verdict

START = 1_700_006_400_000  # midnight
PANE = 10_000
ROWS = 500


def orders(rows: int, seed: int, *, shift: float = 0.0, lost: float = 0.0) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    amount = chance.normal(size=rows) + shift
    amount[chance.random(rows) < lost] = np.nan
    return pl.DataFrame({"amount": amount, "weight": chance.normal(size=rows), "city": chance.choice(["a", "b"], rows)})


def summary_of(profile: Profile, frame: pl.DataFrame) -> Summary:
    reader = Reader(profile)
    rows, _, _ = reader.read_columns(columns_of(as_frame(frame), reader.names))
    return Binner(profile).observe(rows)


def slices(
    profile: Profile,
    number: int,
    *,
    first: int = 0,
    shift: float = 0.0,
    lost: float = 0.0,
    rows: int = ROWS,
    length: int = PANE,
) -> list[Slice]:
    """Return consecutive slices, the first of them the `first` one from the start."""
    return [
        Slice(START + length * place, length, summary_of(profile, orders(rows, 1000 + place, shift=shift, lost=lost)))
        for place in range(first, first + number)
    ]


def follow(
    judge: Judge,
    given: Sequence[Slice],
    state: JudgeState | None = None,
    expected: Sequence[Expectation] = (),
    kept: KeptSlices | None = None,
) -> tuple[JudgeState, list[Step]]:
    """Judge slices one after the other; the history is that of the slices given here, and of those `kept` before."""
    state = state or judge.start()
    steps, kept = [], KeptSlices(LOOK_BACK) if kept is None else kept
    for slice_ in given:
        kept.add(slice_)
        state, step = judge.step(state, slice_, expected, kept.since)
        steps.append(step)
    return state, steps


def verdict_of(judge: Judge, state: JudgeState, newest: Slice) -> Verdict:
    return judge.verdict(state, Window(newest.start, newest.end, 1, newest.summary))


def feature_of(verdict: Verdict, name: str) -> FeatureVerdict:
    (feature,) = (feature for feature in verdict.features if feature.feature == name)
    return feature


def state_of(verdict: Verdict, feature: str = "amount") -> tuple[str, str]:
    described = feature_of(verdict, feature)
    return described.state, described.why
