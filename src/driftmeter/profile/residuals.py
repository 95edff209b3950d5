"""Residuals: the part of a number that the other numbers of its row do not explain.

A column in another unit, or from another day, may look the same by itself, but it no longer fits the rest of its
row. Numbers are explained by the other columns, their squares and their products: many relations are curved, such as
humidity by temperature and dew point, and what a straight line leaves over hides a fault.

The result is exact however rows are split into batches: numbers are standardised, clipped and rounded to multiples of
1/4,096, products are rounded down to the same, and the coefficients of the regressions to multiples of 2**-20. Products
and sums of such integers stay below 2**53, so that float64 holds them exactly, in whatever order a matrix product adds
them up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from driftmeter.profile.checks import integer_of
from driftmeter.profile.values import surely_finite
from driftmeter.types import JSON, Codes, Floats

GIVEN_THE_REST = "given the rest"
"""Ends the name of a residual, after that of its column."""
MOST_REGRESSED = 100
"""With more columns none is regressed, since the work grows with the square of their number."""
MIN_ROWS = 20
"""With fewer rows per column none is regressed, since chance alone would explain too much."""
MIN_EXPLAINED = 0.2
"""The residual of a column with at least this R² becomes a feature."""
CLIP = 6.0
"""Standard deviations to which numbers are clipped."""
FACTOR_CLIP = 3.0
"""Standard deviations to which numbers are clipped before they are multiplied: a few large ones would outweigh all."""
MOST_MULTIPLIED = 12
"""Products are of so many columns, those that the others explain best: the work grows with the square of their number.
Squares are of all."""
RIDGE = 0.003
"""Added to each variance: without it, a column that others determine makes the matrix singular."""

MIN_ROWS_PER_TERM = 100
"""Products are used with at least so many rows for each term: what chance explains at fit is unexplained later."""

STEPS = 2**12
"""Steps in a standard deviation."""
UNIT = 2**20
"""The coefficient 1 as an integer. A coefficient is at most √(1/RIDGE), so that sums stay below 2**46 at fit."""
LEAST_WEIGHT = UNIT // 64
"""With a smaller coefficient, a column moves a residual by less than a tenth of a standard deviation, however far it is
out."""
_LIMIT = CLIP * STEPS
_LARGEST_PRODUCT = int(FACTOR_CLIP**2) * STEPS
_LARGEST = 2 * _LARGEST_PRODUCT
"""The largest value of any term, in steps: of a product less its mean."""
_EXACT = 2**53
_BLOCK = 1024
"""Rows at once: the scratch arrays of more rows do not fit the cache."""
_GRAM_BLOCK = 65_536


Product = tuple[int, int, int]
"""The indices of two columns, and the mean of their product in steps."""


@dataclass(frozen=True)
class Residuals:
    """Regressions of `targets` on all other `columns`, as a profile keeps them.

    `means` and `sds` standardise the `columns`. The terms of a regression are the standardised columns, and then the
    `products`: the indices of two columns, equal for a square, and the mean to take off, in steps. The residual of
    `targets[i]`, in standard deviations, is the sum of the terms times `coefficients[i]`, over `UNIT`; its own
    coefficient is `UNIT`, and those of products with itself are 0.
    """

    columns: tuple[str, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]
    products: tuple[Product, ...]
    targets: tuple[str, ...]
    coefficients: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        """Raise ValueError on numbers with which residuals cannot be computed exactly."""
        width = len(self.columns)
        if not (len(self.means) == len(self.sds) == width == len(set(self.columns)) <= MOST_REGRESSED):
            raise ValueError(f"expected a mean and an sd for each of at most {MOST_REGRESSED} columns, got {width}")
        if not all(map(math.isfinite, self.means)) or not all(map(_is_scale, self.sds)):
            raise ValueError(f"expected finite means and positive sds, got {self.means} and {self.sds}")
        if not self.targets or len(set(self.targets)) < len(self.targets) or not set(self.targets) <= {*self.columns}:
            raise ValueError(f"expected targets among the columns, got {self.targets}")
        if any(not (0 <= a <= b < width and abs(mean) <= _LARGEST_PRODUCT) for a, b, mean in self.products):
            raise ValueError(f"expected products of two of {width} columns, got {self.products[:5]}…")
        terms = width + len(self.products)
        if len(self.coefficients) != len(self.targets) or any(len(row) != terms for row in self.coefficients):
            raise ValueError(f"expected {len(self.targets)} times {terms} coefficients")
        for target, row in zip(self.targets, self.coefficients, strict=True):
            if row[self.columns.index(target)] != UNIT or sum(map(abs, row)) * _LARGEST >= _EXACT:
                raise ValueError(f"target {target!r}: expected coefficients whose sums are exact, got {row[:5]}…")

    def to_json(self) -> JSON:
        """Return plain JSON; floats round-trip."""
        return {
            "columns": list(self.columns),
            "means": list(self.means),
            "sds": list(self.sds),
            "products": [list(product) for product in self.products],
            "targets": list(self.targets),
            "coefficients": [list(row) for row in self.coefficients],
        }

    @classmethod
    def from_json(cls, data: JSON) -> Residuals:
        """Read what `to_json` wrote; raises ValueError or TypeError on anything else."""
        for key in ("columns", "targets"):
            if not isinstance(data[key], list) or not all(isinstance(name, str) for name in data[key]):
                raise TypeError(f"{key}: expected texts, got {data[key]!r}")
        return cls(
            tuple(data["columns"]),
            tuple(map(float, data["means"])),
            tuple(map(float, data["sds"])),
            tuple((integer_of(a), integer_of(b), _whole(mean)) for a, b, mean in data["products"]),
            tuple(data["targets"]),
            tuple(tuple(map(_whole, row)) for row in data["coefficients"]),
        )

    @classmethod
    def fit(cls, columns: Sequence[str], numbers: Floats) -> Residuals | None:
        """Regress each column of a reference on the others; `numbers` is (rows, columns), NaN where missing.

        Returns the regressions of the columns of which the others explain at least MIN_EXPLAINED. Returns None if there
        is no such column, if there are too many columns, or too few rows. The order of the rows does not matter: the
        covariances are quotients of integers, and the matrix is inverted here, since each library adds up in another
        order.
        """
        if len(columns) > MOST_REGRESSED:
            return None
        standards = {index: pair for index in range(len(columns)) if (pair := _mean_and_sd(numbers[:, index]))}
        chosen = list(standards)
        if len(chosen) < 2 or len(numbers) < MIN_ROWS * len(chosen):
            return None
        names = tuple(columns[index] for index in chosen)
        means, sds = zip(*standards.values(), strict=True)
        standardise = np.array(chosen), np.array(means), STEPS / np.array(sds)
        pairs = _pairs(_covariance(numbers, *standardise, ()), len(numbers))
        products = _centred(numbers, *standardise, pairs)
        covariance = _covariance(numbers, *standardise, products)
        rows = _without_own_products(_inverse(covariance + RIDGE * np.eye(len(covariance))), len(chosen), products)
        diagonal = rows.diagonal()
        # 1 / diagonal is the variance that the others leave unexplained
        kept = np.flatnonzero(diagonal * covariance.diagonal()[: len(chosen)] * (1 - MIN_EXPLAINED) >= 1)
        if not kept.size:
            return None
        coefficients = np.rint(rows[kept] / diagonal[kept, np.newaxis] * UNIT).astype(np.int64)
        targets = tuple(names[index] for index in kept)
        return cls(names, means, sds, products, targets, tuple(map(tuple, coefficients.tolist())))


class Regressor:
    """Computes residuals from rows. Threads may share one.

    >>> a = np.arange(100.0)
    >>> residuals = Residuals.fit(("a", "b"), np.column_stack([a, 2 * a + a % 3]))
    >>> rows = np.array([[50.0, 102.0], [50.0, 10.0]])
    >>> Regressor(residuals).residuals_of(rows).round(2).tolist()
    [[-0.02, 0.02], [1.57, -1.58]]
    """

    def __init__(self, residuals: Residuals, spans: Sequence[tuple[float, float]] | None = None) -> None:
        """Compile the arrays.

        `spans` are, for each of the columns, the least number that the reference's regressions know, and the least
        that is too large for them; None for any.
        """
        self._spanned = spans is not None
        self._low, self._end = np.array(spans or [(-np.inf, np.inf)], dtype=np.float64).T
        self._leaning = _leaning(residuals)
        self._means, self._scale = np.array(residuals.means), STEPS / np.array(residuals.sds)
        self._weights = np.array(residuals.coefficients, dtype=np.float64).T.copy()
        self._products = residuals.products
        self._targets = np.array([residuals.columns.index(name) for name in residuals.targets], dtype=np.intp)

    @property
    def terms(self) -> int:
        """The number of terms of each regression."""
        return len(self._weights)

    def arrays(self) -> tuple[object, ...]:
        """Return the arrays and constants as the compiled counter takes them, less which numbers the columns are."""
        pairs = [pair[:2] for pair in self._products]
        means = [mean for _, _, mean in self._products]
        return (
            self._means,
            self._scale,
            self._low.copy(),
            self._end.copy(),
            self._targets.astype(np.int32),
            np.array(means, dtype=np.int32),
            np.array(pairs, dtype=np.int32).reshape(-1, 2),
            self._weights,
            self._leaning.astype(np.uint8),
            int(_LIMIT),
            int(FACTOR_CLIP * STEPS),
            _LIMIT * UNIT,
            float(STEPS * UNIT),
        )

    def residuals_of(self, numbers: Floats) -> Floats:
        """Return the residuals in standard deviations, shape (rows, targets), of numbers, shape (rows, columns).

        A missing number has a missing residual (NaN), an infinite one that of a number at the clip. In the residuals of
        other columns, both count as the mean. A number outside the span of its column makes the residuals missing that
        lean on it: the reference does not show what to expect there.
        """
        residuals = np.empty((len(numbers), len(self._targets)))
        for start in range(0, len(numbers), _BLOCK):
            block, sums = numbers[start : start + _BLOCK], residuals[start : start + _BLOCK]
            steps = _steps(block, self._means, self._scale)
            np.matmul(_terms(steps, self._products, block), self._weights, out=sums)
            if not surely_finite(block):
                of_targets = block[:, self._targets]
                infinite = np.isinf(of_targets)
                sums[infinite] += np.copysign(_LIMIT * UNIT, of_targets[infinite])
                sums[np.isnan(of_targets)] = np.nan
            if self._spanned:
                outside = (block < self._low) | (block >= self._end)
                if outside.any():
                    sums[outside @ self._leaning > 0] = np.nan
            sums /= STEPS * UNIT
        return residuals


def _steps(numbers: Floats, means: Floats, scale: Floats) -> Floats:
    """Standardise numbers and clip them to whole steps, same shape; NaN and infinities become 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        steps = numbers - means
        steps *= scale
    np.clip(steps, -_LIMIT, _LIMIT, out=steps)
    np.rint(steps, out=steps)
    if not surely_finite(numbers):
        steps[~np.isfinite(numbers)] = 0.0
    return steps


