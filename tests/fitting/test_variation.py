from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.detectors.run import Pace
from driftmeter.fitting.clusters import clusters_of_categories, clusters_of_numbers
from driftmeter.fitting.variation import calibrate
from driftmeter.panes.pane import Slice
from driftmeter.panes.windows import Window
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import HOUR
from driftmeter.types import Floats
from driftmeter.verdict.judge import Judge
from tests.detectors.samples import categories, category_grid, present

START = 1_704_067_200_000
ROWS = 50
"""An hour."""


def traffic(values: Floats, hours: int, first: int = 0) -> pl.DataFrame:
    times = np.repeat(np.arange(first, first + hours), ROWS) * HOUR + np.tile(np.arange(ROWS) * 60_000, hours)
    return pl.DataFrame({"x": values, "at": pl.Series(times + START).cast(pl.Datetime("ms"))})


def weather(hours: int, seed: int) -> Floats:
    """Return values whose rows of an hour are nearly alike, and whose hours follow each other slowly."""
    chance = np.random.default_rng(seed)
    level = np.zeros(hours)
    for hour in range(1, hours):
        level[hour] = 0.9 * level[hour - 1] + chance.normal(scale=np.sqrt(1 - 0.81))
    return np.repeat(level, ROWS) + 0.2 * chance.normal(size=hours * ROWS)


def calibration_of(frame: pl.DataFrame, **how: Any) -> Calibration | None:
    return Profile.fit(frame, model="m", time="at", **how).calibration


def calibrated(frame: pl.DataFrame, **how: Any) -> Calibration:
    return present(calibration_of(frame, **how))


def test_independent_rows_vary_as_chance_has_it() -> None:
    calibration = calibrated(traffic(np.random.default_rng(1).normal(size=1000 * ROWS), 1000))
    assert calibration.lengths[0] == HOUR
    assert calibration.windows[:2] == (999, 499)  # the last hour is not over
    # the upper end of the variance's interval adds a few per cent of 1/n
    assert calibration.scores[:, 0].max(axis=1) == pytest.approx(0, abs=0.005)


