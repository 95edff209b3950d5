from __future__ import annotations

import datetime as dt
import random
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from driftmeter.errors import InputError, ProfileError
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile

MAKERS: dict[str, Any] = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
MOMENTS = [dt.datetime(2024, 1, 1, hour) for hour in (5, 5, 23)]


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Any:
    return MAKERS[request.param]


@pytest.fixture
def small() -> pl.DataFrame:
    return pl.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"], "c": [True, False], "when": MOMENTS[:2]})


def fit(frame: Any, **options: Any) -> Profile:
    return Profile.fit(frame, model="m", **options)


def only(values: Any, **options: Any) -> Feature:
    """Return the one feature of a frame of one column."""
    frame = values if isinstance(values, pl.DataFrame | pd.DataFrame | pa.Table) else pl.DataFrame({"x": values})
    kind = options.pop("kind", None)
    (feature,) = fit(frame, kinds={"x": kind} if kind else None, **options).features
    return feature


def shares(feature: Feature) -> dict[str, int]:
    """Return the reference's count by name of bin, where there is any."""
    return {label: count for label, count in zip(feature.grid.labels, feature.counts, strict=True) if count}


def names(profile: Profile) -> list[str]:
    return [feature.name for feature in profile.features]


def test_the_kind_of_a_column_is_recognised(make: Any) -> None:
    profile = fit(make({"f": [1.5, 2.5], "i": [1, 2], "s": ["a", "b"], "b": [True, False], "t": MOMENTS[:2]}))
    assert [(feature.name, feature.kind) for feature in profile.features] == [
        ("f", "numeric"),
        ("i", "numeric"),
        ("s", "categorical"),
        ("b", "boolean"),
    ]
    assert profile.left_out == {"t": "a date-time; ask for its hour or weekday"}


@pytest.mark.parametrize(
    ("series", "kind"),
    [
        (pd.Series([1, 2], dtype="Int64"), "numeric"),
        (pd.Series([1.5, None], dtype="Float32"), "numeric"),
        (pd.Series([True, None], dtype="boolean"), "boolean"),
        (pd.Series(["a", None], dtype="string"), "categorical"),
        (pd.Series(["a", "b"], dtype="category"), "categorical"),
        (pd.Series(["a", 1, None], dtype=object), "categorical"),
        (pl.Series(["a", "b"], dtype=pl.Categorical), "categorical"),
        (pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])), "categorical"),
        (pl.Series([1, 2], dtype=pl.UInt8), "numeric"),
        (pl.Series([1, 2], dtype=pl.Decimal(10, 2)), "numeric"),
        (pa.array(["a", "b"]).dictionary_encode(), "categorical"),
        (pa.array(["a", "b"], pa.large_string()), "categorical"),
    ],
    ids=str,
)
def test_the_kind_is_recognised_by_any_type_of_each_library(series: Any, kind: str) -> None:
    make = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[type(series).__module__.split(".")[0]]
    assert only(make({"x": series})).kind == kind


@pytest.mark.parametrize("dtype", [pl.List(pl.Int64), pl.Duration, pl.Time, pl.Struct({"a": pl.Int64}), pl.Binary])
def test_a_column_of_another_type_is_left_out_with_the_reason(dtype: Any) -> None:
    frame = pl.DataFrame({"x": [1.0], "odd": pl.Series([None], dtype=dtype)})
    assert "which is not monitored" in fit(frame).left_out["odd"]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2, 2], "categorical", {"other 3 of 4": 1, "other 4 of 4": 2}),
        ([1.5] * 30, "categorical", {"1.5": 30}),
        ([1, 0, None], "boolean", {"true": 1, "false": 1, "missing": 1}),
        (["true", "0"], "boolean", {"true": 1, "false": 1}),
        (["1.5", "2", None], "numeric", {"1.5": 1, "2": 1, "missing": 1}),
        ([True] * 30 + [False] * 40, "categorical", {"true": 30, "false": 40}),
        ([MOMENTS[0]] * 30, "categorical", {"2024-01-01 05:00:00": 30}),
        (["true", "yes", None], "boolean", {"true": 1, "unreadable": 1, "missing": 1}),
        (MOMENTS, "hour", {"5": 2, "23": 1}),
        (MOMENTS, "weekday", {"0": 3}),
        ([dt.date(2024, 1, 7), None], "weekday", {"6": 1, "missing": 1}),
    ],
)
def test_the_kind_can_be_said_otherwise(values: list[Any], kind: str, expected: dict[str, int]) -> None:
    feature = only(values, kind=kind)
    assert shares(feature) == expected
    assert feature.kind == ("categorical" if kind in ("hour", "weekday") else kind)


