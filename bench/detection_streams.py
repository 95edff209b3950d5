"""The streams of bench/detection.py: laws of values, changes of them, and exact draws of the counts of panes.

The counts of a pane are a multinomial draw from the true probabilities of the bins. The distribution function of a law
gives them at the cuts of the grid. This is exact: the counts have the same distribution as those of binned rows, at a
thousandth of the work. If the law changes within a pane, its counts are the sum of two draws: before and after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import special

from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Counts, Floats

Grid = NumericGrid | CategoryGrid
Rng = np.random.Generator

PANE = 100
FIRST_CHANGE, CHANGES_WITHIN = 16_000, 16_000
"""The change is at a uniformly drawn row of this many, so that no alignment of windows has an advantage."""
RAMP = 50_000


class Law(Protocol):
    """How values are distributed."""

    def draw(self, rng: Rng, rows: int) -> Floats:
        """Draw values: NaN is missing, categories are their numbers."""
        ...

    def probabilities(self, grid: Grid) -> Floats:
        """Return the probability of each bin of a grid, shape (bins,)."""
        ...

    def column(self, values: Floats) -> list[str] | Floats:
        """Return values as a data frame holds them."""
        ...


@dataclass(frozen=True)
class Numbers:
    """Numbers with a distribution function, of which a share is missing."""

    below: Callable[[Floats], Floats]
    sample: Callable[[Rng, int], Floats]
    missing: float = 0.0

    def draw(self, rng: Rng, rows: int) -> Floats:
        """Draw values."""
        values = self.sample(rng, rows).astype(np.float64)
        if self.missing:
            values[rng.random(rows) < self.missing] = np.nan
        return values

    def probabilities(self, grid: Grid) -> Floats:
        """Return the differences of the distribution function at the cuts."""
        assert isinstance(grid, NumericGrid)
        # a value equal to a cut belongs to the bin above
        below = self.below(np.nextafter(grid.edges, -np.inf))
        present = np.diff(below, prepend=0.0, append=1.0) * (1 - self.missing)
        probabilities = np.zeros(grid.size)
        probabilities[: len(present)] = np.maximum(present, 0.0)
        probabilities[grid.special["missing"]] = self.missing
        return probabilities

    def column(self, values: Floats) -> Floats:
        """Return the numbers as they are."""
        return values


@dataclass(frozen=True)
class Categories:
    """Categories with their probabilities; the name of a category is its number."""

    shares: tuple[float, ...]

    def draw(self, rng: Rng, rows: int) -> Floats:
        """Draw categories."""
        return rng.choice(len(self.shares), rows, p=self.shares).astype(np.float64)

    def probabilities(self, grid: Grid) -> Floats:
        """Add up the categories of each bin."""
        assert isinstance(grid, CategoryGrid)
        bins = [grid.bin_of(name) for name in map(str, range(len(self.shares)))]
        probabilities: Floats = np.bincount(bins, weights=np.array(self.shares), minlength=grid.size).astype(np.float64)
        return probabilities

    def column(self, values: Floats) -> list[str]:
        """Return the categories' names."""
        return [str(int(value)) for value in values]


def normal(mean: float = 0.0, sd: float = 1.0, missing: float = 0.0) -> Numbers:
    return Numbers(lambda x: special.ndtr((x - mean) / sd), lambda rng, rows: rng.normal(mean, sd, rows), missing)


def student(mean: float = 0.0, scale: float = 1.0) -> Numbers:
    """Student's t with 3 degrees of freedom: its standard deviation is √3 scales."""
    return Numbers(
        lambda x: special.stdtr(3, (x - mean) / scale), lambda rng, rows: mean + scale * rng.standard_t(3, rows)
    )


def bimodal(half: float) -> Numbers:
    """Two normal humps at ±half, together of mean 0 and variance 1."""
    sd = (1 - half**2) ** 0.5
    return Numbers(
        lambda x: (special.ndtr((x - half) / sd) + special.ndtr((x + half) / sd)) / 2,
        lambda rng, rows: rng.choice((-half, half), rows) + rng.normal(0, sd, rows),
    )


