"""Residuals: the part of a number that the other numbers of its row do not explain.

A column in another unit, or from another day, may look the same by itself, but it no longer fits the rest of its
row. The result is exact however rows are split into batches: numbers are standardised, clipped and rounded to
multiples of 1/4,096, and the coefficients of the regressions to multiples of 2**-20. Products and sums of such integers
stay below 2**53, so that float64 holds them exactly, in whatever order a matrix product adds them up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from driftmeter.profile.values import surely_finite
from driftmeter.types import JSON, Codes, Floats

MOST_REGRESSED = 100
"""With more columns none is regressed, since the work grows with the square of their number."""
MIN_ROWS = 20
"""With fewer rows per column none is regressed, since chance alone would explain too much."""
MIN_EXPLAINED = 0.2
"""The residual of a column with at least this R² becomes a feature."""
CLIP = 6.0
"""Standard deviations to which numbers are clipped."""
RIDGE = 0.003
"""Added to each variance: without it, a column that others determine makes the matrix singular."""

STEPS = 2**12
"""Steps in a standard deviation."""
UNIT = 2**20
"""The coefficient 1 as an integer. A coefficient is at most √(1/RIDGE), so that sums stay below 2**46 at fit."""
LEAST_WEIGHT = UNIT // 64
"""With a smaller coefficient, a column moves a residual by less than a tenth of a standard deviation, however far it is
out."""
_LIMIT = CLIP * STEPS
_EXACT = 2**53
_BLOCK = 1024
"""Rows at once: the scratch arrays of more rows do not fit the cache."""
_GRAM_BLOCK = 65_536


@dataclass(frozen=True)
class Residuals:
    """Regressions of `targets` on all other `columns`, as a profile keeps them.

    `means` and `sds` standardise the `columns`. The residual of `targets[i]`, in standard deviations, is the sum of
    the standardised columns times `coefficients[i]`, over `UNIT`; its own coefficient is `UNIT`.
    """

    columns: tuple[str, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]
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
        if len(self.coefficients) != len(self.targets) or any(len(row) != width for row in self.coefficients):
            raise ValueError(f"expected {len(self.targets)} times {width} coefficients")
        for target, row in zip(self.targets, self.coefficients, strict=True):
            if row[self.columns.index(target)] != UNIT or sum(map(abs, row)) * int(_LIMIT) >= _EXACT:
                raise ValueError(f"target {target!r}: expected coefficients whose sums are exact, got {row[:5]}…")

    def to_json(self) -> JSON:
        """Return plain JSON; floats round-trip."""
        return {
            "columns": list(self.columns),
            "means": list(self.means),
            "sds": list(self.sds),
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
            tuple(data["targets"]),
            tuple(tuple(map(_coefficient, row)) for row in data["coefficients"]),
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
        covariance = _covariance(numbers, np.array(chosen), np.array(means), np.array(sds))
        precision = _inverse(covariance + RIDGE * np.eye(len(chosen)))
        diagonal = precision.diagonal()
        # 1 / diagonal is the variance that the others leave unexplained
        kept = np.flatnonzero(diagonal * covariance.diagonal() * (1 - MIN_EXPLAINED) >= 1)
        if not kept.size:
            return None
        coefficients = np.rint(precision[kept] / diagonal[kept, np.newaxis] * UNIT).astype(np.int64)
        return cls(names, means, sds, tuple(names[index] for index in kept), tuple(map(tuple, coefficients.tolist())))


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
        coefficients = np.array(residuals.coefficients, dtype=np.int64)
        others = np.array([[column != target for column in residuals.columns] for target in residuals.targets])
        self._leaning = (others & (np.abs(coefficients) >= LEAST_WEIGHT)).T.astype(np.float64)
        self._means, self._scale = np.array(residuals.means), STEPS / np.array(residuals.sds)
        self._weights = np.array(residuals.coefficients, dtype=np.float64).T.copy()
        self._targets = np.array([residuals.columns.index(name) for name in residuals.targets], dtype=np.intp)

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
            np.matmul(steps, self._weights, out=sums)
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


def _coefficient(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"expected an integer as a coefficient, got {str(value)[:40]}")
    return value


def _is_scale(sd: float) -> bool:
    return 0 < sd < math.inf and math.isfinite(STEPS / sd)


def _covariance(numbers: Floats, chosen: Codes, means: Floats, sds: Floats) -> Floats:
    """Return the covariances of the chosen columns, standardised: one division of exact integers each."""
    rows, width = len(numbers), len(chosen)
    products, sums = np.zeros((width, width), np.int64), np.zeros(width, np.int64)
    for start in range(0, rows, _GRAM_BLOCK):
        steps = _steps(numbers[start : start + _GRAM_BLOCK, chosen], means, STEPS / sds)
        products += (steps.T @ steps).astype(np.int64)
        sums += steps.sum(axis=0).astype(np.int64)
    # beyond int64, hence Python's integers
    exact = rows * products.astype(object) - np.multiply.outer(sums.astype(object), sums.astype(object))
    covariance: Floats = (exact / (rows * STEPS) ** 2).astype(np.float64)
    return covariance


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
