from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.detectors.bins import CompiledBins
from driftmeter.errors import DriftmeterError, ProfileError, UnreadableWarning
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import HOUR
from tests.detectors.samples import present

START = dt.datetime(2024, 1, 1, 0, 0, 1)
ROWS = 3_000


@pytest.fixture
def frame() -> pl.DataFrame:
    """50 hours of a row a minute, with a column of every kind; the last category comes on one day only."""
    chance = np.random.default_rng(1)
    kind = chance.choice(["a", "b", "c"], ROWS)
    kind[1_500:1_505] = "d"
    numbers = chance.normal(size=ROWS)
    numbers[:20] = 9 + np.arange(20) / 10
    return pl.DataFrame(
        {
            "x": numbers,
            "kind": kind,
            "member": chance.random(ROWS) < 0.5,
            "nothing": pl.Series([None] * ROWS, dtype=pl.String),
            "at": [START + dt.timedelta(minutes=minute) for minute in range(ROWS)],
        }
    )


def fit(frame: pl.DataFrame, **how: Any) -> Profile:
    return Profile.fit(frame, model="m", time="at", kinds={"nothing": "categorical"}, **how)


def clusters(profile: Profile) -> dict[tuple[str, str], tuple[float, float]]:

    tables = CompiledBins(profile.features)
    names = [
        (profile.features[owner].name, name) for owner, name in zip(tables.rare_owner, tables.rare_names, strict=True)
    ]
    return {
        name: (cluster[0], cluster[1])
        for name, cluster in zip(names, present(profile.calibration).clusters.tolist(), strict=True)
    }


def test_a_profile_with_times_is_calibrated_and_reads_back_as_it_was(frame: pl.DataFrame) -> None:
    profile = fit(frame)
    assert profile.calibration is not None
    assert profile.calibration.windows[0] > 12
    assert list(profile.calibration.lengths) == sorted(profile.calibration.lengths)
    assert Profile.loads(profile.dumps()) == profile
    assert Profile.loads(profile.dumps()).digest == profile.digest


def test_the_profile_does_not_depend_on_the_order_of_the_rows(frame: pl.DataFrame) -> None:
    assert fit(frame.sample(fraction=1, shuffle=True, seed=2)).dumps() == fit(frame).dumps()


def test_what_comes_on_one_day_only_counts_as_one_event(frame: pl.DataFrame) -> None:
    by_bin = clusters(fit(frame))
    # the rows of the first day beyond those of the others
    numbers, days = frame["x"].to_numpy(), frame["at"].dt.date().to_numpy()
    first = days == days[0]
    records = int((numbers > numbers[~first].max()).sum())
    assert records >= 20
    assert by_bin["x", "above"] == pytest.approx((records, records), rel=0.01)
    assert by_bin["kind", "unseen"] == (5, 5)
    assert by_bin["kind", "a"] == (0, 0)


def test_rows_without_a_time_are_left_out(frame: pl.DataFrame) -> None:
    holes = frame.with_columns(at=pl.when(pl.int_range(ROWS) % 10 > 0).then("at"))
    with pytest.warns(UnreadableWarning, match=r"300 of 3,000 \(10 %\) cannot be read, .* These rows count, but not"):
        profile = fit(holes, allow_unreadable_times=True)
    assert profile.rows == ROWS
    whole, cut = present(fit(frame).calibration), present(profile.calibration)
    # nine tenths of the rows an hour, in windows of as many rows: a ninth longer
    assert cut.lengths[0] == pytest.approx(whole.lengths[0], rel=0.2)
    assert cut.windows[0] < whole.windows[0] + 1


def test_a_column_of_which_over_a_hundredth_has_no_times_is_refused_by_name(frame: pl.DataFrame) -> None:
    holes = frame.with_columns(at=pl.when(pl.int_range(ROWS) >= 31).then("at"))
    error = (
        r"time 'at': expected a time of 1971 to 2100: .*, got 31 of 3,000 \(1.03 %\) cannot be read, such as row 0: "
    )
    with pytest.raises(
        ProfileError, match=error + r"nothing; row 1: nothing; row 2: nothing\. .*--allow-unreadable-times"
    ):
        fit(holes)
    with pytest.raises(DriftmeterError, match="milliseconds"):
        fit(frame.with_columns(at=pl.col("at").dt.epoch("ms")))
    with pytest.raises(ProfileError, match=r"3,000 of 3,000 \(100 %\)"):
        fit(frame.with_columns(at=pl.lit("soon")), allow_unreadable_times=True)


def test_a_few_rows_without_a_time_are_said_and_left_out(frame: pl.DataFrame) -> None:
    holes = frame.with_columns(at=pl.when(pl.int_range(ROWS) >= 30).then("at"))
    with pytest.warns(UnreadableWarning, match=r"Time 'at': 30 of 3,000 \(1 %\) cannot be read"):
        fit(holes)


def test_too_few_rows_give_no_calibration(frame: pl.DataFrame) -> None:
    assert fit(frame.head(200)).calibration is None


def test_rows_that_are_independent_need_none(frame: pl.DataFrame) -> None:
    assert fit(frame, independent=True).calibration is None


def test_hourly_stamps_make_panes_of_an_hour() -> None:
    times = [START.replace(second=0) + dt.timedelta(hours=hour) for hour in range(400)]
    profile = Profile.fit(
        pl.DataFrame({"x": np.random.default_rng(3).normal(size=400), "at": times}), model="m", time="at"
    )
    calibration = present(profile.calibration)
    assert calibration.lengths[0] == HOUR
    # the last hour may not be over
    assert calibration.windows[0] in (399, 400)


def test_a_reference_of_more_panes_than_are_looked_at_has_them_merged(
    frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = present(fit(frame).calibration)
    monkeypatch.setattr("driftmeter.fitting.from_rows.most_panes", lambda bins: 20)
    merged = present(fit(frame).calibration)
    assert merged.lengths == whole.lengths[-len(merged.lengths) :]
    assert np.array_equal(merged.scores[0], whole.scores[-len(merged.lengths)])