def poisson(mean: float) -> Numbers:
    return Numbers(
        lambda x: np.where(x < 0, 0.0, special.pdtr(np.floor(np.maximum(x, 0)), mean)),
        lambda rng, rows: rng.poisson(mean, rows).astype(np.float64),
    )


def zipf(levels: int) -> Categories:
    """Categories whose k-th has a frequency proportional to 1/k."""
    weights = 1 / np.arange(1, levels + 1)
    return Categories(tuple(weights / weights.sum()))


def with_share(law: Categories, category: int, share: float) -> Categories:
    """Give one category, which may be new, the share `share`; scale all others by one factor."""
    shares = np.zeros(max(len(law.shares), category + 1))
    shares[: len(law.shares)] = law.shares
    shares[category] = 0
    shares *= (1 - share) / shares.sum()
    shares[category] = share
    return Categories(tuple(shares))


@dataclass(frozen=True)
class Figures:
    """Published figures: median and 90 % quantile of the rows until the alarm; infinite if it never comes."""

    median: float
    late: float


NEVER = Figures(np.inf, np.inf)


@dataclass(frozen=True)
class Scenario:
    """The law of a feature before a change, its law a number of rows after it, and the published figures."""

    name: str
    before: Law
    after: Callable[[float], Law]
    figures: dict[str, Figures]
    gradual: bool = False

    def draw(self, rng: Rng, rows: int, change: int) -> Floats:
        """Draw the values of rows 0 to `rows`; the law changes at row `change`."""
        first = min(rows, change)
        parts = [self.before.draw(rng, first)]
        step = PANE if self.gradual else max(1, rows - first)
        for start in range(0, rows - first, step):
            parts.append(self.after(start + step / 2).draw(rng, min(step, rows - first - start)))
        return np.concatenate(parts)


def _figures(
    ks: tuple[float, float], same: tuple[float, float] | None, esr: tuple[float, float], dws: tuple[float, float]
) -> dict[str, Figures]:
    return {
        "KS-1000 at .05": Figures(*ks),
        "KS-1000 at the budget": NEVER if same is None else Figures(*same),
        "e-SR": Figures(*esr),
        "DWS": Figures(*dws),
    }


def _sudden(name: str, before: Law, after: Law, figures: dict[str, Figures]) -> Scenario:
    return Scenario(name, before, lambda _: after, figures)


_RARE = 7  # the eighth of 20 has 3.5 % by Zipf's law
_INF = float("inf")

SCENARIOS = (
    _sudden("mean +.1σ", normal(), normal(0.1), _figures((1092, 2806), (12029, 66627), (6803, 9569), (4545, 8166))),
    _sudden("mean +.25σ", normal(), normal(0.25), _figures((850, 1149), (1048, 1579), (810, 1199), (719, 1048))),
    _sudden("mean +.5σ", normal(), normal(0.5), _figures((632, 1021), (750, 1184), (271, 338), (194, 350))),
    _sudden("mean +1σ", normal(), normal(1.0), _figures((539, 965), (579, 1068), (119, 174), (97, 146))),
    _sudden("sd ×1.1", normal(), normal(sd=1.1), _figures((2699, 6590), None, (3065, 4370), (2240, 3529))),
    _sudden("sd ×1.25", normal(), normal(sd=1.25), _figures((968, 1402), (3498, 15228), (509, 665), (412, 527))),
    Scenario(
        "ramp .5σ over 50,000 rows",
        normal(),
        lambda rows: normal(0.5 * min(1.0, rows / RAMP)),
        _figures((5658, 8645), (14351, 17958), (12943, 14823), (11923, 13820)),
        gradual=True,
    ),
    _sudden("missing 0→2 %", normal(), normal(missing=0.02), _figures((10329, 38952), None, (470, 652), (373, 633))),
    _sudden(
        "missing 1→3 %",
        normal(missing=0.01),
        normal(missing=0.03),
        _figures((12054, 46235), None, (2313, 3941), (1534, 2886)),
    ),
    _sudden("t₃ +.25", student(), student(0.25), _figures((894, 1302), (1219, 1652), (1260, 1912), (976, 1639))),
    _sudden(
        "normal → t₃, same variance",
        normal(),
        student(scale=3**-0.5),
        _figures((735, 1168), (1172, 1575), (695, 895), (434, 685)),
    ),
    _sudden(
        "bimodal, same mean and variance",
        normal(),
        bimodal(0.8),
        _figures((1071, 1453), (6259, 18516), (1597, 2154), (1071, 1785)),
    ),
    _sudden(
        "Poisson 3 → 3.3", poisson(3), poisson(3.3), _figures((1189, 1766), (2298, 7452), (2064, 3043), (1478, 2498))
    ),
    _sudden(
        "1 of 20 categories 3.5→5.2 %",
        zipf(20),
        with_share(zipf(20), _RARE, 1.5 * zipf(20).shares[_RARE]),
        _figures((11868, 53478), None, (14737, 31426), (12095, 18026)),
    ),
    _sudden(
        "unseen category .5 %",
        zipf(20),
        with_share(zipf(20), 20, 0.005),
        _figures((21358, _INF), None, (4645, 7177), (3320, 6084)),
    ),
)

