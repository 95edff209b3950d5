from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.variance import Variance
from driftmeter.profile.calibration import BY_ROWS, Calibration
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
    tables: CompiledBins,
    *,
    scores: tuple[float, float] = (0.4, 0.1),
    rows: float = 500.0,
    rare: Floats | None = None,
) -> Calibration:
    """Return a calibration at an hour and at a day, the same for all scores, bins and groups, unless it says so."""
    features, groups = len(tables.features), len(tables.group_owner)
    same = np.stack([np.full(len(tables.rare), value) for value in scores])
    return Calibration(
        (HOUR, DAY),
        (240, 10),
        rows,
        1.0,
        scores=np.stack([np.full((features, 4), value) for value in scores]),
        tails=np.stack([np.full((features, 4), value) for value in (2.0, 1.0)]),
        rare=same if rare is None else rare,
        groups=np.stack([np.full(groups, value) for value in scores]),
        cores=np.stack([np.full(features, value) for value in scores]),
        stuck=np.stack([np.full((features, 4), value) for value in (3.0, 5.0)]),
        clusters=np.full((len(tables.rare), 2), 7.0),
    )


def with_groups(learnt: Calibration, sizes: tuple[int, ...], effects: tuple[float, ...]) -> Calibration:
    """Return the calibration with rows that come in groups: windows of `sizes` rows have these design effects."""
    additive = [(effect - 1) / size for size, effect in zip(sizes, effects, strict=True)]
    by_rows: dict[str, Any] = {
        name: np.stack([np.full(of_length.shape[1:], value) for value in additive])
        for name, of_length in zip(BY_ROWS, (learnt.scores, learnt.rare, learnt.groups, learnt.cores), strict=True)
    }
    return replace(learnt, sizes=sizes, **by_rows)


def test_without_a_calibration_rows_count_as_independent(tables: CompiledBins) -> None:
    variance = Variance(tables, None)
    excess = variance.at(HOUR, ROWS)
    for name in ("scores", "tails", "rare", "groups", "cores", "stuck"):
        assert not getattr(excess, name).any()
    assert (variance.score_rows == ROWS).all()
    assert (variance.rare_rows == ROWS).all()
    assert (variance.group_rows == ROWS).all()
    assert not variance.clusters.any()


def test_at_a_calibrated_length_it_says_what_was_calibrated(tables: CompiledBins) -> None:
    variance = Variance(tables, calibration(tables))
    for length, expected, tails, stuck in ((HOUR, 0.4, 2.0, 3.0), (DAY, 0.1, 1.0, 5.0)):
        excess = variance.at(length, ROWS)
        for variances in (excess.scores, excess.rare, excess.groups, excess.cores):
            assert variances == pytest.approx(expected)
        assert (excess.tails == tails).all()
        assert (excess.stuck == stuck).all()


def test_between_two_lengths_it_interpolates_in_the_logarithm_of_the_length(tables: CompiledBins) -> None:
    variance = Variance(tables, calibration(tables))
    half_way = round((HOUR * DAY) ** 0.5)
    assert variance.at(half_way, ROWS).scores == pytest.approx(0.25)
    variances = [variance.at(hours * HOUR, ROWS).scores[0, 0] for hours in range(1, 25)]
    assert (np.diff(variances) < 0).all()
    assert (variance.at(2 * HOUR, ROWS).tails == 2.0).all()
    assert (variance.at(20 * HOUR, ROWS).tails == 1.0).all()


def test_a_longer_window_has_the_variance_of_the_longest(tables: CompiledBins) -> None:
    variance = Variance(tables, calibration(tables))
    assert variance.at(30 * DAY, ROWS).scores == pytest.approx(0.1)
    assert (variance.at(30 * DAY, ROWS).stuck == 5.0).all()


