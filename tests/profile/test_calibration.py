from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest

from driftmeter.profile.calibration import ARRAYS, Calibration
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import JSON


@pytest.fixture
def calibration() -> Calibration:
    chance = np.random.default_rng(1)
    shapes = {
        "scores": (2, 3, 4), "tails": (2, 3, 4), "rare": (2, 5), "groups": (2, 9), "cores": (2, 3),
        "stuck": (2, 3, 4), "clusters": (5, 2), "scores_by_rows": (3, 3, 4), "rare_by_rows": (3, 5),
        "groups_by_rows": (3, 9), "cores_by_rows": (3, 3), "bursts": (5,),
    }  # fmt: skip
    arrays: dict[str, Any] = {name: chance.exponential(size=shape) for name, shape in shapes.items()}
    return Calibration((HOUR, 2 * HOUR), (480, 240), 1234.5, 1.25, **arrays, sizes=(4, 8, 16))


def altered(calibration: Calibration, **changes: object) -> JSON:
    return {**json.loads(json.dumps(calibration.to_json())), **changes}


def test_json_keeps_three_digits_of_each_number(calibration: Calibration) -> None:
    back = Calibration.from_json(json.loads(json.dumps(calibration.to_json())))
    assert (back.lengths, back.windows, back.rows) == ((HOUR, 2 * HOUR), (480, 240), 1234.5)
    for name in ARRAYS:
        assert getattr(back, name) == pytest.approx(getattr(calibration, name), rel=0.008)


def test_what_is_rounded_stays_as_it_is_when_it_is_written_and_read(calibration: Calibration) -> None:
    rounded = calibration.rounded()
    back = Calibration.from_json(json.loads(json.dumps(rounded.to_json())))
    assert back == rounded
    assert all(np.array_equal(getattr(back, name), getattr(rounded, name)) for name in ARRAYS)


def test_calibrations_are_equal_where_every_number_is(calibration: Calibration) -> None:
    other = Calibration.from_json(altered(calibration, windows=[480, 241]))
    assert calibration.rounded() == calibration.rounded()
    assert other != calibration.rounded()
    assert calibration != 3


def array_of(calibration: Calibration, name: str, **changes: object) -> JSON:
    data = altered(calibration)
    data["arrays"][name] = {**data["arrays"][name], **changes}
    return data


@pytest.mark.parametrize(
    "changes",
    [
        {"lengths": []},
        {"lengths": [2 * HOUR, HOUR]},
        {"lengths": [HOUR, HOUR]},
        {"lengths": [0, HOUR]},
        {"lengths": [HOUR]},
        {"lengths": [HOUR, "2"]},
        {"lengths": None},
        {"sizes": [8, 4, 16]},
        {"sizes": [4, 8]},
        {"sizes": None},
        {"windows": [480]},
        {"windows": [480, -1]},
        {"rows": "many"},
        {"rows": 0},
        {"rows": -5.0},
        {"rows": float("nan")},
        {"rows": float("inf")},
        {"arrays": {}},
        {"arrays": []},
    ],
    ids=str,
)
def test_what_is_no_calibration_is_refused(calibration: Calibration, changes: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Calibration.from_json(altered(calibration, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"data": "!"},
        {"data": base64.b64encode(b"not compressed").decode()},
        {"data": base64.b64encode(zlib.compress(b"\0" * 10)).decode()},
        {"data": base64.b64encode(zlib.compress(b"\0" * 10_000)).decode()},
        {"shape": [2, 3, 5]},
        {"shape": [-2, 3, -4]},
        {"shape": [10**6, 10**6]},
        {"shape": None},
        {"shape": [24]},
    ],
    ids=str,
)
def test_damaged_arrays_are_refused(calibration: Calibration, changes: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Calibration.from_json(array_of(calibration, "scores", **changes))


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(calibration: Calibration, number: float) -> None:
    calibration.rare[0, 0] = number
    with pytest.raises(ValueError, match="finite"):
        Calibration.from_json(calibration.to_json())


@pytest.mark.parametrize("name", ["scores", "rare", "groups", "cores", "clusters"])
def test_variances_below_0_are_refused(calibration: Calibration, name: str) -> None:
    getattr(calibration, name).flat[0] = -1.0
    with pytest.raises(ValueError, match=name):
        Calibration.from_json(calibration.to_json())


def test_each_array_must_have_as_many_levels_as_there_are_lengths(calibration: Calibration) -> None:
    data = altered(calibration, lengths=[HOUR, 2 * HOUR, DAY], windows=[480, 240, 20])
    with pytest.raises(ValueError, match="expected 3 levels, got 2"):
        Calibration.from_json(data)


def test_a_bomb_is_not_inflated(calibration: Calibration) -> None:
    bomb = base64.b64encode(zlib.compress(bytes(50_000_000), 9)).decode()
    with pytest.raises(ValueError, match="expected 48 bytes of calibration, got 49"):
        Calibration.from_json(array_of(calibration, "scores", data=bomb))
