from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.variance import Variance
from driftmeter.profile.calibration import Calibration
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Floats
from tests.detectors.samples import categories, numbers, of_features

ROWS = 10_000


@pytest.fixture(scope="module")
def tables() -> CompiledBins:
    values = np.random.default_rng(1).normal(size=ROWS)
    values[:100] = np.nan
    return CompiledBins(of_features(numbers(values), categories([6_000, 3_995, 5])).features)


def calibration(
    tables: CompiledBins, *, scores: tuple[float, float] = (0.4, 0.1), rows: float = 500.0, **others: Floats
) -> Calibration:
    """Return a calibration at an hour and at a day, the same for all scores, bins and groups, unless it says so."""
    features, rare, groups = len(tables.features), len(tables.rare), len(tables.group_owner)
    arrays = {
        "scores": np.stack([np.full((features, 4), value) for value in scores]),
        "tails": np.stack([np.full((features, 4), value) for value in (2.0, 1.0)]),
        "rare": np.stack([np.full(rare, value) for value in scores]),
        "groups": np.stack([np.full(groups, value) for value in scores]),
        "cores": np.stack([np.full(features, value) for value in scores]),
        "stuck": np.stack([np.full((features, 4), value) for value in (3.0, 5.0)]),
        "clusters": np.full((rare, 2), 7.0),
    }
    return Calibration((HOUR, DAY), (240, 10), rows, 1.0, **(arrays | others))


def test_without_a_calibration_rows_count_as_independent(tables: CompiledBins) -> None:
    variance = Variance(tables, None)
    excess = variance.at(HOUR)
    for name in ("scores", "tails", "rare", "groups", "cores", "stuck"):
        assert not getattr(excess, name).any()
    assert (variance.score_rows == ROWS).all()
    assert (variance.rare_rows == ROWS).all()
    assert (variance.group_rows == ROWS).all()
    assert not variance.clusters.any()


def test_at_a_calibrated_length_it_says_what_was_calibrated(tables: CompiledBins) -> None:
    variance = Variance(tables, calibration(tables))
    for length, expected, tails, stuck in ((HOUR, 0.4, 2.0, 3.0), (DAY, 0.1, 1.0, 5.0)):
        excess = variance.at(length)
        for variances in (excess.scores, excess.rare, excess.groups, excess.cores):
            assert variances == pytest.approx(expected)
        assert (excess.tails == tails).all()
        assert (excess.stuck == stuck).all()


def test_between_two_lengths_it_interpolates_in_the_logarithm_of_the_length(tables: CompiledBins) -> None:
    variance = Variance(tables, calibration(tables))
    half_way = round((HOUR * DAY) ** 0.5)
    assert variance.at(half_way).scores == pytest.approx(0.25)
    variances = [variance.at(hours * HOUR).scores[0, 0] for hours in range(1, 25)]
    assert (np.diff(variances) < 0).all()
    assert (variance.at(2 * HOUR).tails == 2.0).all()
    assert (variance.at(20 * HOUR).tails == 1.0).all()


def test_a_longer_window_has_the_variance_of_the_longest(tables: CompiledBins) -> None:
    variance = Variance(tables, calibration(tables))
    assert variance.at(30 * DAY).scores == pytest.approx(0.1)
    assert (variance.at(30 * DAY).stuck == 5.0).all()


def test_a_shorter_window_has_as_many_times_more_as_it_is_shorter_and_at_most_1(tables: CompiledBins) -> None:
    variance = Variance(tables, calibration(tables))
    assert variance.at(HOUR // 2).scores == pytest.approx(0.8)
    assert variance.at(HOUR // 100).scores == pytest.approx(1.0)
    assert variance.at(1).rare == pytest.approx(1.0)
    assert (variance.at(HOUR // 100).tails == 2.0).all()
    # what varies by more than 1 already, as rows that oppose each other may, stays
    larger = Variance(tables, calibration(tables, scores=(1.5, 0.1)))
    assert larger.at(HOUR // 100).scores == pytest.approx(1.5)


def test_a_reference_that_varies_by_itself_is_worth_fewer_rows(tables: CompiledBins) -> None:
    variance = Variance(tables, calibration(tables, rows=500.0))
    # 20 windows of 500 rows, each with a variance of 1/500 + .1: 1/m_eff = 1/10,000 + .1/20
    assert 1 / variance.score_rows == pytest.approx(1 / ROWS + 0.1 / 20)
    assert 1 / variance.group_rows == pytest.approx(1 / ROWS + 0.1 / 20)


def test_a_bin_of_very_few_rows_varies_as_the_ordinary_bins_do(tables: CompiledBins) -> None:
    rare = len(tables.rare)
    learnt = calibration(tables, rare=np.zeros((2, rare)))
    variance = Variance(tables, learnt)
    few = tables.reference[tables.rare] < 20
    assert few.any()
    assert not few.all()
    assert variance.at(HOUR).rare[few] == pytest.approx(0.4)
    assert not variance.at(HOUR).rare[~few].any()
    assert (variance.rare_rows[few] < variance.rare_rows[~few].min()).all()


@pytest.mark.parametrize("name", ["scores", "tails", "rare", "groups", "cores", "stuck", "clusters"])
def test_a_calibration_of_another_shape_is_refused(tables: CompiledBins, name: str) -> None:
    whole = calibration(tables)
    array = getattr(whole, name)
    cut = array[:-1] if name == "clusters" else array[:, :-1]
    with pytest.raises(ValueError, match="expected a calibration of the shape"):
        Variance(tables, replace(whole, **{name: cut}))
