"""The next profile from what an engine counted: quiet for what is normal now, and still awake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.engine.engine import Engine
from driftmeter.errors import InputError
from driftmeter.fitting.from_live import LEAST_ROWS, calibration_of, profile_from_live
from driftmeter.panes.pane import Slice
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.store.records import AddRows
from driftmeter.store.sqlite.store import SQLiteStore
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Floats
from driftmeter.verdict.judge import Judge

START = 1_700_006_400_000  # midnight
CLOCK = START + 200 * DAY
DAILY = 24


def shop(rows: int, seed: int, *, wobble: float = 0.0, shift: float = 0.0, city: str | None = None) -> pl.DataFrame:
    """Return rows with numbers that explain each other, categories of which some come once only, and a boolean."""
    chance = np.random.default_rng(seed)
    income = chance.normal(size=rows) + wobble + shift
    cities = chance.choice(["Ulm", "Bonn", "Köln"], size=rows, p=[0.5, 0.3, 0.2]).astype(object)
    strange = chance.random(rows) < 0.05
    cities[strange] = [f"v{number}" for number in chance.integers(0, 10**9, int(strange.sum()))]
    if city is not None:
        cities[chance.random(rows) < 0.3] = city
    paid = income * 0.8 + 0.3 * chance.normal(size=rows)
    paid[chance.random(rows) < 0.05] = np.nan
    return pl.DataFrame({"income": income, "paid": paid, "city": cities.tolist(), "member": chance.random(rows) < 0.7})


def wobbles(days: int, seed: int) -> Floats:
    """Return how far each hour is from the usual: days differ, and so do their hours."""
    chance = np.random.default_rng(seed)
    return np.repeat(chance.normal(scale=0.15, size=days), DAILY) + chance.normal(scale=0.1, size=days * DAILY)


@pytest.fixture(scope="module")
def independent() -> Profile:
    return Profile.fit(shop(20_000, seed=1), model="shop", independent=True)


@pytest.fixture(scope="module")
def uncalibrated() -> Profile:
    return Profile.fit(shop(20_000, seed=1), model="shop")


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(SQLiteStore(None, clock=lambda: CLOCK), timing=Timing(HOUR, 0))
    yield engine
    engine.store.close()


class Log:
    """What comes hour by hour, from a log that closes each hour as it passes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = START

    def hour(self, frame: pl.DataFrame) -> None:
        compiled = self.engine.compiled("shop", self.newest)
        rows, _, _ = compiled.reader.read_columns(columns_of(as_frame(frame), compiled.reader.names))
        parts = self.engine.sort_rows(compiled, rows, self.now)
        self.now += HOUR
        totals = SourceTotals(len(frame), len(frame))
        self.engine.store.commit([AddRows("shop", compiled.profile.digest, "log:", parts, totals, watermark=self.now)])
        self.engine.advance("shop")

    def hours(self, number: int, rows: int, seed: int, **how: Any) -> None:
        for hour in range(number):
            self.hour(shop(rows, seed + hour, **how))

    def days(self, number: int, seed: int, rows: int = 60, **how: Any) -> None:
        for hour, wobble in enumerate(wobbles(number, seed)):
            self.hour(shop(rows, seed + hour, wobble=float(wobble), **how))

    def verdict(self) -> Any:
        return json.loads(self.engine.verdict("shop", self.newest))

    @property
    def newest(self) -> str:
        """The profile that rows are counted by: the active one, a few panes before it is."""
        return self.engine.store.model("shop").newest

    def drifting(self) -> list[str]:
        return [feature["feature"] for feature in self.verdict()["features"] if feature["drifting"]]


@pytest.fixture
def log(engine: Engine) -> Log:
    return Log(engine)


def city_of(profile: Profile) -> tuple[Feature, CategoryGrid]:
    feature = next(feature for feature in profile.features if feature.name == "city")
    assert isinstance(feature.grid, CategoryGrid)
    return feature, feature.grid


