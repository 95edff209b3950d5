from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.counts.rows import Reader
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.profile.profile import Profile
from driftmeter.profile.values import is_unreadable
from driftmeter.report import compare


@pytest.fixture(scope="module")
def houses() -> Reader:
    """A reader of `area` (float32), `city`, `rooms` and `luck`; area and rooms have residuals."""
    rng = np.random.default_rng(3)
    rooms = rng.integers(1, 9, 500).astype(float)
    area = pl.Series(25 * rooms + rng.normal(0, 10, 500), dtype=pl.Float32)
    columns = {"area": area, "city": ["a", "b"] * 250, "rooms": rooms, "luck": rng.random(500)}
    return Reader(Profile.fit(pl.DataFrame(columns), model="m"))


HOUSE: dict[str, Any] = {"area": 100.1, "city": "a", "rooms": 4, "luck": 0.5}


def test_residuals_are_computed_behind_the_numbers_from_which_they_follow(houses: Reader) -> None:
    assert [feature.name for feature in houses.profile.features[4:]] == ["area given the rest", "rooms given the rest"]
    assert houses.names == ("area", "city", "rooms", "luck")
    rows, _, ignored = houses.read_records([HOUSE, {**HOUSE, "rooms": 8}])
    assert (rows.numbers.shape, ignored) == ((2, 5), 0)
    assert rows.numbers[0, :3].tolist() == [np.float32(100.1), 4, 0.5]
    assert abs(rows.numbers[0, 3]) < 0.5
    assert rows.numbers[1, 3] < -1.5
    assert rows.numbers[1, 4] > 1.5


def test_a_column_by_the_name_of_a_derived_feature_is_unknown(houses: Reader) -> None:
    given = {**HOUSE, "area given the rest": 5.0}
    rows, _, ignored = houses.read_records([HOUSE, given])
    assert ignored == 1
    assert rows.numbers[0].tolist() == rows.numbers[1].tolist()


def test_a_residual_is_of_the_number_in_single_precision(houses: Reader) -> None:
    near = [math.nextafter(100.1, math.inf), 100.1, float(np.float32(100.1))]
    rows, _, _ = houses.read_records([{**HOUSE, "area": area} for area in near])
    assert len(set(rows.numbers[:, 3].tolist())) == 1


def test_an_absent_number_has_no_residual_and_an_unreadable_one_no_part_in_others(houses: Reader) -> None:
    absent = {name: value for name, value in HOUSE.items() if name != "area"}
    rows, rejected, _ = houses.read_records([HOUSE, {**HOUSE, "luck": "much"}, absent, HOUSE])
    assert [cell.row for cell in rejected] == [1]
    assert np.isnan(rows.numbers[:, 3]).tolist() == [False, False, True, False]
    assert is_unreadable(rows.numbers).nonzero()[0].tolist() == [1]
    assert not np.isnan(rows.numbers[:, 4]).any()
    assert rows.numbers[0].tolist() == rows.numbers[3].tolist()


def test_an_unreadable_number_has_no_residual_and_counts_as_missing_there(houses: Reader) -> None:
    rows, _, _ = houses.read_records([{**HOUSE, "area": "large"}, {**HOUSE, "area": None}])
    assert is_unreadable(rows.numbers[:, 0]).tolist() == [True, False]
    assert np.isnan(rows.numbers[:, 3]).all()
    assert not is_unreadable(rows.numbers[:, 3:]).any()
    assert rows.numbers[0, 4] == rows.numbers[1, 4]
    assert houses.unreadable(rows) == {"area": 1}
    assert houses.read_columns({"city": ["a"]})[0].numbers.shape == (1, 5)


def test_no_rows_have_no_residuals(houses: Reader) -> None:
    assert houses.read_records([])[0].numbers.shape == (0, 5)


def test_the_rows_of_the_reference_are_within_its_span_and_so_are_their_rounded_copies() -> None:
    rng = np.random.default_rng(3)
    rooms = rng.integers(1, 9, 500) + 0.1
    frame = pl.DataFrame({"area": 25 * rooms + rng.normal(0, 10, 500), "rooms": rooms})
    reader = Reader(Profile.fit(frame, model="m"))
    for rounded in (frame, frame.cast(pl.Float32), frame.select(pl.all().round_sig_figs(6))):
        rows, _, _ = reader.read_columns(columns_of(as_frame(rounded), ("area", "rooms")))
        assert not np.isnan(rows.numbers).any()


def test_a_column_out_of_range_is_drift_of_its_own_and_of_no_other() -> None:
    rng = np.random.default_rng(3)
    rooms = rng.integers(1, 9, 2_000) + rng.random(2_000)
    frame = pl.DataFrame(
        {"area": 25 * rooms + rng.normal(0, 10, 2_000), "rooms": rooms, "price": 9 * rooms + rng.normal(0, 9, 2_000)}
    )
    profile = Profile.fit(frame, model="m", independent=True)
    far = frame.with_columns(rooms=pl.col("rooms") * 100)
    drifting = [feature["feature"] for feature in compare(profile, far).to_json()["features"] if feature["drifting"]]
    assert sorted(drifting) == ["rooms", "rooms given the rest"]