def _mean_and_sd(values: Floats) -> tuple[float, float] | None:
    """Return mean and standard deviation of the finite values; None unless two of them differ."""
    ordered = np.sort(values[np.isfinite(values)])  # the order of a sum changes its last digits
    if not ordered.size or ordered[0] == ordered[-1]:
        return None
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        mean = float(ordered.sum() / ordered.size) + 0.0  # -0.0 becomes 0.0: they are equal, but their digests are not
        sd = math.sqrt(float(((ordered - mean) ** 2).sum()) / ordered.size)
    return (mean, sd) if math.isfinite(mean) and _is_scale(sd) else None


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"expected an integer, got {str(value)[:40]}")
    return value


def _is_scale(sd: float) -> bool:
    return 0 < sd < math.inf and math.isfinite(STEPS / sd)


def _leaning(residuals: Residuals) -> Floats:
    """Return 1 where a residual leans on another column, by any of its terms, else 0: (columns, targets)."""
    weighty = np.abs(np.array(residuals.coefficients, dtype=np.int64)).T >= LEAST_WEIGHT
    leaning = weighty[: len(residuals.columns)].copy()
    for (first, second, _), row in zip(residuals.products, weighty[len(residuals.columns) :], strict=True):
        leaning[first] |= row
        leaning[second] |= row
    for target, name in enumerate(residuals.targets):
        leaning[residuals.columns.index(name), target] = False
    return leaning.astype(np.float64)