def test_rows_that_come_in_equal_twenties_count_as_one() -> None:
    chance = np.random.default_rng(2)
    values = np.repeat(chance.normal(size=1000 * ROWS // 25), 25)
    calibration = calibrated(traffic(values, 1000))
    # two different values an hour: the variance of a mean is 1/2, of which 1/50 is chance's share
    assert calibration.scores[0, 0, 0] == pytest.approx(1 / 2 - 1 / 50, rel=0.15)


def test_a_series_that_follows_itself_alarms_only_where_it_counts_as_independent() -> None:
    hours = 2000
    reference, live = traffic(weather(hours, 3), hours), weather(600, 4)
    opened = []
    hows: tuple[dict[str, Any], ...] = ({"time": "at"}, {"independent": True, "exclude": ["at"]})
    for how in hows:
        profile = Profile.fit(reference, model="m", **how)
        judge, count = Judge(profile), 0
        reader, binner = Reader(profile), Binner(profile)
        state = judge.start()
        for hour in range(600):
            frame = as_frame(pl.DataFrame({"x": live[hour * ROWS : (hour + 1) * ROWS]}))
            rows, _, _ = reader.read_columns(columns_of(frame, reader.names))
            state, step = judge.step(state, Slice(START + hour * HOUR, HOUR, binner.observe(rows)))
            count += len(step.opened)
        opened.append(count)
        newest = Slice(START, HOUR, binner.observe(rows))
        assert judge.verdict(state, Window(0, HOUR, 1, newest.summary)).features[0].evidence is not None
    assert opened[0] == 0
    assert opened[1] > 0


def test_too_short_a_reference_gives_no_calibration() -> None:
    assert calibration_of(traffic(np.random.default_rng(5).normal(size=11 * ROWS), 11)) is None
    assert calibrated(traffic(np.random.default_rng(5).normal(size=13 * ROWS), 13)).windows == (12,)


def test_a_sparse_pane_after_a_burst_is_no_reason_to_fail() -> None:
    # 24 panes of 10 seconds, and one of an hour that the pairs of them leave out
    times = np.concatenate([np.repeat(np.arange(24) * 10_000, 100), 240_000 + np.arange(93) * 40_000])
    values = np.random.default_rng(9).normal(size=len(times))
    calibration = calibrated(pl.DataFrame({"x": values, "at": pl.Series(times + START + 1).cast(pl.Datetime("ms"))}))
    assert calibration.windows == (25,)


def test_a_category_that_is_called_unseen_has_no_clusters_of_unseen_ones() -> None:
    feature = categories([500, 500])
    feature = replace(feature, grid=replace(category_grid(feature), categories=("unseen", "seen")))
    panes = [(np.array([50, 50, 0, 0, 0, 0]), Pace(HOUR, HOUR))] * 20
    calibration = present(calibrate([feature], panes, {(0, "unseen"): (30.0, 10.0)}))
    clusters = dict(zip(["own", "seen", "missing", "unreadable", "unseen"], calibration.clusters.tolist(), strict=True))
    assert clusters["own"] == [0, 0]
    assert clusters["unseen"] == [30, 10]


def test_the_order_of_rows_does_not_matter() -> None:
    frame = traffic(weather(100, 6), 100)
    assert calibration_of(frame) == calibration_of(frame.sample(fraction=1, shuffle=True, seed=7))


def test_by_hour_each_hour_is_compared_with_itself() -> None:
    chance = np.random.default_rng(8)
    hours = 40 * 24
    values = np.repeat(np.sin(np.arange(hours) % 24 / 24 * 2 * np.pi), ROWS) + chance.normal(size=hours * ROWS)
    plain, by_hour = calibrated(traffic(values, hours)), calibrated(traffic(values, hours), by_hour=True)
    assert plain.scores[0, 0, 0] > 0.2
    assert by_hour.scores[0, 0, 0] < 0.02
    assert plain.hours.shape[0] == 0
    assert by_hour.hours[:, 0, 0].max() > 0.5


def test_a_score_that_the_hour_explains_is_compared_with_all_hours() -> None:
    values = np.repeat(np.arange(40 * 24) % 24, ROWS).astype(float)
    assert not calibrated(traffic(values, 40 * 24), by_hour=True).hours[:, 0, 0].any()


def test_records_are_the_rows_of_one_day_beyond_those_of_all_others() -> None:
    days = np.repeat([0, 1, 2], 40)
    values = np.concatenate([np.linspace(0, 1, 40), np.linspace(-3, 1, 40), np.linspace(0.5, 2, 40)])
    records = clusters_of_numbers(values, days)
    assert records["above"] == ((values > 1).sum(), (values > 1).sum())
    assert records["below"] == ((values < 0).sum(), (values < 0).sum())
    assert clusters_of_numbers(values[:30], days[:30]) == {}


def test_categories_of_one_day_come_in_clusters() -> None:
    codes = np.array([0, 0, 0, 1, 2, 2, -1])
    days = np.array([0, 1, 1, 1, 0, 0, 1])
    assert clusters_of_categories(codes, days) == {"unseen": (3.0, 5 / 3)}


def local_shop(months: range, seed: int) -> pl.DataFrame:
    """Return rows of Berlin's days: what comes in depends on the hour that its clocks show."""
    chance = np.random.default_rng(seed)
    hours = np.arange(months.start * 30 * 24, months.stop * 30 * 24)
    utc = pl.Series("at", np.repeat(START + hours * HOUR, ROWS)).cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
    shown = utc.dt.convert_time_zone("Europe/Berlin").dt.hour().to_numpy()
    values = np.sin(shown / 24 * 2 * np.pi) + chance.normal(size=len(utc))
    return pl.DataFrame({"x": values, "at": utc})


def pages(profile: Profile, frame: pl.DataFrame) -> int:
    judge, reader, binner = Judge(profile), Reader(profile), Binner(profile)
    state, opened = judge.start(), 0
    for (at,), part in frame.group_by("at", maintain_order=True):
        rows, _, _ = reader.read_columns(columns_of(as_frame(part), reader.names))
        start = int(at.timestamp()) * 1000
        state, step = judge.step(state, Slice(start, HOUR, binner.observe(rows)))
        opened += len(step.opened)
    return opened


def test_by_hour_rows_that_fill_no_pane_are_not_calibrated() -> None:
    assert calibration_of(traffic(np.zeros(ROWS), 1)[1:2], by_hour=True) is None


def test_by_hour_the_clocks_of_the_zone_say_the_hour_in_summer_too() -> None:
    winter, summer = local_shop(range(2), 11), local_shop(range(4, 6), 12)
    profiles = {
        zone: Profile.fit(winter, model="m", time="at", by_hour=True, zone=zone) for zone in ("UTC", "Europe/Berlin")
    }
    at_noon = {zone: present(profile.calibration).hours[12, 0, 0] for zone, profile in profiles.items()}
    assert at_noon["Europe/Berlin"] == pytest.approx(0, abs=0.1)
    assert at_noon["UTC"] < -0.1  # thirteen by the clocks of Berlin
    assert pages(profiles["Europe/Berlin"], summer) == 0
    assert pages(profiles["UTC"], summer) > 0


def test_by_hour_a_zone_beside_the_hours_of_utc_has_hours_of_its_own() -> None:
    times = pl.Series("at", np.repeat(START + np.arange(40 * 48) * HOUR // 2, 10)).cast(pl.Datetime("ms"))
    shown = (np.repeat(np.arange(40 * 48) // 2 % 24 >= 12, 10)).astype(float)
    frame = pl.DataFrame({"x": shown + np.random.default_rng(13).normal(size=len(shown)), "at": times})
    frame = frame.with_columns(at=pl.col("at") - pl.duration(minutes=330))  # naive, and UTC
    aware = frame.with_columns(pl.col("at").dt.replace_time_zone("UTC"))
    profile = Profile.fit(aware, model="m", time="at", by_hour=True, zone="Asia/Kolkata")
    hours = present(profile.calibration).hours[:, 0, 0]
    assert hours[11] < -0.2 < 0.2 < hours[12]
