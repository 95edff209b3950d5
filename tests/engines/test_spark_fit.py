"""Profiles of DataFrames: those of the local fit, cuts apart, whose ranks are as near as is promised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftmeter import Profile
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.detectors.bins import CompiledBins
from driftmeter.fitting.from_rows import calibrated
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.numeric_grid import NumericGrid
from tests.support.spark_cluster import spark_session, why_no_spark

pytestmark = [pytest.mark.timeout(600), pytest.mark.skipif(why_no_spark() is not None, reason=why_no_spark() or "")]

ROWS, SAMPLE = 40_000, 8_000
START, MINUTE = 1_700_000_000_000 // 3_600_000 * 3_600_000, 60_000


def reference() -> pa.Table:
    chance = np.random.default_rng(0)
    base = chance.normal(size=ROWS)
    towns = chance.zipf(1.6, ROWS) % 400
    times = START + np.sort(chance.integers(0, 20 * 24 * 60, ROWS)) * MINUTE
    return pa.table(
        {
            "income": pa.array(chance.lognormal(8, 1, ROWS), mask=chance.random(ROWS) < 0.1),
            "age": chance.integers(18, 90, ROWS),
            "score": base,
            "twin": base + 0.3 * chance.normal(size=ROWS),
            "town": [f"town {town}" for town in towns.tolist()],
            "member": chance.random(ROWS) < 0.3,
            "at": pa.array(times, pa.timestamp("ms", tz="UTC")),
        }
    )


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with spark_session("local[2]", tmp_path_factory.mktemp("spark")) as session:
        yield session


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return reference()


@pytest.fixture(scope="module")
def frame(spark: Any, rows: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("reference")
    order = pa.array(np.random.default_rng(1).permutation(ROWS))
    for number in range(3):
        pq.write_table(rows.take(order[number::3]), folder / f"{number}.parquet")
    return spark.read.parquet(str(folder))


@pytest.fixture(scope="module")
def fitted(frame: Any) -> Profile:
    return Profile.fit_spark(frame, sample=SAMPLE, model="m", time="at", by_hour=True)


@pytest.fixture(scope="module")
def local(rows: pa.Table) -> Profile:
    return Profile.fit(rows, model="m", time="at", by_hour=True)


def test_a_frame_that_fits_into_the_sample_is_fitted_as_it_is(frame: Any, rows: pa.Table) -> None:
    few = frame.where("age < 25").select("age", "town", "member")
    assert Profile.fit_spark(few, sample=ROWS, model="m", independent=True) == Profile.fit(
        few.toArrow(), model="m", independent=True
    )


def test_features_extremes_and_categories_are_those_of_the_local_fit(fitted: Profile, local: Profile) -> None:
    assert fitted.rows == local.rows == ROWS
    assert [(f.name, f.kind, f.role) for f in fitted.features] == [(f.name, f.kind, f.role) for f in local.features]
    assert [feature.name for feature in local.features if feature.role == "derived"] != []
    for mine, other in zip(fitted.features, local.features, strict=True):
        if isinstance(mine.grid, CategoryGrid):
            assert (mine.grid, mine.counts) == (other.grid, other.counts)
        elif mine.role != "derived":
            assert isinstance(other.grid, NumericGrid)
            assert (mine.grid.cuts[1], mine.grid.cuts[-2]) == (other.grid.cuts[1], other.grid.cuts[-2])
    assert Profile.loads(fitted.dumps()) == fitted


def test_cuts_have_nearly_the_ranks_of_the_local_ones(fitted: Profile, rows: pa.Table) -> None:
    from driftmeter.integrations.spark import quantile_error

    for name in ("income", "score"):
        (feature,) = [feature for feature in fitted.features if feature.name == name]
        assert isinstance(feature.grid, NumericGrid)
        values = np.sort(rows[name].drop_null().to_numpy())
        ranks = np.searchsorted(values, feature.grid.edges[2:-2]) / len(values)
        assert len(ranks) == 63
        assert np.abs(ranks - np.arange(1, 64) / 64).max() < quantile_error(SAMPLE)


def test_the_counts_are_those_of_all_rows_on_the_same_cuts(fitted: Profile, rows: pa.Table) -> None:
    reader = Reader(fitted)
    typed, _, _ = reader.read_columns(columns_of(as_frame(rows), reader.names))
    counts = Binner(fitted).observe(typed).counts
    assert counts.tolist() == [count for feature in fitted.features for count in feature.counts]


def test_the_calibration_is_that_of_all_rows_on_the_same_cuts(fitted: Profile, rows: pa.Table) -> None:
    reader = Reader(fitted)
    columns = columns_of(as_frame(rows), reader.names)
    typed, _, _ = reader.read_columns(columns)
    times = rows["at"].cast(pa.int64()).to_numpy()
    mine, other = fitted.calibration, calibrated(fitted, typed, columns, times, (100, 3_600_000), True)
    assert mine is not None
    assert other is not None
    for name in ("lengths", "windows", "rows", "usual"):
        assert getattr(mine, name) == getattr(other, name), name
    for name in ("scores", "tails", "rare", "groups", "cores", "stuck", "hours"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(other, name), err_msg=name)
    derived = {index for index, feature in enumerate(fitted.features) if feature.role == "derived"}
    known = [owner not in derived for owner in CompiledBins(fitted.features).rare_owner.tolist()]
    assert not all(known)
    np.testing.assert_array_equal(mine.clusters[known], other.clusters[known])
    assert fitted.span == (times.min(), times.max() // MINUTE * MINUTE + MINUTE - 1)


def test_a_frame_without_times(frame: Any) -> None:
    untimed = Profile.fit_spark(frame.drop("at"), sample=SAMPLE, model="m", independent=True)
    assert (untimed.rows, untimed.time, untimed.span, untimed.calibration) == (ROWS, None, None, None)
    assert replace(untimed, rows=ROWS) == untimed
