"""Whether a profile can be used: all that a server does with one, done once before it is anybody's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from driftmeter.binning import Binner
from driftmeter.drift import Scorer
from driftmeter.errors import ProfileError
from driftmeter.panes import Window
from driftmeter.profile import Profile
from driftmeter.rows import Reader
from driftmeter.summary import Summary
from driftmeter.verdict import JudgeSettings, JudgeState, judge


def check_usable(profile: Profile, settings: JudgeSettings) -> None:
    """Compile a profile and judge windows by it: one of no rows, of the reference's, and of nothing it knew.

    Raises ProfileError where any of that fails.
    """
    try:
        _rehearse(profile, settings)
    except Exception as error:
        raise ProfileError(f"the profile cannot be judged: {type(error).__name__}: {error}"[:300]) from error


def _rehearse(profile: Profile, settings: JudgeSettings) -> None:
    profile.dumps()  # as it is kept: half a surrogate pair cannot be
    rows = Reader(profile).read_records([{}])[0]
    missing = Binner(profile).observe(rows)
    reference = Summary(profile.rows, np.concatenate([feature.reference for feature in profile.features]))
    ends = np.zeros(profile.bins, np.int64)
    ends[np.array(profile.offsets[1:]) - 1] = profile.rows
    scorer = Scorer(profile.features)
    settings = replace(settings, min_rows=1)
    state = JudgeState()
    windows = (Summary.zero(profile.bins), missing, reference, Summary(profile.rows, ends))
    for pane, summary in enumerate(windows):
        window = Window(1_000 * pane, 1_000 * (pane + 1), 1, summary)
        verdict, state = judge(profile, scorer.scores(summary.counts), window, window.start, state, settings)
        verdict.dumps()
        state = JudgeState.loads(state.dumps())
