from __future__ import annotations

import struct
import threading

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.counts.binning import BLOCK, MOST_PASSES, Binner
from driftmeter.counts.rows import Reader, Rows
from driftmeter.profile.bin_names import MISSING
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.profile.values import UNREADABLE
from driftmeter.types import Codes, Floats
from tests.counts.samples import bins_of

RNG = np.random.default_rng(11)
REFERENCES = {
    "normal": RNG.normal(size=5000),
    "steep": RNG.lognormal(0, 3, 5000),
    "constant": np.full(50, 3.25),
    "zero": np.zeros(50),
    "two-valued": np.repeat([0.0, 1.0], 50),
    "seven-valued": np.arange(7.0),
    "integers": RNG.integers(0, 200, 3000).astype(float),
    "tied": np.concatenate([np.zeros(3000), RNG.normal(size=2000)]),
    "far from zero": 1e15 + RNG.integers(0, 100, 1000),
    "huge": RNG.normal(size=1000) * 1e307,
    "extremes": np.array([-1.7976931348623157e308, 0.0, 1.7976931348623157e308]),
    "tiny": RNG.normal(size=1000) * 1e-300,
    "denormal": RNG.integers(-500, 500, 1000) * 5e-324,
    "neighbours": np.nextafter(1.0, np.arange(3)),
    "an outlier": np.concatenate([RNG.normal(size=5000), [1e12]]),
    "none": np.empty(0),
    "float32": RNG.lognormal(0, 1, 5000).astype(np.float32).astype(float),
}
ODD = [0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e300, -1e300, 1.7976931348623157e308, -1.7976931348623157e308]
NOT_FINITE = [np.nan, np.inf, -np.inf, UNREADABLE]


def profile_of(**references: Floats) -> Profile:
    """Return a profile with one numeric feature for each reference."""
    features = []
    for name, values in references.items():
        grid = NumericGrid.fit(values, bins=64)
        features.append(Feature(name, "numeric", "feature", grid, (0,) * grid.size, name))
    return Profile("m", 1, tuple(features))


def rows_of(*columns: Floats) -> Rows:
    numbers = np.column_stack(columns)
    return Rows(numbers, np.empty((len(numbers), 0), np.intp), np.arange(len(numbers)))


def expected_bins(grid: NumericGrid, values: Floats) -> Codes:
    """Bin one value at a time, by the definition."""
    bins = [
        grid.special["unreadable"]
        if struct.pack("<d", value) == struct.pack("<d", UNREADABLE)
        else grid.special["missing"]
        if np.isnan(value)
        else grid.special["not finite"]
        if np.isinf(value)
        else int(np.searchsorted(grid.edges, value, side="right"))
        for value in values
    ]
    return np.array(bins, np.intp)


def assert_exact(profile: Profile, rows: Rows) -> None:
    binner = Binner(profile)
    bins = bins_of(binner, rows)
    counts = binner.observe(rows).counts
    for position, (feature, part) in enumerate(profile.slices()):
        grid = feature.grid
        assert isinstance(grid, NumericGrid)
        expected = expected_bins(grid, rows.numbers[:, position])
        wrong = np.flatnonzero(bins[:, position] - part.start != expected)
        assert not wrong.size, (feature.name, rows.numbers[wrong[0], position])
        assert counts[part].tolist() == np.bincount(expected, minlength=grid.size).tolist(), feature.name


def around(values: Floats) -> Floats:
    cuts = np.array(NumericGrid.fit(values, bins=64).cuts)
    with np.errstate(over="ignore"):
        return np.concatenate([cuts, np.nextafter(cuts, np.inf), np.nextafter(cuts, -np.inf), values[:200], ODD])


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("odd", [[], NOT_FINITE], ids=["finite", "not finite too"])
def test_bins_are_those_of_searchsorted_on_each_shape_of_reference(name: str, odd: list[float]) -> None:
    probes = around(REFERENCES[name])
    probes = np.concatenate([probes[np.isfinite(probes)], odd])
    assert_exact(profile_of(**{name: REFERENCES[name]}), rows_of(probes))


def test_bins_are_those_of_searchsorted_with_all_shapes_side_by_side() -> None:
    longest = max(map(len, map(around, REFERENCES.values())))
    columns = [np.resize(np.concatenate([NOT_FINITE, around(values)]), longest + 3) for values in REFERENCES.values()]
    assert_exact(profile_of(**REFERENCES), rows_of(*columns))


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(finite, min_size=1, max_size=90),
    st.lists(finite, min_size=1, max_size=90),
    st.lists(st.floats(), max_size=30),
)
def test_bins_are_those_of_searchsorted_on_any_numbers(one: list[float], other: list[float], odd: list[float]) -> None:
    profile = profile_of(one=np.array(one), other=np.array(other))
    probes = np.concatenate([around(np.array(one)), around(np.array(other)), odd])
    assert_exact(profile, rows_of(probes, probes[::-1]))