NULLS: dict[str, Law] = {
    "normal": normal(),
    "Poisson 3": poisson(3),
    "1 % missing": normal(missing=0.01),
    "20 categories": zipf(20),
    "200 categories": zipf(200),
}


class Bins:
    """The bins of many features side by side, one law in each, to draw counts from.

    Features with fewer bins are padded with bins of probability 0.
    """

    def __init__(self, probabilities: list[Floats]) -> None:
        """Take the probabilities of each feature's bins, shape (bins,) each."""
        sizes = np.array([len(shares) for shares in probabilities])
        padded = np.zeros((len(probabilities), sizes.max()))
        for row, shares in zip(padded, probabilities, strict=True):
            row[: len(shares)] = shares / shares.sum()
        self._used: npt.NDArray[np.bool_] = np.arange(sizes.max()) < sizes[:, np.newaxis]
        # the last bin gets the rounding error of the sum: it must be the fullest bin, not one with probability 0
        order = np.argsort(padded, axis=1)
        self._sorted = np.take_along_axis(padded, order, axis=1)
        self._back = np.argsort(order, axis=1)

    def draw(self, rng: Rng, rows: int | Counts, panes: int = 1) -> Counts:
        """Draw the counts of `panes` panes of `rows` rows (in each feature); shape (panes, bins of all features)."""
        features = len(self._sorted)
        drawn = rng.multinomial(np.broadcast_to(rows, (panes, features)), self._sorted)
        ordered = np.take_along_axis(drawn, self._back[np.newaxis], axis=2)
        counts: Counts = ordered[:, self._used]
        return counts


class ChangingStreams:
    """Streams of one scenario, one per feature, each with its own grid and its own row of change."""

    def __init__(self, scenario: Scenario, grids: list[Grid], changes: Counts, rng: Rng) -> None:
        """Take the row at which each stream changes, shape (features,)."""
        self._scenario, self._grids, self._changes, self._rng = scenario, grids, changes, rng
        self._before = Bins([scenario.before.probabilities(grid) for grid in grids])
        self._after = Bins([scenario.after(0).probabilities(grid) for grid in grids])

    def pane(self, start: int) -> Counts:
        """Draw the pane that starts with row `start`; shape (bins of all features,). A ramp rises once per pane."""
        old = np.clip(self._changes - start, 0, PANE)
        if self._scenario.gradual and (old < PANE).any():
            middles = np.maximum(start + PANE / 2 - self._changes, 0)
            laws = map(self._scenario.after, middles.tolist())
            self._after = Bins([law.probabilities(grid) for law, grid in zip(laws, self._grids, strict=True)])
        parts = [
            bins.draw(self._rng, rows)[0]
            for bins, rows in ((self._before, old), (self._after, PANE - old))
            if rows.any()
        ]
        counts: Counts = np.sum(parts, axis=0, dtype=np.int64)
        return counts
