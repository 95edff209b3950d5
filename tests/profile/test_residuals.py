from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.drift import Scorer
from driftmeter.profile.profile import Profile
from driftmeter.profile.residuals import CLIP, MIN_ROWS, MOST_REGRESSED, RIDGE, STEPS, UNIT, Regressor, Residuals
from driftmeter.types import Floats

NAMES = ("temp", "dewp", "humid", "luck")
RNG = np.random.default_rng(5)


def weather(rows: int, seed: int = 0) -> Floats:
    """Return temp, dewp and humid, which explain each other, and luck, which nothing explains."""
    rng = np.random.default_rng(seed)
    temp = rng.normal(12, 9, rows)
    humid = rng.normal(60, 15, rows)
    dewp = temp - (100 - humid) / 5 + rng.normal(0, 0.5, rows)
    return np.stack([temp, dewp, humid, rng.normal(size=rows)], axis=1)


NUMBERS = weather(2_000)


def fitted(names: tuple[str, ...], numbers: Floats) -> Residuals:
    residuals = Residuals.fit(names, numbers)
    assert residuals is not None
    return residuals


@pytest.fixture(scope="module")
def residuals() -> Residuals:
    return fitted(NAMES, NUMBERS)


@pytest.fixture(scope="module")
def regressor(residuals: Residuals) -> Regressor:
    return Regressor(residuals)


def test_a_residual_is_what_the_other_columns_leave_unexplained(regressor: Regressor) -> None:
    z = np.clip((NUMBERS - NUMBERS.mean(axis=0)) / NUMBERS.std(axis=0), -CLIP, CLIP)
    precision = np.linalg.inv(np.cov(z.T, bias=True) + RIDGE * np.eye(4))
    expected = z @ (precision / precision.diagonal())
    assert np.allclose(regressor.residuals_of(NUMBERS), expected[:, :3], atol=0.002)


def test_only_what_the_others_explain_is_kept(residuals: Residuals) -> None:
    assert residuals.columns == NAMES
    assert residuals.targets == ("temp", "dewp", "humid")


@pytest.mark.parametrize(("explained", "kept"), [(0.16, False), (0.24, True)])
def test_a_fifth_of_the_variance_must_be_explained(explained: float, kept: bool) -> None:
    cause, noise = np.random.default_rng(1).normal(size=(2, 20_000))
    effect = math.sqrt(explained) * cause + math.sqrt(1 - explained) * noise
    assert (Residuals.fit(("cause", "effect"), np.stack([cause, effect], axis=1)) is not None) == kept


def test_a_missing_number_has_no_residual_and_counts_as_the_mean_for_the_others(
    residuals: Residuals, regressor: Regressor
) -> None:
    missing, mean = NUMBERS[:5].copy(), NUMBERS[:5].copy()
    missing[:, 1], mean[:, 1] = np.nan, residuals.means[1]
    computed = regressor.residuals_of(missing)
    assert np.isnan(computed[:, 1]).all()
    assert np.array_equal(computed[:, [0, 2]], regressor.residuals_of(mean)[:, [0, 2]])


@pytest.mark.parametrize("sign", [1, -1])
def test_an_infinite_number_is_as_one_far_out_itself_and_as_the_mean_for_the_others(
    residuals: Residuals, regressor: Regressor, sign: int
) -> None:
    infinite, far, mean = NUMBERS[:5].copy(), NUMBERS[:5].copy(), NUMBERS[:5].copy()
    infinite[:, 1], far[:, 1], mean[:, 1] = sign * np.inf, sign * 1e300, residuals.means[1]
    computed = regressor.residuals_of(infinite)
    assert np.array_equal(computed[:, 1], regressor.residuals_of(far)[:, 1])
    assert np.array_equal(computed[:, [0, 2]], regressor.residuals_of(mean)[:, [0, 2]])


def test_a_number_beyond_the_clip_counts_no_further(residuals: Residuals, regressor: Regressor) -> None:
    rows = np.repeat(NUMBERS[:1], 3, axis=0)
    rows[:, 0] = residuals.means[0] + residuals.sds[0] * np.array([6.001, 60, 1e300])
    computed = regressor.residuals_of(rows)
    assert np.array_equal(computed[0], computed[1])
    assert np.array_equal(computed[0], computed[2])


def test_a_residual_is_the_sum_of_integers_with_one_division(residuals: Residuals, regressor: Regressor) -> None:
    rows = weather(50, seed=9) * 3
    computed = regressor.residuals_of(rows)
    for row, residual in zip(rows, computed, strict=True):
        z = [(x - mean) * (STEPS / sd) for x, mean, sd in zip(row, residuals.means, residuals.sds, strict=True)]
        steps = [round(min(max(z_score, -CLIP * STEPS), CLIP * STEPS)) for z_score in z]
        for target, coefficients in enumerate(residuals.coefficients):
            exact = Fraction(sum(c * s for c, s in zip(coefficients, steps, strict=True)), STEPS * UNIT)
            assert Fraction(residual[target]) == exact


