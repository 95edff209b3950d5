from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from driftmeter.page.profile_summary import explained, profile_summary
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY
from tests.page.samples import fitted


def test_each_column_is_told_with_what_became_of_it(profile: Profile) -> None:
    summary = profile_summary(profile)
    features = {feature["feature"]: feature for feature in summary["features"]}
    assert list(features) == [feature.name for feature in profile.features]
    assert (features["count"]["atoms"], features["count"]["distinct"]) == (20, 20)
    assert features["code"]["distinct"] == 5
    assert features["seen hour"]["part"] == "hour"
    assert features["amount"]["missing"] == pytest.approx(0.05, abs=0.03)
    assert features["city"]["notes"] == list(profile.notes["city"])
    assert summary["notes"] == [f"city: {profile.notes['city'][0]}"]
    assert (summary["period"], summary["calibrated"]) == (None, None)
    assert summary["alarms"] == "Its rows count as independent of each other: alarms rest on that."


def test_what_is_left_out_comes_with_the_reason() -> None:
    made = fitted(row=range(500), x=np.random.default_rng(1).normal(size=500))
    (left_out,) = profile_summary(made)["left_out"]
    assert left_out["column"] == "row"
    assert left_out["why"] == made.left_out["row"]


def test_a_residual_says_how_much_the_other_columns_explain() -> None:
    chance = np.random.default_rng(2)
    a = chance.normal(size=5_000)
    frame = pl.DataFrame({"a": a, "b": a + chance.normal(size=5_000)})
    made = Profile.fit(frame, model="m", independent=True)
    found = {feature.name: explained(feature) for feature in made.features}
    assert found["a"] is None
    assert found["a given the rest"] == pytest.approx(0.5, abs=0.03)


def test_days_are_counted_from_the_first_row_to_the_last() -> None:
    made = replace(fitted(x=np.arange(100.0)), span=(0, 3 * DAY))
    assert profile_summary(made)["period"] == {
        "start": "1970-01-01T00:00:00.000Z",
        "end": "1970-01-04T00:00:00.000Z",
        "days": 3.0,
    }