def test_the_reference_is_the_rows_of_the_closed_panes_between_two_times(
    log: Log, engine: Engine, independent: Profile
) -> None:
    engine.register(independent)
    log.hours(6, 500, seed=10)
    profile = engine.from_live("shop", START + 2 * HOUR, START + 5 * HOUR)
    assert profile.rows == 1_500
    assert engine.from_live("shop", START + 90_000).rows == 2_500  # the hour under way then is left out
    amounts = pl.concat([shop(500, 10 + hour) for hour in (2, 3, 4)])
    counted = Profile.fit(amounts, model="shop").features
    member = [sum(feature.counts) for feature in profile.features if feature.name == "member"]
    assert member == [sum(counted[-1].counts)]
    assert profile.features[0].counts != independent.features[0].counts
    assert [feature.grid for feature in profile.features if feature.kind == "numeric"] == [
        feature.grid for feature in independent.features if feature.kind == "numeric"
    ]


def test_it_is_not_registered_and_survives_a_round_trip(log: Log, engine: Engine, independent: Profile) -> None:
    engine.register(independent)
    log.hours(3, 500, seed=10)
    profile = engine.from_live("shop", START)
    assert Profile.loads(profile.dumps()) == profile
    assert profile.digest != independent.digest
    assert engine.record("shop").digest == independent.digest
    assert (profile.independent, profile.calibration) == (True, None)


@pytest.mark.parametrize("since", [START, START + 30 * DAY])
def test_too_few_rows_are_refused(log: Log, engine: Engine, independent: Profile, since: int) -> None:
    engine.register(independent)
    log.hours(1, LEAST_ROWS - 1, seed=10)
    with pytest.raises(InputError, match=r"since: expected a time since which there are 1,000 rows, got \d+"):
        engine.from_live("shop", since)


def test_before_the_first_pane_there_is_nothing_to_make_one_of(engine: Engine, independent: Profile) -> None:
    engine.register(independent)
    with pytest.raises(InputError, match="got 0 rows that are closed"):
        engine.from_live("shop", START)


def test_as_many_unseen_categories_as_came_may_come_again(log: Log, engine: Engine, independent: Profile) -> None:
    engine.register(independent)
    log.hours(8, 500, seed=10)
    feature, grid = city_of(engine.from_live("shop", START))
    rest, unseen = sum(feature.counts[grid.rest]), sum(feature.counts[grid.unseen])
    assert 150 < grid.once < 250
    # as in a fitted profile: those are part of `other`, and nothing of the reference is unseen
    assert (rest, unseen, grid.boundary) == (grid.once, 0, 0)


def test_a_drifted_model_is_quiet_once_what_came_is_its_profile(log: Log, engine: Engine, independent: Profile) -> None:
    engine.register(independent)
    log.hours(2, 2_000, seed=10)
    assert log.drifting() == []
    since = log.now
    log.hours(4, 2_000, seed=20, shift=1.0, city="Genf")
    assert {"income", "city"} <= set(log.drifting())
    engine.register(engine.from_live("shop", since))
    log.hours(12, 2_000, seed=30, shift=1.0, city="Genf")
    assert (log.verdict()["state"], log.drifting()) == ("ok", [])
    assert engine.incidents("shop") == []
    log.hours(4, 2_000, seed=50)
    assert {"income", "city"} <= set(log.drifting())


def test_a_number_that_left_its_range_is_quiet_and_its_return_is_seen(
    log: Log, engine: Engine, independent: Profile
) -> None:
    engine.register(independent)
    log.hours(4, 2_000, seed=20, shift=100.0)
    engine.register(engine.from_live("shop", START))
    log.hours(6, 2_000, seed=30, shift=100.0)
    assert log.drifting() == []
    log.hours(3, 2_000, seed=40)
    assert "income" in log.drifting()


def test_days_of_live_traffic_calibrate_what_was_not(log: Log, engine: Engine, uncalibrated: Profile) -> None:
    engine.register(uncalibrated)
    log.days(16, seed=100)
    assert log.verdict()["state"] == "calibrating"
    profile = engine.from_live("shop", START)
    assert profile.calibration is not None
    assert Judge(profile).calibrated
    assert Profile.loads(profile.dumps()).calibration == profile.calibration
    engine.register(profile)
    log.days(8, seed=1_000)
    assert (log.verdict()["state"], engine.incidents("shop")) == ("ok", [])
    log.hours(24, 60, seed=3_000, shift=1.5)
    assert "income" in log.drifting()