SPANS = [(-40.0, 60.0), (-60.0, 50.0), (0.0, 130.0), (-5.0, 5.0)]


def test_a_number_outside_the_span_makes_the_residuals_of_the_others_missing_and_keeps_its_own(
    residuals: Residuals, regressor: Regressor
) -> None:
    spanned = Regressor(residuals, SPANS)
    assert np.array_equal(spanned.residuals_of(NUMBERS), regressor.residuals_of(NUMBERS))
    rows = np.repeat(NUMBERS[:1], 5, axis=0)
    rows[:, 0] = [-40.0, -40.1, 59.9, 60.0, math.inf]
    computed = spanned.residuals_of(rows)
    assert np.isnan(computed[:, 1]).tolist() == [False, True, False, True, True]
    assert np.array_equal(computed[:, 0], regressor.residuals_of(rows)[:, 0])


def test_a_column_that_hardly_explains_another_one_costs_it_nothing(residuals: Residuals, regressor: Regressor) -> None:
    rows = NUMBERS[:5].copy()
    rows[:, 3] = 1e9
    assert max(abs(row[3]) for row in residuals.coefficients) < UNIT / 64
    assert np.array_equal(Regressor(residuals, SPANS).residuals_of(rows), regressor.residuals_of(rows))


values = st.floats(-1e3, 1e3) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e308, -1e308, 5e-324])
tables = st.lists(st.tuples(values, values, values, values), min_size=1, max_size=40).map(np.array)


@given(tables, st.lists(st.integers(0, 40), max_size=4))
def test_any_split_of_the_rows_gives_the_same_bits(regressor: Regressor, rows: Floats, places: list[int]) -> None:
    parts = [regressor.residuals_of(part) for part in np.split(rows, sorted(min(p, len(rows)) for p in places))]
    assert np.concatenate(parts).tobytes() == regressor.residuals_of(rows).tobytes()


def test_a_large_batch_gives_the_same_bits_as_its_rows_one_by_one(regressor: Regressor) -> None:
    rows = weather(3_000, seed=4)
    rows[::7, 2] = np.nan
    one_by_one = [regressor.residuals_of(rows[row : row + 1]) for row in range(len(rows))]
    assert np.concatenate(one_by_one).tobytes() == regressor.residuals_of(rows).tobytes()


@given(st.randoms(use_true_random=False))
def test_any_order_of_the_reference_gives_the_same_regressions(residuals: Residuals, chance: Any) -> None:
    order = np.array(chance.sample(range(len(NUMBERS)), len(NUMBERS)))
    assert Residuals.fit(NAMES, NUMBERS[order]) == residuals


def test_a_reference_of_more_than_a_block_is_regressed_whole() -> None:
    numbers = weather(70_000)
    numbers[66_000:, 2] = 0.0  # only the last block knows it
    whole, start = fitted(NAMES, numbers), fitted(NAMES, numbers[:66_000])
    z = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    expected = np.linalg.inv(np.cov(z.T, bias=True) + RIDGE * np.eye(4))
    coefficients = np.array(whole.coefficients[0]) / UNIT
    assert np.allclose(coefficients, expected[0] / expected[0, 0], atol=0.01)
    assert not np.allclose(coefficients, np.array(start.coefficients[0]) / UNIT, atol=0.1)


@pytest.mark.parametrize(
    "odd",
    [
        np.full(2_000, 0.1),
        np.full(2_000, np.nan),
        np.where(np.arange(2_000) % 2, np.inf, np.nan),
        np.where(np.arange(2_000) % 2, 1e308, -1e308),
        np.where(np.arange(2_000) % 2, 5e-324, 0.0),
    ],
    ids=["constant", "missing", "not finite", "huge", "tiny"],
)
def test_a_column_that_cannot_be_standardised_is_not_regressed(residuals: Residuals, odd: Floats) -> None:
    assert Residuals.fit((*NAMES, "odd"), np.column_stack([NUMBERS, odd])) == residuals


def test_one_column_that_varies_has_no_others() -> None:
    assert Residuals.fit(("a", "b"), np.column_stack([NUMBERS[:, 0], np.zeros(2_000)])) is None
    assert Residuals.fit((), np.empty((2_000, 0))) is None


