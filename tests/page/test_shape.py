from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.page.shape import shape_of
from driftmeter.page.spans import quantiles_of
from driftmeter.page.thumbnails import Thumbnails
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.types import JSON
from tests.page.samples import counts_of, fitted


def shape(profile: Profile, **columns: object) -> JSON:
    """Return the shape of the one feature of a profile for some rows."""
    return shape_of(profile.features[0], counts_of(profile, **columns))


def rows_in(document: JSON, sample: str) -> int:
    """Add up all rows of a shape, each once."""
    if document["kind"] == "numeric":
        apart = sum(one[sample] for one in document["apart"] if not one["drawn"])
        return int(sum(document[sample]) + sum(one[sample] for one in document["atoms"]) + apart)
    others = document["others"] or {sample: 0}
    return int(sum(one[sample] for one in [*document["categories"], *document["apart"], others]))


NAMES = ("amount", "count", "weight", "city", "code", "member", "seen hour")


@given(seed=st.integers(0, 2**32), most=st.integers(0, 50), name=st.sampled_from(NAMES))
def test_all_rows_are_in_a_shape_once(profile: Profile, seed: int, most: int, name: str) -> None:
    feature = next(feature for feature in profile.features if feature.name == name)
    counts = np.random.default_rng(seed).integers(0, most + 1, feature.size)
    document = shape_of(feature, counts)
    assert rows_in(document, "reference") == document["reference_rows"] == profile.rows
    assert rows_in(document, "now") == document["now_rows"] == counts.sum()
    if document["kind"] == "numeric":
        assert all(one < other for one, other in itertools.pairwise(document["edges"]))
        assert len(document["edges"]) == len(document["reference"]) + bool(document["reference"])


def test_an_interval_holds_the_rows_between_its_edges() -> None:
    values = np.random.default_rng(1).normal(50, 10, 5_000)
    document = shape(fitted(x=values), x=values[:2_000])
    edges = np.array(document["edges"])
    assert 20 <= len(edges) <= 64
    assert document["reference"] == np.histogram(values, edges)[0].tolist()
    assert document["now"] == np.histogram(values[:2_000], edges)[0].tolist()


def test_densities_show_the_shape_where_bins_of_equal_rows_show_none() -> None:
    values = np.random.default_rng(2).normal(0, 1, 20_000)
    document = shape(fitted(x=values), x=values)
    density = np.array(document["reference"]) / np.diff(document["edges"])
    middle = np.array(document["edges"])[:-1] + np.diff(document["edges"]) / 2
    inner = np.abs(middle) < 2
    normal = 20_000 * np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi)
    assert np.abs(density / normal - 1)[inner].max() < 0.2


def test_rows_just_out_of_range_are_drawn_where_they_are() -> None:
    fahrenheit = np.random.default_rng(3).normal(60, 8, 5_000)
    profile = fitted(x=fahrenheit)
    assert [one["name"] for one in shape(profile, x=fahrenheit)["apart"]] == []
    document = shape(profile, x=(fahrenheit - 32) / 1.8)
    below = next(one for one in document["apart"] if one["name"] == "below")
    far = next(one for one in document["apart"] if one["name"] == "far below")
    assert (below["drawn"], below["now"], far["drawn"]) == (True, document["now"][0], False)
    assert document["edges"][1] == pytest.approx(fahrenheit.min(), abs=0.001)
    assert far["label"] == f"below {document['edges'][0]:g}"


def test_a_positive_feature_of_several_decades_is_drawn_on_a_logarithmic_axis() -> None:
    chance = np.random.default_rng(4)
    for values, scale in (
        (chance.lognormal(3, 1.2, 4_000), "log"),
        (chance.lognormal(3, 1.2, 4_000) - 1, "linear"),
        (chance.uniform(1, 1_000, 4_000), "linear"),
        (chance.normal(50, 5, 4_000), "linear"),
    ):
        document = shape(fitted(x=values), x=values)
        assert document["scale"] == scale
        assert scale == "linear" or document["edges"][0] > 0


def test_few_values_are_bars_and_so_is_a_value_that_stands_out() -> None:
    chance = np.random.default_rng(5)
    few = shape(fitted(x=chance.poisson(3, 4_000)), x=[0, 0, 1])
    assert few["edges"] == []
    assert few["atoms"][0] == {"value": 0.0, "reference": few["atoms"][0]["reference"], "now": 2}
    rain = np.where(chance.random(4_000) < 0.6, 0.0, chance.gamma(2, 3, 4_000))
    mixed = shape(fitted(x=rain), x=rain)
    assert [(one["value"], one["now"]) for one in mixed["atoms"]] == [(0.0, int((rain == 0).sum()))]
    assert sum(mixed["now"]) == int((rain > 0).sum())
    ages = chance.integers(18, 90, 20_000)
    assert shape(fitted(x=ages), x=ages)["atoms"] == []


def test_quantiles_are_those_of_the_values_up_to_a_bin() -> None:
    values = np.random.default_rng(6).normal(0, 1, 20_000)
    profile = fitted(x=values)
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    found = quantiles_of(profile.features[0], counts_of(profile, x=values), levels)
    assert found == pytest.approx(np.quantile(values, levels), abs=0.02)
    assert quantiles_of(profile.features[0], np.zeros(profile.bins, dtype=np.int64), levels) is None


def test_categories_come_with_the_most_changed_first_and_weekdays_in_their_order(profile: Profile) -> None:
    names = [f"c{number:03}" for number in range(150)]
    many = fitted(c=[name for name in names for _ in range(40)])
    document = shape(many, c=["c007"] * 300 + names)
    assert len(document["categories"]) == 100
    assert document["categories"][0] == {"name": "c007", "reference": 40, "now": 301}
    assert document["others"] == {"categories": 50, "reference": 2_000, "now": 50}
    hours = next(feature for feature in profile.features if feature.part == "hour")
    shown = shape_of(hours, np.arange(hours.size)[::-1].copy())
    assert [one["name"] for one in shown["categories"]] == list(hours.grid.labels[: len(shown["categories"])])


def test_new_categories_are_named_with_their_rows(profile: Profile) -> None:
    city: Feature = next(feature for feature in profile.features if feature.name == "city")
    document = shape_of(city, city.reference, {"Ely": 2, "Rom": 7})
    assert document["new"] == [{"name": "Rom", "rows": 7}, {"name": "Ely", "rows": 2}]


@given(
    values=st.lists(
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False),
            st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, 1.0, 1e6, 1e-9]),
            st.integers(-5, 5).map(float),
        ),
        min_size=1,
        max_size=200,
    ),
    seed=st.integers(0, 2**32),
)
def test_any_numbers_have_a_shape_that_can_be_written_and_drawn(values: list[float], seed: int) -> None:
    made = fitted(x=values) if len(values) > 1 else fitted(x=values * 2)
    feature = made.features[0]
    document = shape_of(feature, np.random.default_rng(seed).integers(0, 9, feature.size))
    assert rows_in(document, "now") == document["now_rows"]
    assert rows_in(document, "reference") == made.rows
    json.dumps(document, allow_nan=False)
    assert all(one < other for one, other in itertools.pairwise(document["edges"]))
    assert document["scale"] == "linear" or not document["edges"] or document["edges"][0] > 0
    quantiles = document["quantiles"]["now"] or []
    assert quantiles == sorted(quantiles)
    density = Thumbnails(made).of(np.ones(made.bins, dtype=np.int64))["x"]
    assert 0 <= min(density["now"]) <= max(density["now"]) <= 255