def test_infinities_are_not_finite_beside_a_feature_that_needs_more_compare_passes() -> None:
    profile = profile_of(steep=RNG.lognormal(0, 1.3, 5000), flat=np.array([0.0, 1.0, 2.0]))
    assert 3 <= Binner(profile)._passes <= MOST_PASSES
    infinite = np.array(NOT_FINITE)
    assert_exact(profile, rows_of(infinite, infinite))


@pytest.mark.parametrize("rows", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_any_number_of_rows_is_counted_in_blocks(rows: int) -> None:
    values = RNG.normal(size=rows)
    values[::5] = np.nan
    assert_exact(profile_of(normal=REFERENCES["normal"]), rows_of(values))


def test_one_infinity_in_a_block_disturbs_no_other_block() -> None:
    values = RNG.normal(size=2 * BLOCK)
    values[BLOCK + 3] = np.inf
    assert_exact(profile_of(normal=REFERENCES["normal"]), rows_of(values))


def test_what_is_unreadable_is_not_what_is_missing_in_any_block() -> None:
    values = RNG.normal(size=3 * BLOCK)
    values[::7], values[::11] = np.nan, UNREADABLE
    profile = profile_of(normal=REFERENCES["normal"], flat=np.array([0.0, 1.0]))
    assert_exact(profile, rows_of(values, values[::-1]))
    special = profile.features[0].grid.special
    counts = Binner(profile).observe(rows_of(values, values)).counts
    assert counts[special["unreadable"]] == len(values[::11])
    assert counts[special["missing"]] == len(values[::7]) - len(values[::77])


def test_finite_values_whose_sum_overflows_are_finite() -> None:
    assert_exact(profile_of(huge=REFERENCES["huge"]), rows_of(np.full(100, 1.7e308)))


def test_a_view_of_every_other_row_is_counted_as_its_copy() -> None:
    profile = profile_of(one=REFERENCES["normal"], two=REFERENCES["steep"])
    rows = rows_of(RNG.normal(size=3000), RNG.lognormal(0, 3, 3000))
    view = Rows(rows.numbers[::2], rows.codes[::2], rows.index[::2])
    assert Binner(profile).observe(view) == Binner(profile).observe(rows.take(np.arange(0, 3000, 2)))


def test_a_profile_of_categories_alone_has_no_numbers_to_bin() -> None:
    profile = Profile.fit(pl.DataFrame({"c": ["a"] * 40 + ["b"]}), model="m")
    rows, _, _ = Reader(profile).read_columns({"c": ["a", "b", "z", None]})
    assert Binner(profile).observe(rows).counts.tolist() == [1, 1, 1, 1, 0]
    assert bins_of(Binner(profile), rows).ravel().tolist() == [0, 1, 2, 3]


def test_no_rows_are_no_counts(binner: Binner, reader: Reader) -> None:
    summary = binner.observe(reader.read_records([])[0])
    assert summary.rows == 0
    assert not summary.counts.any()


def test_codes_are_counted_behind_the_right_numbers(frame: pl.DataFrame, profile: Profile, binner: Binner) -> None:
    rows, _, _ = Reader(profile).read_records(frame.to_dicts())
    by_row = np.bincount(bins_of(binner, rows).ravel(), minlength=profile.bins)
    assert by_row.tolist() == binner.observe(rows).counts.tolist()


def test_threads_that_share_a_binner_do_not_share_its_scratch() -> None:
    profile = profile_of(one=REFERENCES["normal"], two=REFERENCES["steep"])
    binner = Binner(profile)
    rows = [rows_of(RNG.normal(size=900) * k, RNG.lognormal(0, k, 900)) for k in (1, 2, 3, 4)]
    expected = [Binner(profile).observe(batch) for batch in rows]
    wrong: list[int] = []

    def work(mine: int) -> None:
        for _ in range(100):
            if binner.observe(rows[mine]) != expected[mine]:
                wrong.append(mine)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(len(rows))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_profile_may_have_more_cuts_than_the_compiled_counter_takes() -> None:
    grid = NumericGrid(tuple(map(float, range(70_000))), (None,) * 69_997)
    profile = Profile("m", 1, (Feature("a", "numeric", "feature", grid, (0,) * grid.size, "a"),))
    counts = Binner(profile).observe(rows_of(np.array([69_000.5, np.nan]))).counts
    assert np.flatnonzero(counts).tolist() == [69_001, grid.special[MISSING]]