def test_a_wave_of_new_categories_is_seen_by_a_calibration_that_knows_some(
    log: Log, engine: Engine, uncalibrated: Profile
) -> None:
    engine.register(uncalibrated)
    log.days(14, seed=100)
    engine.register(engine.from_live("shop", START))
    log.days(1, seed=1_000)
    assert log.drifting() == []
    log.days(1, seed=2_000, city="Genf")
    assert "city" in log.drifting()


def test_a_few_hours_are_too_little_to_be_calibrated(log: Log, engine: Engine, uncalibrated: Profile) -> None:
    engine.register(uncalibrated)
    log.hours(11, 200, seed=10)
    assert engine.from_live("shop", START).calibration is None
    log.hours(1, 200, seed=30)
    profile = engine.from_live("shop", START)
    assert profile.calibration is not None
    assert not Judge(profile).calibrated


def test_slices_of_several_lengths_are_calibrated_as_the_longest(uncalibrated: Profile) -> None:
    part = next(part for feature, part in uncalibrated.slices() if feature.name == "city")
    counts = np.concatenate([feature.reference for feature in uncalibrated.features]) // 100
    assert counts[part].sum() > 0
    fine = [Slice(START + 10_000 * step, 10_000, Summary(200, counts)) for step in range(2 * 360)]
    rough = [Slice(START - HOUR * (20 - step), HOUR, Summary(200, counts)) for step in range(20)]
    calibration = calibration_of(uncalibrated.features, [*rough, *fine], ModelSettings())
    assert calibration is not None
    assert (calibration.windows[0], calibration.lengths[0]) == (22, HOUR)


def test_a_batch_a_day_calibrates_by_days(uncalibrated: Profile) -> None:
    counts = np.concatenate([feature.reference for feature in uncalibrated.features])
    batches = [Slice(START // HOUR * HOUR + day * DAY, HOUR, Summary(uncalibrated.rows, counts)) for day in range(30)]
    calibration = calibration_of(uncalibrated.features, batches, ModelSettings())
    assert calibration is not None
    assert (calibration.lengths[0], calibration.windows[0], calibration.covered) == (DAY, 30, 30 * DAY)


def of_rows(profile: Profile, rows: int) -> Summary:
    """Return the counts of rows that all have the commonest value of each feature."""
    counts = np.zeros(profile.bins, dtype=np.int64)
    for feature, part in profile.slices():
        counts[part.start + int(feature.reference.argmax())] = rows
    return Summary(rows, counts)


def test_a_burst_of_rows_in_the_last_pane_is_calibrated_too(uncalibrated: Profile) -> None:
    slices = [Slice(START // HOUR * HOUR + hour * HOUR, HOUR, of_rows(uncalibrated, 2)) for hour in range(48)]
    slices.append(Slice(START // HOUR * HOUR + 48 * HOUR, HOUR, of_rows(uncalibrated, 3_000)))
    calibration = calibration_of(uncalibrated.features, slices, ModelSettings())
    assert calibration is not None
    assert calibration.sizes == (63,)  # 49 blocks of 3,096 rows; their 24 pairs have 4 each


def test_a_profile_made_of_one_that_was_made_so_expects_what_came_last(uncalibrated: Profile) -> None:
    feature, grid = city_of(uncalibrated)
    parts = [feature.reference.copy() for feature in uncalibrated.features]
    slices = [Slice(START, HOUR, Summary(uncalibrated.rows, np.concatenate(parts)))]
    once = profile_from_live(uncalibrated, slices, ModelSettings())
    twice = profile_from_live(once, slices, ModelSettings())
    assert twice == once
    assert city_of(once)[1].once == 0  # all that came was known
    assert city_of(once)[0].counts == feature.counts
    assert grid.once > 0
