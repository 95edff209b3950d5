from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from driftmeter.page.thumbnails import POINTS, Thumbnails
from driftmeter.profile.profile import Profile
from tests.page.samples import counts_of, fitted


def test_each_feature_has_its_rows_on_a_few_points_by_one_measure(profile: Profile) -> None:
    reference = np.concatenate([feature.reference for feature in profile.features])
    found = Thumbnails(profile).of(3 * reference)
    assert list(found) == [feature.name for feature in profile.features]
    for density in found.values():
        assert density["reference"] == density["now"]  # as shares
        assert max(density["now"]) == 255
        assert len(density["now"]) <= POINTS


def test_a_shift_moves_the_points_and_what_is_beyond_them_is_at_the_end() -> None:
    values = np.random.default_rng(1).normal(0, 1, 5_000)
    profile = Profile.fit(pl.DataFrame({"x": values}), model="m", independent=True)
    feature = profile.features[0]
    far = np.zeros(feature.size, dtype=np.int64)
    far[feature.grid.special["far above"]] = 7
    density = Thumbnails(profile).of(far)["x"]
    assert density["now"] == [0] * 31 + [255]
    assert 12 <= int(np.argmax(density["reference"])) <= 19
    assert max(density["reference"]) == 85  # a third: a spike must not press it flat
    assert Thumbnails(profile).of(np.zeros(feature.size, dtype=np.int64))["x"]["now"] == [0] * 32


def test_the_largest_numbers_are_drawn_as_others_are() -> None:
    values = np.clip(np.random.default_rng(1).normal(0, 1, 5_000), -1.7, 1.7)
    found = []
    for factor in (2.0**1023, 1.0):
        profile = Profile.fit(pl.DataFrame({"x": factor * values}), model="m", independent=True)
        found.append(Thumbnails(profile).of(profile.features[0].reference)["x"]["reference"])
    assert found[0] == pytest.approx(found[1], abs=2)


def test_few_values_and_categories_are_one_point_each() -> None:
    profile = fitted(x=[1, 2, 2, 5] * 50, c=["a", "b", "b", "b"] * 50)
    found = Thumbnails(profile).of(counts_of(profile, x=[1, 9], c=["b", "z"]))
    assert found["x"] == {"bars": True, "reference": [0, 128, 255, 128, 0], "now": [0, 255, 0, 0, 255]}
    assert found["c"] == {"bars": True, "reference": [255, 85, 0], "now": [170, 0, 170]}
