from __future__ import annotations

import re

import numpy as np
import pytest

from driftmeter.detectors.protocol import Cause
from driftmeter.profile.bin_values import BinValues
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Counts, Floats
from driftmeter.verdict.findings import finding
from driftmeter.verdict.value_change import ValueChange, change_of

CHANCE = np.random.default_rng(61)
SAMPLES = {
    "normal": CHANCE.normal(50, 10, 4_000),
    "skewed": np.exp(2 * CHANCE.normal(size=4_000)),
    "two": CHANCE.choice([0.0, 1.0], 4_000),
    "whole": CHANCE.poisson(3, 4_000).astype(float),
    "constant": np.full(4_000, 7.0),
    "half zero": np.where(CHANCE.random(4_000) < 0.5, 0.0, CHANCE.normal(size=4_000)),
    "huge": CHANCE.normal(0, 1e307, 4_000),
    "tiny": CHANCE.normal(0, 1e-307, 4_000),
}


def counts_of(grid: NumericGrid, values: Floats) -> Counts:
    return np.bincount(grid.edges.searchsorted(values, side="right"), minlength=grid.size)


def feature_of(values: Floats, *, bins: int = 64, known: bool = True, reference: Counts | None = None) -> Feature:
    grid = NumericGrid.fit(values, bins=bins)
    counts = counts_of(grid, values) if reference is None else reference
    kept = BinValues.of(grid, values) if known else None
    return Feature("x", "numeric", "feature", grid, tuple(counts.tolist()), "x", values=kept)


def told(feature: Feature, counts: Counts, what: str = "bins") -> ValueChange:
    change = change_of(feature, counts, what)
    assert change is not None
    return change


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("known", [True, False])
def test_whatever_is_counted_is_told_in_numbers(name: str, known: bool) -> None:
    feature = feature_of(SAMPLES[name], known=known)
    for bins in (1, 2, 5, feature.size):
        for what in ("mean", "spread", "skew", "tails", "bins", "stuck", "values"):
            counts = np.zeros(feature.size, np.int64)
            counts[CHANCE.choice(feature.size, bins, replace=False)] += CHANCE.integers(1, 1_000, bins)
            counts[feature.grid.core.start] += 1  # type: ignore[union-attr]  # it is of a number
            sentence = finding(Cause(what, False, 0.3, 0.2, 3_600_000, 100, counts), feature)
            assert re.search(r"\d.*, over 100 rows in 1 h", sentence) or name == "constant", sentence
            assert not re.search(r"nan|inf(?!inite)|None", sentence), sentence


@pytest.mark.parametrize("name", ["normal", "skewed", "whole", "half zero"])
def test_no_row_and_the_reference_itself_are_no_change(name: str) -> None:
    feature = feature_of(SAMPLES[name])
    assert change_of(feature, np.zeros(feature.size, np.int64)) is None
    assert change_of(feature, feature.reference) is None


def test_a_reference_with_rows_out_of_its_range_is_compared_by_what_is_known() -> None:
    values = SAMPLES["normal"]
    grid = NumericGrid.fit(values, bins=64)
    live = counts_of(grid, values + 20.0)
    feature = feature_of(values, reference=live)
    change = told(feature, counts_of(grid, values))
    assert (change.measure, change.was > change.now) == ("median", True)
    assert change.was == pytest.approx(np.median(values) + 20, abs=1.5)
    assert change.now == pytest.approx(np.median(values), abs=1.0)


def test_without_kept_values_the_cuts_tell_nearly_the_same() -> None:
    values = SAMPLES["normal"]
    known, unknown = (feature_of(values, known=known) for known in (True, False))
    counts = counts_of(known.grid, values - 6.0)  # type: ignore[arg-type]  # it is of a number
    assert told(known, counts).now == pytest.approx(told(unknown, counts).now, abs=0.5)


def test_a_mean_that_few_large_values_make_up_gives_way_to_the_median() -> None:
    values = SAMPLES["skewed"]
    feature = feature_of(values)
    change = told(feature, counts_of(feature.grid, np.clip(values * 1.6, None, values.max())), "mean")  # type: ignore[arg-type]
    assert (change.measure, change.deviations) == ("median", 0.0)


def test_the_unit_of_a_derived_feature_is_that_of_its_column() -> None:
    values = CHANCE.normal(size=4_000)
    grid = NumericGrid.fit(values, bins=64)
    plain, scaled = (
        Feature("x", "numeric", "derived", grid, tuple(counts_of(grid, values).tolist()), "x", values=kept)
        for kept in (BinValues.of(grid, values), BinValues.of(grid, values, unit=40.0))
    )
    for counts in (counts_of(grid, values + 0.4), counts_of(grid, values * 1.4), counts_of(grid, np.abs(values))):
        one, other = told(plain, counts), told(scaled, counts)
        assert one.measure == other.measure
        factor = 1.0 if one.measure == "share" else 40.0
        assert (other.was, other.now) == pytest.approx((factor * one.was, factor * one.now))
        assert (other.low, other.high) == pytest.approx((40 * one.low, 40 * one.high))


def test_a_grid_of_many_bins_is_searched_too() -> None:
    values = CHANCE.uniform(0, 1000, 40_000)
    feature = feature_of(values, bins=1_000)
    now = np.where(CHANCE.random(40_000) < 0.1, CHANCE.uniform(400, 440, 40_000), values)
    change = told(feature, counts_of(feature.grid, now))  # type: ignore[arg-type]
    assert change.measure == "share"
    assert (change.low, change.high) == pytest.approx((400, 440), abs=10)


def test_values_that_all_moved_are_not_told_as_one_that_took_over() -> None:
    feature = feature_of(SAMPLES["normal"])
    moved = told(feature, counts_of(feature.grid, SAMPLES["normal"] / 10 + 30), "stuck")  # type: ignore[arg-type]
    assert (moved.measure, moved.now < moved.was) == ("mean", True)
    one = feature_of(SAMPLES["whole"])
    stands = told(one, counts_of(one.grid, np.full(100, 5.0)), "stuck")  # type: ignore[arg-type]
    assert (stands.measure, stands.low, stands.high, stands.now) == ("share", 5.0, 5.0, 1.0)
    cause = Cause("stuck", False, 1.0, 0.4, 3_600_000, 100, counts_of(one.grid, np.full(100, 5.0)))  # type: ignore[arg-type]
    assert finding(cause, one).startswith("the value 5 rose from ")
    assert finding(cause, one).endswith("; in no such window of the reference had one value more than 40.0 %")
