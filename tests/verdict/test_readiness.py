"""After how many rows features are judged, as rows come in the reference."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY
from driftmeter.verdict.readiness import judged_after
from tests.verdict.streams import START


@pytest.mark.parametrize("rows", [3_700, 4_000, 4_300])
def test_a_category_of_all_rows_has_no_more_than_the_rows_of_a_rehearsed_pane(rows: int) -> None:
    times = np.sort(np.random.default_rng(3).integers(START, START + 30 * DAY, rows))
    frame = pl.DataFrame({"plan": ["basic"] * rows, "lost": [None] * rows, "at": times}).with_columns(
        pl.col("at").cast(pl.Datetime("ms", "UTC")), pl.col("lost").cast(pl.String)
    )
    after, blind = judged_after(Profile.fit(frame, model="m", time="at"))
    assert blind == 0
    assert after > 0