def _terms(steps: Floats, products: Sequence[Product], numbers: Floats) -> Floats:
    """Append the products of columns, less their means, to standardised columns; 0 where either column is missing.

    `steps` (rows, columns) are the standardised `numbers` of the same shape; returns (rows, terms).
    """
    width = steps.shape[1]
    terms = np.empty((len(steps), width + len(products)))
    terms[:, :width] = steps
    if not products:
        return terms
    first, second, means = np.array(products).T
    factors = np.clip(steps, -FACTOR_CLIP * STEPS, FACTOR_CLIP * STEPS)
    by_products = factors[:, first]
    by_products *= factors[:, second]
    by_products /= STEPS
    np.floor(by_products, out=by_products)
    by_products -= means
    if not surely_finite(numbers):
        missing = ~np.isfinite(numbers)
        by_products[missing[:, first] | missing[:, second]] = 0.0
    terms[:, width:] = by_products
    return terms


def _covariance(numbers: Floats, chosen: Codes, means: Floats, scale: Floats, products: Sequence[Product]) -> Floats:
    """Return the covariances of the terms of the chosen columns: one division of exact integers each."""
    rows, width = len(numbers), len(chosen) + len(products)
    moments, sums = np.zeros((width, width), np.int64), np.zeros(width, np.int64)
    for start in range(0, rows, _GRAM_BLOCK):
        block = numbers[start : start + _GRAM_BLOCK, chosen]
        terms = _terms(_steps(block, means, scale), products, block)
        moments += (terms.T @ terms).astype(np.int64)
        sums += terms.sum(axis=0).astype(np.int64)
    # beyond int64, hence Python's integers
    exact = rows * moments.astype(object) - np.multiply.outer(sums.astype(object), sums.astype(object))
    covariance: Floats = (exact / (rows * STEPS) ** 2).astype(np.float64)
    return covariance