def test_columns_that_determine_each_other_are_regressed_all_the_same() -> None:
    temp, dewp = NUMBERS[:, 0], NUMBERS[:, 1]
    columns = {"temp": temp, "again": temp, "fahrenheit": 32 + 1.8 * temp, "dewp": dewp, "sum": temp + dewp}
    regression = fitted(tuple(columns), np.stack(list(columns.values()), axis=1))
    assert regression.targets == tuple(columns)
    rest = Regressor(regression).residuals_of(np.stack(list(columns.values()), axis=1))
    assert np.abs(rest).max() < 0.2


def test_the_most_columns_with_the_largest_coefficients_stay_exact() -> None:
    numbers = np.tile(NUMBERS[:, :1], MOST_REGRESSED) + RNG.normal(0, 0.01, (2_000, MOST_REGRESSED))
    regression = fitted(tuple(map(str, range(MOST_REGRESSED))), numbers)  # else it would refuse itself
    assert len(regression.targets) == MOST_REGRESSED


def test_more_columns_are_not_regressed() -> None:
    numbers = np.tile(NUMBERS[:, :1], MOST_REGRESSED + 1)
    assert Residuals.fit(tuple(map(str, range(MOST_REGRESSED + 1))), np.tile(numbers, (2, 1))) is None


def test_too_few_rows_for_the_columns_are_not_regressed() -> None:
    assert Residuals.fit(NAMES, NUMBERS[: 4 * MIN_ROWS - 1]) is None
    assert Residuals.fit(NAMES, NUMBERS[: 4 * MIN_ROWS]) is not None


def test_residuals_survive_json(residuals: Residuals) -> None:
    assert Residuals.from_json(json.loads(json.dumps(residuals.to_json()))) == residuals


@pytest.mark.parametrize(
    "damage",
    [
        {"columns": ["temp", "dewp", "humid"]},
        {"columns": ["temp", "dewp", "humid", "humid"]},
        {"columns": ["temp", "dewp", "humid", 4]},
        {"columns": "temp"},
        {"means": [0.0] * 3},
        {"means": [0.0, 0.0, 0.0, math.nan]},
        {"means": [0.0, 0.0, 0.0, "x"]},
        {"sds": [1.0, 1.0, 1.0, 0.0]},
        {"sds": [1.0, 1.0, 1.0, -1.0]},
        {"sds": [1.0, 1.0, 1.0, math.inf]},
        {"sds": [1.0, 1.0, 1.0, 5e-324]},
        {"sds": None},
        {"targets": []},
        {"targets": ["temp", "dewp", "luck"]},
        {"targets": ["temp", "dewp", "dewp"]},
        {"targets": ["temp", "dewp", "wind"]},
        {"coefficients": []},
        {"coefficients": [[UNIT, 0, 0, 0], [0, UNIT, 0, 0]]},
        {"coefficients": [[UNIT, 0, 0], [0, UNIT, 0], [0, 0, UNIT]]},
        {"coefficients": [[UNIT, 0, 0, 0.5], [0, UNIT, 0, 0], [0, 0, UNIT, 0]]},
        {"coefficients": [[UNIT - 1, 0, 0, 0], [0, UNIT, 0, 0], [0, 0, UNIT, 0]]},
        {"coefficients": [[UNIT, 0, 0, 2**39], [0, UNIT, 0, 0], [0, 0, UNIT, 0]]},
    ],
    ids=str,
)
def test_what_are_no_residuals_is_refused(residuals: Residuals, damage: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Residuals.from_json({**residuals.to_json(), **damage})


def p_values(profile: Profile, numbers: Floats) -> dict[str, float | None]:
    frame = as_frame(pl.DataFrame(dict(zip(NAMES, numbers.T, strict=True))))
    rows, _, _ = Reader(profile).read_columns(columns_of(frame, NAMES))
    scores = Scorer(profile.features).scores(Binner(profile).observe(rows).counts)
    return {f.name: score.tests["ks"].p_value for f, score in zip(profile.features, scores, strict=True)}


def test_a_broken_dependence_is_seen_by_the_residual_and_not_by_the_column() -> None:
    profile = Profile.fit(pl.DataFrame(dict(zip(NAMES, weather(20_000).T, strict=True))), model="m")
    live = weather(2_000, seed=1)
    sound = p_values(profile, live)
    live[:, 0] = np.random.default_rng(2).permutation(live[:, 0])  # the temperature of another day
    broken = p_values(profile, live)
    columns = ("temp", "dewp", "humid", "luck")
    assert {name: broken[name] for name in columns} == {name: sound[name] for name in columns}
    assert all(p is not None and p > 0.01 for p in sound.values())
    assert (broken["temp given the rest"] or 0) < 1e-20