def test_a_shorter_window_has_as_many_times_more_as_it_is_shorter_and_at_most_1(tables: CompiledBins) -> None:
    variance = Variance(tables, calibration(tables))
    assert variance.at(HOUR // 2, ROWS).scores == pytest.approx(0.8)
    assert variance.at(HOUR // 100, ROWS).scores == pytest.approx(1.0)
    assert variance.at(1, ROWS).rare == pytest.approx(1.0)
    assert (variance.at(HOUR // 100, ROWS).tails == 2.0).all()
    # what varies by more than 1 already, as rows that oppose each other may, stays
    larger = Variance(tables, calibration(tables, scores=(1.5, 0.1)))
    assert larger.at(HOUR // 100, ROWS).scores == pytest.approx(1.5)


def test_a_reference_that_varies_by_itself_is_worth_fewer_rows(tables: CompiledBins) -> None:
    variance = Variance(tables, calibration(tables, rows=500.0))
    # 20 windows of 500 rows, each with a variance of 1/500 + .1: 1/m_eff = 1/10,000 + .1/20
    assert 1 / variance.score_rows == pytest.approx(1 / ROWS + 0.1 / 20)
    assert 1 / variance.group_rows == pytest.approx(1 / ROWS + 0.1 / 20)


def test_a_bin_of_very_few_values_varies_as_the_ordinary_bins_do_one_of_faults_does_not(tables: CompiledBins) -> None:
    rare = len(tables.rare)
    learnt = calibration(tables, rare=np.zeros((2, rare)))
    variance = Variance(tables, learnt)
    faults = np.isin(np.array(tables.rare_names), ["missing", "unreadable", "not finite"])
    few = (tables.reference[tables.rare] < 20) & ~faults
    assert few.any()
    assert not (few | faults).all()
    assert variance.at(HOUR, ROWS).rare[few] == pytest.approx(0.4)
    assert not variance.at(HOUR, ROWS).rare[~few].any()
    assert (variance.rare_rows[few] < variance.rare_rows[~few].min()).all()


@pytest.mark.parametrize(
    ("rows", "effect"),
    [
        (1, 1.0),  # one row cannot resemble itself
        (2, 2.0),  # two rows are worth at least one
        (4, 3.0),
        (16, 5.0),  # half way from 4 to 64 in logarithms
        (64, 7.0),
        (1_000, 7.0),  # groups of rows do not grow with the window
    ],
)
def test_by_rows_a_window_has_the_design_effect_of_as_many_rows(tables: CompiledBins, rows: int, effect: float) -> None:
    learnt = with_groups(calibration(tables, scores=(0.0, 0.0)), (4, 64), (3.0, 7.0))
    excess = Variance(tables, learnt).at(HOUR, rows)
    few = tables.reference[tables.rare] < 20
    for variances in (excess.scores, excess.rare[~few], excess.groups, excess.cores):
        assert 1 + rows * variances == pytest.approx(effect)
    # what the reference hardly has may come in the groups that its values come in, as 4 rows show them
    assert 1 + rows * excess.rare[few] == pytest.approx(effect)


def test_the_scale_that_varies_more_decides(tables: CompiledBins) -> None:
    variance = Variance(tables, with_groups(calibration(tables, scores=(0.4, 0.1)), (4, 64), (3.0, 7.0)))
    for length, rows, expected in ((HOUR, 4, 0.5), (HOUR, 1_000, 0.4), (DAY, 64, 6 / 64), (DAY, 30, 0.1636)):
        of_both = variance.at(length, rows)
        assert of_both.scores == pytest.approx(expected, abs=0.01)
        assert of_both.cores == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("name", ["scores", "tails", "rare", "groups", "cores", "stuck", "clusters", *BY_ROWS])
def test_a_calibration_of_another_shape_is_refused(tables: CompiledBins, name: str) -> None:
    whole = with_groups(calibration(tables), (4, 64), (3.0, 7.0))
    array = getattr(whole, name)
    cut = array[:-1] if name == "clusters" else array[:, :-1]
    with pytest.raises(ValueError, match="expected a calibration of the shape"):
        Variance(tables, replace(whole, **{name: cut}))