def _pairs(covariance: Floats, rows: int) -> tuple[tuple[int, int], ...]:
    """Return the pairs of columns to multiply: each with itself, and those with each other that are explained best.

    `covariance` (columns, columns) is of the standardised columns. Only squares, or none, where there are too few rows.
    """
    width = len(covariance)
    unexplained = 1 / _inverse(covariance + RIDGE * np.eye(width)).diagonal() / covariance.diagonal()
    best = set(np.argsort(unexplained, kind="stable")[:MOST_MULTIPLIED].tolist())
    squares = [(column, column) for column in range(width)]
    pairs = [pair for pair in combinations_with_replacement(range(width), 2) if pair[0] == pair[1] or {*pair} <= best]
    for chosen in (pairs, squares):
        if rows >= MIN_ROWS_PER_TERM * (width + len(chosen)):
            return tuple(chosen)
    return ()


def _centred(
    numbers: Floats, chosen: Codes, means: Floats, scale: Floats, pairs: Sequence[tuple[int, int]]
) -> tuple[Product, ...]:
    """Return the products of pairs of the chosen columns with their means over the rows that have both."""
    sums, rows = np.zeros(len(pairs), np.int64), np.zeros(len(pairs), np.int64)
    raw = [(first, second, 0) for first, second in pairs]
    for start in range(0, len(numbers) if pairs else 0, _GRAM_BLOCK):
        block = numbers[start : start + _GRAM_BLOCK, chosen]
        sums += _terms(_steps(block, means, scale), raw, block)[:, len(chosen) :].sum(axis=0).astype(np.int64)
        present = np.isfinite(block).astype(np.float64)
        rows += np.array([present[:, first] @ present[:, second] for first, second in pairs]).astype(np.int64)
    exact = zip(pairs, sums.tolist(), np.maximum(rows, 1).tolist(), strict=True)
    return tuple((first, second, total // count) for (first, second), total, count in exact)


def _without_own_products(precision: Floats, width: int, products: Sequence[Product]) -> Floats:
    """Return each column's row of a precision from which all products with the column are left out.

    Shape (columns, terms). To leave terms out of a covariance is a Schur complement of its inverse.
    """
    rows = np.empty((width, len(precision)))
    for index in range(width):
        own = [term for term, product in enumerate(products, width) if index in product[:2]]
        inner = _inverse(precision[np.ix_(own, own)])
        # a matrix product would have other last digits elsewhere; these sums are over axis 0, one term after the other
        shares = (precision[index, own, np.newaxis] * inner).sum(axis=0)
        rows[index] = precision[index] - (shares[:, np.newaxis] * precision[own]).sum(axis=0)
        rows[index, own] = 0.0
    return rows


def _inverse(matrix: Floats) -> Floats:
    """Invert a positive definite matrix by Gauss–Jordan elimination, with the same result on every machine."""
    inverse = matrix.copy()
    for index in range(len(inverse)):
        pivot = inverse[index, index]
        row, column = inverse[index] / pivot, inverse[:, index].copy()
        inverse -= np.multiply.outer(column, row)
        inverse[index], inverse[:, index] = row, -column / pivot
        inverse[index, index] = 1 / pivot
    return inverse
