"""Profiles, and streams of panes drawn from exact shares of their bins, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtr, pdtr

from driftmeter.counts.summary import Summary
from driftmeter.detectors.protocol import Detector, Evidence
from driftmeter.panes.pane import Slice
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.types import Counts, Floats

START = 1_704_067_200_000
PANE_MS = 10_000
T = TypeVar("T")
Make = Callable[[Profile, ModelSettings], Detector[Any]]
"""Compile a detector."""
ROWS = 100


def present(value: T | None) -> T:
    """Return a value that must be there."""
    assert value is not None
    return value


def number_grid(feature: Feature) -> NumericGrid:
    """Return the grid of a number."""
    assert isinstance(feature.grid, NumericGrid)
    return feature.grid


def category_grid(feature: Feature) -> CategoryGrid:
    """Return the grid of categories."""
    assert isinstance(feature.grid, CategoryGrid)
    return feature.grid


def numbers_profile(columns: int, rows: int = 10_000, seed: int = 0, *, missing: float = 0.0) -> Profile:
    """Fit a profile to normal columns named f0, f1, ..., whose rows are independent."""
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(columns, rows))
    values[chance.random(values.shape) < missing] = np.nan
    frame = pl.DataFrame({f"f{index}": column for index, column in enumerate(values)})
    return Profile.fit(frame, model="numbers", independent=True, residuals=False)


def mixed_frame(rows: int = 4_000, seed: int = 1) -> pl.DataFrame:
    """Return independent rows with a column of every kind that a detector might stumble over."""
    chance = np.random.default_rng(seed)
    amount = chance.lognormal(3, 1, rows)
    amount[chance.random(rows) < 0.05] = np.nan
    weights = 1 / np.arange(1, 9)
    return pl.DataFrame(
        {
            "amount": amount,
            "visits": chance.poisson(3, rows),
            "constant": np.full(rows, 7.0),
            "nothing": pl.Series([None] * rows, dtype=pl.Float64),
            "city": [f"c{number}" for number in chance.choice(8, rows, p=weights / weights.sum())],
            "code": [f"k{number}" for number in chance.integers(0, 130, rows)],
            "only": ["one"] * rows,
            "member": chance.random(rows) < 0.7,
        }
    )


def mixed_profile() -> Profile:
    """Return the profile of `mixed_frame`."""
    kinds = {"nothing": "numeric"}
    return Profile.fit(mixed_frame(), model="mixed", independent=True, residuals=False, kinds=kinds)


def of_features(*features: Feature, calibration: Calibration | None = None) -> Profile:
    """Make a profile of features of equally many rows."""
    return Profile("made", sum(features[0].counts), features, {}, calibration is None, calibration=calibration)


def reference_shares(profile: Profile) -> list[Floats]:
    """Return each feature's shares of its bins, as the reference had them."""
    return [feature.reference / profile.rows for feature in profile.features]


def normal_shares(
    feature: Feature, mean: float = 0.0, sd: float = 1.0, missing: float = 0.0, not_finite: float = 0.0
) -> Floats:
    """Return the shares of a numeric feature's bins under a normal law."""
    assert isinstance(feature.grid, NumericGrid)
    return _shares(ndtr((feature.grid.edges - mean) / sd), missing, not_finite)


def poisson_shares(feature: Feature, mean: float) -> Floats:
    """Return the shares of a numeric feature's bins under a Poisson law; a cut belongs to the bin above it."""
    assert isinstance(feature.grid, NumericGrid)
    below = np.ceil(feature.grid.edges) - 1
    return _shares(np.where(below < 0, 0.0, pdtr(np.maximum(below, 0), mean)).astype(float), 0.0, 0.0)


def _shares(below: Floats, missing: float, not_finite: float) -> Floats:
    present = np.maximum(np.diff(below, prepend=0.0, append=1.0), 0) * (1 - missing - not_finite)
    shares: Floats = np.concatenate([present, [missing, not_finite, 0.0]])
    return shares


def moved(feature: Feature, share: float, bin_: str, shares: Floats | None = None) -> Floats:
    """Return a feature's shares once a bin has that share, all others alike less; `unseen` may be several bins."""
    shares = feature.reference / sum(feature.counts) if shares is None else shares
    chosen = [index for index, label in enumerate(feature.grid.labels) if label.partition(" ")[0] == bin_]
    if bin_ != "unseen" or not isinstance(feature.grid, CategoryGrid) or bin_ in feature.grid.categories:
        chosen = [feature.grid.labels.index(bin_)]
    rest: Floats = shares.copy()
    rest[chosen] = 0.0
    rest = rest * (1 - share) / rest.sum()
    rest[chosen] = share / len(chosen)
    return rest


