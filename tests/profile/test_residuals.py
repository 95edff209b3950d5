from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from itertools import combinations_with_replacement
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
from driftmeter.profile.residuals import (
    CLIP,
    FACTOR_CLIP,
    MIN_ROWS,
    MIN_ROWS_PER_TERM,
    MOST_MULTIPLIED,
    MOST_REGRESSED,
    RIDGE,
    STEPS,
    UNIT,
    Product,
    Regressor,
    Residuals,
)
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


def ridge_residual(numbers: Floats, target: int) -> Floats:
    """Return the residual of one column given the others, their squares and their products, by a ridge regression."""
    z = np.clip((numbers - numbers.mean(axis=0)) / numbers.std(axis=0), -CLIP, CLIP)
    factors = np.clip(z, -FACTOR_CLIP, FACTOR_CLIP)
    others = [column for column in range(z.shape[1]) if column != target]
    pairs = combinations_with_replacement(others, 2)
    terms = np.column_stack([z[:, others], *(factors[:, a] * factors[:, b] for a, b in pairs)])
    terms -= terms.mean(axis=0)
    gram = terms.T @ terms / len(z) + RIDGE * np.eye(terms.shape[1])
    residual: Floats = z[:, target] - terms @ np.linalg.solve(gram, terms.T @ z[:, target] / len(z))
    return residual


@pytest.mark.parametrize("target", [0, 1, 2])
def test_a_residual_is_what_the_others_with_their_squares_and_products_leave_unexplained(
    regressor: Regressor, target: int
) -> None:
    assert np.allclose(regressor.residuals_of(NUMBERS)[:, target], ridge_residual(NUMBERS, target), atol=0.002)


def test_a_curved_relation_is_explained() -> None:
    a, b, noise = np.random.default_rng(3).normal(size=(3, 5_000))
    numbers = np.stack([a, b, a * b + 0.1 * noise, a**2 + 0.1 * noise], axis=1)
    regression = fitted(("a", "b", "product", "square"), numbers)
    assert {"product", "square"} <= set(regression.targets)
    spread = dict(zip(regression.targets, Regressor(regression).residuals_of(numbers).std(axis=0), strict=True))
    assert spread["product"] < 0.35  # a line would leave 1


def pairs(products: tuple[Product, ...]) -> list[tuple[int, int]]:
    return [(first, second) for first, second, _ in products]


def test_products_need_rows_and_are_of_a_few_columns() -> None:
    assert pairs(fitted(NAMES, NUMBERS[: 14 * MIN_ROWS_PER_TERM]).products) == [
        (a, b) for a in range(4) for b in range(a, 4)
    ]
    assert pairs(fitted(NAMES, NUMBERS[: 14 * MIN_ROWS_PER_TERM - 1]).products) == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert pairs(fitted(NAMES, NUMBERS[: 8 * MIN_ROWS_PER_TERM - 1]).products) == []
    width = MOST_MULTIPLIED + 3
    many = np.column_stack([NUMBERS[:, :1] + 0.1 * RNG.normal(size=(2_000, MOST_MULTIPLIED)), NUMBERS[:, 1:]])
    regression = fitted(tuple(map(str, range(width))), np.tile(many, (6, 1)))
    assert len(regression.products) == 3 + MOST_MULTIPLIED * (MOST_MULTIPLIED + 1) // 2


def test_only_what_the_others_explain_is_kept(residuals: Residuals) -> None:
    assert residuals.columns == NAMES
    assert residuals.targets == ("temp", "dewp", "humid")


@pytest.mark.parametrize(("explained", "kept"), [(0.16, False), (0.24, True)])
def test_a_fifth_of_the_variance_must_be_explained(explained: float, kept: bool) -> None:
    cause, noise = np.random.default_rng(1).normal(size=(2, 20_000))
    effect = math.sqrt(explained) * cause + math.sqrt(1 - explained) * noise
    assert (Residuals.fit(("cause", "effect"), np.stack([cause, effect], axis=1)) is not None) == kept


def without(residuals: Residuals, column: int) -> Regressor:
    """Return a regressor whose terms with one column have no weight."""
    width = len(residuals.columns)
    idle = [column, *(term for term, pair in enumerate(residuals.products, width) if column in pair[:2])]
    coefficients = [
        tuple(
            0 if term in idle and target != residuals.columns[column] else weight for term, weight in enumerate(weights)
        )
        for target, weights in zip(residuals.targets, residuals.coefficients, strict=True)
    ]
    return Regressor(replace(residuals, coefficients=tuple(coefficients)))


def test_a_missing_number_has_no_residual_and_no_weight_in_the_others(
    residuals: Residuals, regressor: Regressor
) -> None:
    missing = NUMBERS[:5].copy()
    missing[:, 1] = np.nan
    computed = regressor.residuals_of(missing)
    assert np.isnan(computed[:, 1]).all()
    assert np.array_equal(computed[:, [0, 2]], without(residuals, 1).residuals_of(NUMBERS[:5])[:, [0, 2]])


@pytest.mark.parametrize("sign", [1, -1])
def test_an_infinite_number_is_as_one_far_out_itself_and_has_no_weight_in_the_others(
    residuals: Residuals, regressor: Regressor, sign: int
) -> None:
    infinite, far = NUMBERS[:5].copy(), NUMBERS[:5].copy()
    infinite[:, 1], far[:, 1] = sign * np.inf, sign * 1e300
    computed = regressor.residuals_of(infinite)
    assert np.array_equal(computed[:, 1], regressor.residuals_of(far)[:, 1])
    assert np.array_equal(computed[:, [0, 2]], without(residuals, 1).residuals_of(NUMBERS[:5])[:, [0, 2]])


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
        limit = int(FACTOR_CLIP * STEPS)
        factors = [min(max(step, -limit), limit) for step in steps]
        steps += [factors[a] * factors[b] // STEPS - centre for a, b, centre in residuals.products]
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
    assert np.allclose(Regressor(whole).residuals_of(numbers)[:, 0], ridge_residual(numbers, 0), atol=0.002)
    coefficients = np.array(whole.coefficients[0]) / UNIT
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


def test_coefficients_of_products_far_from_their_mean_must_leave_sums_exact() -> None:
    largest = int(FACTOR_CLIP**2) * STEPS
    product: Product = (0, 1, -largest)

    def with_coefficient(coefficient: int) -> Residuals:
        return Residuals(("a", "b"), (0.0, 0.0), (1.0, 1.0), (product,), ("a",), ((UNIT, 0, coefficient),))

    exact = 2**53 // (2 * largest) - UNIT - 1
    (residual,) = Regressor(with_coefficient(exact)).residuals_of(np.array([[3.0, 3.0]]))[0].tolist()
    assert Fraction(residual) == Fraction(3 * STEPS * UNIT + 2 * largest * exact, STEPS * UNIT)
    with pytest.raises(ValueError, match="sums are exact"):
        with_coefficient(exact + 2)


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
