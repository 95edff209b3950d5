"""When a drift began: by the rows of the panes that are kept."""

from __future__ import annotations

import numpy as np
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Slice
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import HOUR
from driftmeter.verdict.contrast import Contrast
from driftmeter.verdict.onset import onset_of
from tests.verdict.streams import START, slices

WHOLE = 60


def amount(profile: Profile) -> tuple[Feature, slice]:
    ((feature, part),) = ((feature, part) for feature, part in profile.slices() if feature.name == "amount")
    return feature, part


@pytest.mark.parametrize(("shift", "lost", "what"), [(0.5, 0, "mean"), (0.5, 0, "bins"), (0, 0.05, "missing")])
@pytest.mark.parametrize("found", [52, 40, 30])
def test_the_onset_is_the_pane_in_which_rows_changed_whichever_window_found_it(
    profile: Profile, shift: float, lost: float, what: str, found: int
) -> None:
    feature, part = amount(profile)
    given = [
        *slices(profile, 40, rows=200, length=HOUR),
        *slices(profile, 20, first=40, rows=200, length=HOUR, shift=shift, lost=lost),
    ]
    contrast = Contrast(feature, what, category=False)
    onset = onset_of(contrast, given, part, given[found].start, lambda rows, length: rows)
    assert onset.since == given[40].start
    assert onset.earliest <= onset.since <= onset.latest
    assert onset.latest - onset.earliest <= 3 * HOUR
    assert onset.rows.sum() == 20 * 200


def test_rows_that_are_worth_less_leave_the_onset_less_certain(profile: Profile) -> None:
    feature, part = amount(profile)
    given = [*slices(profile, 40, rows=50), *slices(profile, 20, first=40, rows=50, shift=0.5)]
    contrast = Contrast(feature, "mean", category=False)
    sure = onset_of(contrast, given, part, given[45].start, lambda rows, length: rows)
    unsure = onset_of(contrast, given, part, given[45].start, lambda rows, length: rows / 20)
    assert sure.since == unsure.since
    assert unsure.latest - unsure.earliest > 3 * (sure.latest - sure.earliest)


def test_the_range_holds_the_true_start_nine_times_in_ten(profile: Profile) -> None:
    feature, part = amount(profile)
    contrast, rng = Contrast(feature, "missing", category=False), np.random.default_rng(1)
    missing = part.start + feature.grid.special["missing"]
    held, trials = 0, 300
    for _ in range(trials):
        given = []
        for place, lost in enumerate(rng.binomial(100, np.where(np.arange(WHOLE) < 30, 0.0001, 0.004)).tolist()):
            counts = np.zeros(profile.bins, np.int64)
            counts[part.start + feature.grid.size // 2], counts[missing] = 100 - lost, lost
            given.append(Slice(START + place * HOUR, HOUR, Summary(100, counts)))
        onset = onset_of(contrast, given, part, given[40].start, lambda rows, length: rows)
        held += onset.earliest <= START + 30 * HOUR <= onset.latest
    assert 0.82 <= held / trials <= 0.97