def test_an_hour_is_a_feature_of_its_own_name_that_reads_the_column() -> None:
    feature = only(MOMENTS, kind="hour")
    assert (feature.name, feature.column, feature.part) == ("x hour", "x", "hour")
    assert feature.grid.labels[:24] == tuple(map(str, range(24)))


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (["a"], "numeric", "'x': expected numbers"),
        (["a"], "hour", "'x', row 0: expected a date-time, for its hour, got text"),
        ([True], "hour", "'x': its hour needs a date-time column"),
        ([2], "boolean", "'x', row 0: expected true or false, got a number"),
        (["yes"], "boolean", "'x', row 0: expected true or false, got text"),
        ([[1]], "categorical", "'x': expected categories .* got type List"),
        ([None, "yes", None], "boolean", "row 1: .* nothing there can be read"),
    ],
)
def test_a_kind_that_the_values_are_not_of_is_refused_by_column(values: list[Any], kind: str, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        only(values, kind=kind)


def test_a_constant_has_one_bin(make: Any) -> None:
    assert list(shares(only(make({"x": [4.0] * 50}))).values()) == [50]


@pytest.mark.parametrize("values", [[None, None], [float("nan")] * 2])
def test_a_column_of_nothing_but_missing_values_has_all_rows_in_missing(make: Any, values: list[Any]) -> None:
    assert shares(only(make({"x": values}))) == {"missing": 2}


def test_a_column_of_infinities_has_no_range() -> None:
    feature = only([float("inf"), float("-inf"), None])
    assert shares(feature) == {"not finite": 2, "missing": 1}


def test_the_infinities_do_not_stretch_the_range() -> None:
    assert shares(only([1.0, 2.0, float("inf")])) == {"1": 1, "2": 1, "not finite": 1}


def test_many_values_have_sixty_four_bins_by_default_and_as_many_as_asked() -> None:
    values = np.arange(1000.0)
    for bins in (2, 64, 1024):
        grid = only(values, bins=bins).grid
        assert isinstance(grid, NumericGrid)
        assert grid.core.stop - grid.core.start == min(bins, 1000)
    assert only(values).grid == only(values, bins=64).grid


@pytest.mark.parametrize("bins", [1, 0, -1, 1025])
def test_a_number_of_bins_that_makes_no_sense_is_refused(small: pl.DataFrame, bins: int) -> None:
    with pytest.raises(ProfileError, match="bins: expected 2 to 1024"):
        fit(small, bins=bins)


def test_a_heavy_tie_is_a_bin_by_itself() -> None:
    values = [0.0] * 600 + [float(value) for value in range(1, 401)]
    assert shares(only(values))["0"] == 600


def test_integers_are_told_apart_beyond_six_digits_and_floats_are_not() -> None:
    for dtype, atoms in ((pl.Int32, (1_234_567.0, 1_234_568.0)), (pl.Float64, (1_234_567.0,))):
        grid = only(pl.Series([1_234_567, 1_234_568], dtype=dtype)).grid
        assert isinstance(grid, NumericGrid)
        assert grid.atoms == atoms


def test_the_grid_of_float32_is_that_of_float64() -> None:
    values = np.random.default_rng(2).normal(size=500).astype(np.float32)
    assert only(pl.Series(values)).grid == only(pl.Series(values.astype(np.float64))).grid


def test_a_category_has_its_own_bin_from_thirty_rows_on() -> None:
    feature = only(["a"] * 30 + ["b"] * 29 + ["c", None])
    assert shares(feature) == {"a": 30, "other 4 of 4": 1, "other 1 of 4": 29, "missing": 1}
    assert isinstance(feature.grid, CategoryGrid)
    assert feature.grid.once == 1


@pytest.mark.parametrize(("categories", "with_bin", "hashed"), [(256, 256, 1), (257, 0, 1024)])
def test_256_equal_categories_have_a_bin_each_and_more_are_hashed(categories: int, with_bin: int, hashed: int) -> None:
    feature = only([f"{number:03}" for number in range(categories)] * 300)
    assert isinstance(feature.grid, CategoryGrid)
    assert (len(feature.grid.categories), feature.grid.hashed) == (with_bin, hashed)
    assert feature.size == with_bin + 2 * hashed + 2
    assert sum(feature.counts[feature.grid.rest]) == (categories - with_bin) * 300
    assert sum(feature.counts[feature.grid.unseen]) == 0


def test_of_many_rows_a_category_needs_a_256th_for_a_bin_of_its_own() -> None:
    feature = only(["a"] * 20_000 + ["b"] * 79 + ["c"] * 78 + ["d"] * 60)
    assert isinstance(feature.grid, CategoryGrid)
    assert (feature.grid.categories, feature.grid.least_rows) == (("a", "b"), 79)


@pytest.mark.parametrize(("categories", "known"), [(100_000, True), (100_001, False)])
def test_beyond_a_hundred_thousand_categories_the_profile_says_that_unseen_is_off(categories: int, known: bool) -> None:
    profile = fit(pl.DataFrame({"x": [f"c{number}" for number in range(categories)]}), kinds={"x": "categorical"})
    grid = profile.features[0].to_json()["grid"]
    assert (grid["others"] is not None) == known
    assert grid["once"] == categories
    assert len(profile.dumps()) < (1_100_000 if known else 20_000)


def test_the_type_of_the_categories_is_remembered() -> None:
    for values, dtype in (([1], "integer"), ([1.5], "float"), (["1"], "string"), ([True], "boolean")):
        grid = only(values, kind="categorical").grid
        assert isinstance(grid, CategoryGrid)
        assert grid.dtype == dtype


def test_the_label_and_the_time_are_never_features(small: pl.DataFrame) -> None:
    profile = fit(small, label="c", time="when")
    assert names(profile) == ["a", "b"]
    assert profile.left_out == {"c": "the label", "when": "the time"}


def test_the_hour_of_the_time_can_be_a_feature(small: pl.DataFrame) -> None:
    assert "when hour" in names(fit(small, time="when", kinds={"when": "hour"}))


def test_the_prediction_has_a_role_of_its_own(small: pl.DataFrame) -> None:
    roles = {feature.name: feature.role for feature in fit(small, prediction="b").features}
    assert roles == {"a": "feature", "b": "prediction", "c": "feature"}


def test_only_the_asked_columns_and_the_prediction_are_monitored(small: pl.DataFrame) -> None:
    profile = fit(small, only=["a"], prediction="b")
    assert names(profile) == ["a", "b"]
    assert profile.left_out == {"c": "not named by --only", "when": "not named by --only"}


def test_an_included_column_is_monitored_beside_all_others(small: pl.DataFrame) -> None:
    assert names(fit(small, only=["a"], include=["c"])) == ["a", "c"]
    assert names(fit(small, label="c", include=["c"])) == ["a", "b", "c"]


def test_a_column_is_not_both_included_and_excluded(small: pl.DataFrame) -> None:
    with pytest.raises(ProfileError, match="column 'a': expected to include or to exclude it, got both"):
        fit(small, include=["a"], exclude=["a"])


def test_excluded_columns_are_left_out(small: pl.DataFrame) -> None:
    profile = fit(small, exclude=iter(["a", "when"]))
    assert names(profile) == ["b", "c"]
    assert profile.left_out == {"a": "excluded", "when": "excluded"}


@pytest.mark.parametrize(
    "options",
    [
        {"label": "z"},
        {"time": "z"},
        {"prediction": "z"},
        {"only": ["z"]},
        {"include": ["z"]},
        {"exclude": ["z"]},
        {"kinds": {"z": "hour"}},
    ],
    ids=str,
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(small: pl.DataFrame, options: Any) -> None:
    with pytest.raises(ProfileError, match="no column 'z'; there are: a, b, c, when"):
        fit(small, **options)


def test_names_with_commas_between_them_are_told_to_be_given_one_by_one(small: pl.DataFrame) -> None:
    with pytest.raises(ProfileError, match=r"no column 'a,b' \(give names one at a time\); there are: a, b, c"):
        fit(small, exclude=["a,b"])


@pytest.mark.parametrize("frame", [pl.DataFrame(), pl.DataFrame({"x": []}), pd.DataFrame({"x": []})], ids=str)
def test_a_reference_without_rows_is_refused(frame: Any) -> None:
    with pytest.raises(ProfileError, match="no rows"):
        fit(frame)


def test_a_reference_without_a_column_to_monitor_is_refused_with_the_reasons() -> None:
    with pytest.raises(ProfileError, match=r"no column can be monitored.*date-time"):
        fit(pl.DataFrame({"when": MOMENTS}))


@pytest.mark.parametrize(
    "frame",
    [pd.DataFrame([[1, 2]], columns=["a", "a"]), pa.table([[1], [2]], names=["a", "a"])],
    ids=["pandas", "arrow"],
)
def test_two_columns_of_one_name_are_refused(frame: Any) -> None:
    with pytest.raises(ProfileError, match="one column of each name"):
        fit(frame)


def test_two_features_cannot_have_one_name() -> None:
    frame = pl.DataFrame({"when": MOMENTS, "when hour": [1, 2, 3]})
    with pytest.raises(ProfileError, match="two features have the name 'when hour'"):
        fit(frame, kinds={"when": "hour"})


def test_an_unknown_kind_is_refused(small: pl.DataFrame) -> None:
    with pytest.raises(ProfileError, match=r"'a': expected a kind out of numeric, .*, got 'numerical'"):
        fit(small, kinds={"a": "numerical"})


def test_a_missing_moment_is_missing(make: Any) -> None:
    assert shares(only(make({"x": [MOMENTS[0], None]}), kind="hour")) == {"5": 1, "missing": 1}


def test_an_hour_is_by_the_clocks_of_the_columns_own_zone() -> None:
    there = pl.Series([dt.datetime(2024, 1, 1, 5), dt.datetime(2024, 7, 1, 5)]).dt.replace_time_zone("America/New_York")
    feature = only(there, kind="hour")
    assert shares(feature) == {"5": 2}
    assert feature.zone == "America/New_York"


def test_an_hour_is_by_the_clocks_of_the_zone_that_is_asked_for() -> None:
    there = pl.Series("x", [dt.datetime(2024, 1, 1, 5), dt.datetime(2024, 7, 1, 4)]).dt.replace_time_zone("UTC")
    profile = Profile.fit(there.to_frame(), model="m", kinds={"x": "hour"}, zone="Europe/Berlin")
    assert shares(profile.features[0]) == {"6": 2}
    assert (profile.features[0].zone, profile.zone) == ("Europe/Berlin", "Europe/Berlin")
    assert Profile.loads(profile.dumps()) == profile


@pytest.mark.parametrize("zone", ["+01:00", None])
def test_an_hour_of_bare_offsets_or_of_no_zone_is_as_written(zone: str | None) -> None:
    column = pa.array([dt.datetime(2024, 1, 1, 4, tzinfo=dt.UTC if zone else None)], pa.timestamp("us", zone))
    profile = Profile.fit(pa.table({"x": column}), model="m", kinds={"x": "hour"})
    assert shares(profile.features[0]) == {"5" if zone else "4": 1}
    assert profile.features[0].zone is None


def test_the_hours_of_texts_and_of_seconds_are_read() -> None:
    written = ["2024-01-08T09:00:00+01:00", "2024-07-08T09:00:00+02:00", "2024-07-08 09:30"]
    assert shares(only(written, kind="hour")) == {"9": 3}
    assert shares(only([1_704_700_800, None], kind="hour")) == {"8": 1, "missing": 1}


def test_equal_moments_that_are_written_otherwise_have_their_own_hours() -> None:
    berlin = dt.datetime(2024, 1, 8, 9, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    frame = pd.DataFrame({"x": pd.Series([berlin, berlin.astimezone(dt.UTC)], dtype=object)})
    assert shares(only(frame, kind="hour")) == {"9": 1, "8": 1}


@pytest.mark.parametrize("zone", ["America/New_York", "America/Argentina/Buenos_Aires", "Etc/GMT+1"])
def test_zones_of_pandas_that_narwhals_has_no_type_for_are_read(zone: str) -> None:
    moments = pd.Series([dt.datetime(2024, 1, 8, 9), dt.datetime(2024, 7, 8, 9)]).dt.tz_localize(zone)
    feature = only(pd.DataFrame({"x": moments}), kind="hour")
    assert shares(feature) == {"9": 2}
    assert feature.zone == zone


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(InputError, match=r"zone: expected a name of the IANA database, .* got 'Berlin'"):
        Profile.fit(pl.DataFrame({"x": [1.0]}), model="m", zone="Berlin")


def test_identifiers_beyond_two_to_the_53_stay_apart() -> None:
    values = [2**53] * 40 + [2**53 + 1] * 30
    random.Random(1).shuffle(values)
    assert shares(only(values, kind="categorical")) == {str(2**53): 40, str(2**53 + 1): 30}
    assert shares(only([*values, None], kind="categorical"))[str(2**53 + 1)] == 30


def test_every_feature_counts_every_row(profile: Profile) -> None:
    assert {sum(feature.counts) for feature in profile.features} == {profile.rows}


REASON = "looks like an identifier: hardly a value comes twice; --include id monitors it"


@pytest.mark.parametrize(
    ("rows", "distinct", "out"), [(1_000, 1_000, True), (1_000, 951, True), (1_000, 950, False), (999, 999, False)]
)
def test_a_text_that_hardly_ever_comes_twice_is_left_out(rows: int, distinct: int, out: bool) -> None:
    profile = fit(pl.DataFrame({"x": [1.0] * rows, "id": [f"u{row % distinct}" for row in range(rows)]}))
    assert profile.left_out == ({"id": REASON} if out else {})


@pytest.mark.parametrize(
    "asked", [{"only": ["x", "id"]}, {"include": ["id"]}, {"kinds": {"id": "categorical"}}, {"prediction": "id"}]
)
def test_an_identifier_that_is_asked_for_is_monitored(asked: Any) -> None:
    profile = fit(pl.DataFrame({"x": [1.0] * 1_000, "id": [f"u{row}" for row in range(1_000)]}), **asked)
    assert names(profile) == ["x", "id"]


def test_half_a_surrogate_pair_is_a_category_without_a_bin_of_its_own() -> None:
    profile = fit(pd.DataFrame({"x": pd.Series(["a"] * 40 + ["\ud800"] * 50, dtype=object)}))
    assert shares(profile.features[0]) == {"a": 40, "other": 50}
    assert Profile.loads(profile.dumps()) == profile


def test_a_name_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(ProfileError, match="UTF-8"):
        Profile.fit(pl.DataFrame({"x": [1.0]}), model="\ud800")


@pytest.fixture(scope="module")
def houses() -> pl.DataFrame:
    """400 rows of numbers of which `area` and `rooms` explain each other, and all of them the prediction."""
    chance = random.Random(2)
    rooms = [chance.randrange(1, 9) for _ in range(400)]
    area = [25.0 * number + chance.gauss(0, 10) for number in rooms]
    return pl.DataFrame(
        {
            "area": pl.Series(area, dtype=pl.Float32),
            "city": [chance.choice("ab") for _ in rooms],
            "price": [3_000 * size for size in area],
            "rooms": [None if chance.random() < 0.05 else number for number in rooms],
            "luck": [chance.random() for _ in rooms],
        }
    )


def test_numbers_that_explain_each_other_are_also_monitored_given_the_rest(houses: pl.DataFrame) -> None:
    profile = fit(houses, prediction="price")
    assert [(feature.name, feature.kind, feature.role, feature.column) for feature in profile.features] == [
        ("area", "numeric", "feature", "area"),
        ("city", "categorical", "feature", "city"),
        ("price", "numeric", "prediction", "price"),
        ("rooms", "numeric", "feature", "rooms"),
        ("luck", "numeric", "feature", "luck"),
        ("area given the rest", "numeric", "derived", "area"),
        ("rooms given the rest", "numeric", "derived", "rooms"),
    ]
    assert profile.residuals is not None
    assert profile.residuals.columns == ("area", "rooms", "luck")


def test_a_derived_feature_has_quantiles_of_its_own_and_misses_what_its_column_misses(houses: pl.DataFrame) -> None:
    *_, rooms, _, _, given = fit(houses, prediction="price", bins=16).features
    assert isinstance(given.grid, NumericGrid)
    present = given.reference[given.grid.core]
    assert len(present) == 16
    assert max(present) - min(present) <= 0.3 * np.mean(present)  # no cut parts residuals that rounding could swap
    missing = given.reference[given.grid.special["missing"]]
    assert missing == rooms.reference[rooms.grid.special["missing"]] == houses["rooms"].null_count()


@pytest.mark.parametrize("options", [{"residuals": False}, {"exclude": ["area", "price"]}], ids=str)
def test_residuals_can_be_left_out_and_need_what_explains(houses: pl.DataFrame, options: Any) -> None:
    profile = fit(houses, **options)
    assert profile.residuals is None
    assert {feature.role for feature in profile.features} == {"feature"}


def test_the_order_of_the_rows_does_not_show_in_the_residuals(houses: pl.DataFrame) -> None:
    for seed in range(3):
        assert fit(houses.sample(fraction=1, shuffle=True, seed=seed)).digest == fit(houses).digest


def test_too_many_numbers_are_not_regressed_and_the_profile_says_so() -> None:
    rows = {f"x{column}": [float(row) for row in range(4)] * 510 for column in range(101)}
    profile = fit(pl.DataFrame(rows))
    assert profile.residuals is None
    assert profile.left_out == {
        "each number given the rest": "there are 101 numeric features, and at most 100 are regressed"
    }
    fewer = fit(pl.DataFrame(rows), exclude=["x0"])
    assert (fewer.residuals is not None, fewer.left_out) == (True, {"x0": "excluded"})


def test_a_derived_feature_cannot_have_the_name_of_a_column(houses: pl.DataFrame) -> None:
    with pytest.raises(ProfileError, match="two features have the name 'area given the rest'"):
        fit(houses.rename({"luck": "area given the rest"}))


def test_the_profile_knows_the_column_of_times(small: pl.DataFrame) -> None:
    assert fit(small, time="when").time == "when"
    assert fit(small).time is None
