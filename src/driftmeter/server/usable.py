"""Check that a profile can be used: do once, before it is registered, all that a server does with profiles."""

from __future__ import annotations

import numpy as np

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.errors import ProfileError
from driftmeter.panes.pane import Slice
from driftmeter.panes.windows import Window
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import HOUR
from driftmeter.verdict.judge import Judge


def check_usable(profile: Profile, settings: ModelSettings) -> None:
    """Compile a profile, and judge windows by it: no rows, missing values, the reference's rows, unseen values.

    Raises ProfileError if any of that fails.
    """
    try:
        _rehearse(profile, settings)
    except Exception as error:
        raise ProfileError(f"the profile cannot be judged: {type(error).__name__}: {error}"[:300]) from error


def _rehearse(profile: Profile, settings: ModelSettings) -> None:
    profile.dumps()  # as it is stored: a name may hold half a surrogate pair, which has no UTF-8
    rows = Reader(profile).read_records([{}])[0]
    missing = Binner(profile).observe(rows)
    reference = Summary(profile.rows, np.concatenate([feature.reference for feature in profile.features]))
    ends = np.zeros(profile.bins, np.int64)
    ends[np.array(profile.offsets[1:]) - 1] = profile.rows
    judge = Judge(profile, settings)
    state = judge.start()
    windows = (Summary.zero(profile.bins), missing, reference, Summary(profile.rows, ends))
    for pane, summary in enumerate(windows):
        state, _ = judge.step(state, Slice(HOUR * pane, HOUR, summary))
        judge.verdict(state, Window(HOUR * pane, HOUR * (pane + 1), 1, summary)).dumps()
        state = judge.loads(judge.dumps(state))