class Draws:
    """Counts of panes, drawn from the shares of each feature's bins."""

    def __init__(self, shares: Sequence[Floats]) -> None:
        """Lay the features side by side; the fullest bin is drawn last, since it takes what rounding leaves."""
        width = max(map(len, shares))
        padded = np.stack([np.pad(one / one.sum(), (0, width - len(one))) for one in shares])
        order = np.argsort(padded, axis=1)
        self._sorted = np.take_along_axis(padded, order, axis=1)
        self._back = np.argsort(order, axis=1)
        self._used = np.arange(width) < np.array([[len(of_feature)] for of_feature in shares])

    def panes(self, chance: np.random.Generator, panes: int, rows: int | Counts = ROWS) -> Counts:
        """Draw panes of so many rows (of each feature), shape (panes, bins of all features)."""
        features = len(self._sorted)
        drawn = chance.multinomial(np.broadcast_to(rows, (panes, features)), self._sorted)
        return np.take_along_axis(drawn, self._back[np.newaxis], axis=2)[:, self._used]


def pane(number: int, counts: Counts, rows: int = ROWS, length: int = PANE_MS) -> Slice:
    """Make the closed pane of that number."""
    return Slice(START + number * length, length, Summary(rows, counts))


def run(
    detector: Detector[Any],
    counts: Iterable[Counts],
    *,
    rows: int = ROWS,
    length: int = PANE_MS,
    state: Any = None,
    first: int = 0,
) -> tuple[Any, list[Evidence]]:
    """Fold panes into a state; return the state and the readings."""
    state = detector.start() if state is None else state
    readings: list[Evidence] = []
    for number, of_pane in enumerate(counts, start=first):
        state, reading = detector.update(state, pane(number, of_pane, rows, length))
        if reading is not None:
            readings.append(reading)
    return state, readings


def delays_of(
    detector: Detector[Any],
    before: Sequence[Floats],
    after: Sequence[Floats],
    changes: npt.NDArray[np.int64],
    *,
    seed: int,
    horizon: int,
    row_ms: int = 100,
) -> Floats:
    """Return how many rows after its change each stream of a model alarms; infinite beyond the horizon.

    `before` and `after` are shares of each stream's bins, `changes` (streams,) the rows of the changes. A stream that
    has been found goes back to what it was, and begins anew: it must not lend its evidence to others.
    """
    chance = np.random.default_rng(seed)
    old, new = Draws(before), Draws(after)
    state = detector.start()
    delays = np.full(len(changes), np.inf)
    for start in range(0, int(changes.max()) + horizon, ROWS):
        before_change = np.where(np.isfinite(delays), ROWS, np.clip(changes - start, 0, ROWS))
        counts = old.panes(chance, 1, before_change)[0] + new.panes(chance, 1, ROWS - before_change)[0]
        slice_ = Slice(START + start * row_ms, ROWS * row_ms, Summary(ROWS, counts))
        state, reading = detector.update(state, slice_)
        fired: npt.NDArray[np.bool_] = np.asarray((present(reading).alarms() >= 0).any(axis=0))
        if fired.any():
            state = detector.restart(state, fired)
        late = start + ROWS - changes
        delays = np.where(fired & (late > 0) & ~np.isfinite(delays), late, delays)
        if np.isfinite(delays).all():
            break
    return delays


def categories(counts: Sequence[int], *, missing: int = 0, name: str = "c") -> Feature:
    """Make a categorical feature whose categories v0, v1, ... were fixed without a look at their counts."""
    grid = CategoryGrid(tuple(f"v{index}" for index in range(len(counts))), ())
    return Feature(name, "categorical", "feature", grid, (*counts, 0, 0, missing, 0), name)


def numbers(values: Floats, *, bins: int = 64, name: str = "x") -> Feature:
    """Make a numeric feature; NaN is missing."""
    grid = NumericGrid.fit(values[np.isfinite(values)], bins=bins)
    counts = np.zeros(grid.size, dtype=np.int64)
    np.add.at(counts, np.searchsorted(grid.edges, values[np.isfinite(values)], side="right"), 1)
    counts[grid.special["missing"]] = np.isnan(values).sum()
    return Feature(name, "numeric", "feature", grid, tuple(counts.tolist()), name)


def with_calibration(profile: Profile, calibration: Calibration | None) -> Profile:
    """Return the profile as if it had been calibrated so."""
    return replace(profile, independent=False, calibration=calibration)
