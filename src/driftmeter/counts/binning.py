"""Binning: values to bins, with the result of `searchsorted` on the cuts, but faster (bench/binning.py compares both).

The range of each numeric feature is divided into 1,024 equal segments. One multiplication and one addition give the
segment of a value; a table holds how many cuts lie below that segment; then each compare pass settles one of the cuts
within the segment. Rounding cannot change the result: the map to segments is monotone also in floating point, and the
cuts go through the same map, so that a cut in a lower segment is below the value, and a cut in a higher segment is
above it. Each step handles all features at once.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from driftmeter.counts.compiled import compile_tables
from driftmeter.counts.rows import Rows
from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import NO_TEXTS
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.profile.values import is_unreadable, surely_finite
from driftmeter.types import Codes, Counts, Floats

if TYPE_CHECKING:
    from driftmeter.counts._compiled import Tables

SEGMENTS = 1024
BLOCK = 1024
"""Rows per sweep: the scratch arrays of more rows do not fit the cache."""
MOST_PASSES = 6
"""A feature that needs more compare passes goes through searchsorted, which is faster then."""


@dataclass
class _Scratch:
    """Buffers of one thread: allocating them for each block would cost more than the arithmetic."""

    floats: Floats
    """First the values on the scale of segments, then the cuts."""
    segments: Codes
    bins: Codes
    above: np.ndarray[tuple[int, int], np.dtype[np.bool_]]

    @classmethod
    def of(cls, columns: int) -> _Scratch:
        shape = (BLOCK, columns)
        return cls(np.empty(shape), np.empty(shape, np.intp), np.empty(shape, np.intp), np.empty(shape, bool))


class Binner:
    """Counts rows by one profile. Threads may share one."""

    def __init__(self, profile: Profile, *, compiled: bool = True, tables: Tables | None = None) -> None:
        """Compile the tables: about a megabyte for 100 numeric features. Without `compiled` it is the plain counter.

        `tables` may be those of a Reader by the same profile: then none are compiled anew for the compiled counter.
        """
        self.profile = profile
        self._tables = (tables or compile_tables(profile)) if compiled else None
        placed = [(feature.grid, part.start) for feature, part in profile.slices()]
        numeric = [(grid, offset) for grid, offset in placed if isinstance(grid, NumericGrid)]
        categorical = [offset for grid, offset in placed if isinstance(grid, CategoryGrid)]
        self._categorical_offsets = np.array(categorical, dtype=np.intp)
        self._offsets = np.array([offset for _, offset in numeric], dtype=np.intp)
        self._last = self._offsets + [grid.special[bin_names.FAR_ABOVE] for grid, _ in numeric]
        self._missing = self._offsets + [grid.special[bin_names.MISSING] for grid, _ in numeric]
        self._not_finite = self._offsets + [grid.special[bin_names.NOT_FINITE] for grid, _ in numeric]
        self._unreadable = self._offsets + [grid.special[bin_names.UNREADABLE] for grid, _ in numeric]
        grids = [grid for grid, _ in numeric]
        self._grids = grids
        self._scale, self._bias = np.empty(len(grids)), np.empty(len(grids))
        first = np.arange(len(grids)) * float(SEGMENTS)
        self._first_segment, self._last_segment = first, first + (SEGMENTS - 1)
        self._base = np.zeros((len(grids), SEGMENTS), dtype=np.intp)
        # the cut above each bin; NaN above the last one, since no value passes it (+inf would pass inf)
        self._cuts = np.full(profile.bins + 1, np.nan)
        passes = np.zeros(len(grids), dtype=int)
        for position, (grid, offset) in enumerate(numeric):
            passes[position] = self._compile(position, grid, offset)
        self._steep = np.flatnonzero(passes > MOST_PASSES)
        self._passes = int(passes[passes <= MOST_PASSES].max(initial=0))
        self._local = threading.local()

    def _compile(self, position: int, grid: NumericGrid, offset: int) -> int:
        """Compile the segments of one feature; return the largest number of cuts in a segment."""
        cuts = grid.edges
        inner = cuts[2:-2] if len(cuts) > 6 else cuts[1:-1]
        low, high = float(inner[0]), float(inner[-1])
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            scale = (SEGMENTS - 2) / (high - low)
            bias = position * SEGMENTS + 1 - low * scale
        if not (np.isfinite(scale) and np.isfinite(bias)):
            scale, bias = 0.0, float(position * SEGMENTS)  # one segment for all values, hence searchsorted
        self._scale[position], self._bias[position] = scale, bias
        segments = self._segments_of(cuts, position)
        self._base[position] = offset + np.searchsorted(
            segments, np.arange(SEGMENTS) + position * SEGMENTS, side="left"
        )
        self._cuts[offset : offset + len(cuts)] = cuts
        return int(np.bincount(segments - position * SEGMENTS).max())

    def _segments_of(self, values: Floats, position: int) -> Codes:
        """Map values to segments by the same operations in the same order as `_sweep`."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = values * self._scale[position]
            scaled += self._bias[position]
        np.fmax(scaled, self._first_segment[position], out=scaled)
        np.fmin(scaled, self._last_segment[position], out=scaled)
        segments: Codes = scaled.astype(np.intp)
        return segments

    def observe(self, rows: Rows) -> Summary:
        """Count rows; the result has the rows of `rows`, and one count for each row in each feature."""
        counts = np.zeros(self.profile.bins, dtype=np.int64)
        self.add(rows, counts)
        return Summary(len(rows), counts, NO_TEXTS if rows.unseen is None else rows.unseen.sample())

    def add(self, rows: Rows, counts: Counts) -> None:
        """Add the counts of rows to `counts`, shape (bins,)."""
        if self._tables is not None:
            self._tables.count_numbers(np.ascontiguousarray(rows.numbers), counts)
            self._tables.count_codes(rows.codes, counts)
        else:
            self._count_plainly(rows, counts)

    def places(self, rows: Rows) -> Codes:
        """Return the bin of each row in each feature, among the bins of all features: (rows, features)."""
        numeric = [feature.kind == "numeric" for feature in self.profile.features]
        places = np.empty((len(rows), len(numeric)), dtype=np.intp)
        places[:, np.logical_not(numeric)] = rows.codes + self._categorical_offsets
        of_numbers = np.empty((len(rows), len(self._grids)), dtype=np.intp)
        for start in range(0, len(rows) if self._grids else 0, BLOCK):
            block = rows.numbers[start : start + BLOCK]
            bins = self._sweep(block)
            row, column, target = self._odd(block)
            bins[row, column] = target
            of_numbers[start : start + BLOCK] = bins
        places[:, numeric] = of_numbers
        return places

    def _count_plainly(self, rows: Rows, counts: Counts) -> None:
        for start in range(0, len(rows), BLOCK):
            self._count_numbers(rows.numbers[start : start + BLOCK], counts)
        if self._categorical_offsets.size:
            counts += np.bincount((rows.codes + self._categorical_offsets).ravel("K"), minlength=self.profile.bins)

    def _count_numbers(self, block: Floats, counts: Counts) -> None:
        if not self._offsets.size:
            return
        counts += np.bincount(self._sweep(block).ravel(), minlength=counts.size)
        if surely_finite(block):
            return
        # the sweep counts NaN and -inf in the first bin and +inf in the last: move them
        row, column, target = self._odd(block)
        source = np.where(block[row, column] == np.inf, self._last[column], self._offsets[column])
        counts -= np.bincount(source, minlength=counts.size)
        counts += np.bincount(target, minlength=counts.size)

    def _odd(self, block: Floats) -> tuple[Codes, Codes, Codes]:
        """Return row, column and bin of each value that is not finite."""
        row, column = np.divmod(np.flatnonzero(~np.isfinite(block)), block.shape[1])
        odd = block[row, column]
        nan = np.where(is_unreadable(odd), self._unreadable[column], self._missing[column])
        return row, column, np.where(np.isnan(odd), nan, self._not_finite[column])

    def _sweep(self, block: Floats) -> Codes:
        """Return the bin of each value, shape of `block`, in a buffer of this thread; NaN is in the first bin."""
        scratch: _Scratch | None = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = _Scratch.of(len(self._grids))
        rows = len(block)
        floats, segments, bins = scratch.floats[:rows], scratch.segments[:rows], scratch.bins[:rows]
        above = scratch.above[:rows]
        with np.errstate(over="ignore", invalid="ignore"):
            np.multiply(block, self._scale, out=floats)
            np.add(floats, self._bias, out=floats)
        np.fmax(floats, self._first_segment, out=floats)
        np.fmin(floats, self._last_segment, out=floats)
        np.copyto(segments, floats, casting="unsafe")
        # all segments are within the table; "clip" avoids the check of numpy
        self._base.take(segments, out=bins, mode="clip")
        for _ in range(self._passes):
            self._cuts.take(bins, out=floats, mode="clip")
            np.greater_equal(block, floats, out=above)
            np.add(bins, above, out=bins)
        if self._steep.size:
            # transposed, so that each column is read and written in one run
            columns = np.ascontiguousarray(block[:, self._steep].T)
            steep_bins = np.empty(columns.shape, dtype=np.intp)
            for index, position in enumerate(self._steep):
                steep_bins[index] = np.searchsorted(self._grids[position].edges, columns[index], side="right")
            steep_bins[np.isnan(columns)] = 0
            steep_bins += self._offsets[self._steep, np.newaxis]
            bins[:, self._steep] = steep_bins.T
        return bins
