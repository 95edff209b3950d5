"""Calibration: how much a reference varies on its own from one stretch of time to the next. Data only."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field
from math import prod

import numpy as np

from driftmeter.profile.checks import integer_of
from driftmeter.types import JSON, Floats, Milliseconds

ARRAYS = {
    "scores": "additive variance of each score, (levels, features, scores)",
    "tails": "excess kurtosis of its window means, (levels, features, scores)",
    "rare": "additive variance of each rare bin, (levels, rare bins)",
    "groups": "additive variance of each pooled group, (levels, groups)",
    "cores": "mean additive variance of the ordinary bins, (levels, features)",
    "stuck": "the most frequent bin, in log-odds: mean, deviation, kurtosis, largest, (levels, features, 4)",
    "clusters": "reference rows and mean cluster size of each rare bin; 0 where not known, (rare bins, 2)",
    "scores_by_rows": "additive variance of each score by rows, (sizes, features, scores)",
    "rare_by_rows": "additive variance of each rare bin by rows, (sizes, rare bins)",
    "groups_by_rows": "additive variance of each pooled group by rows, (sizes, groups)",
    "cores_by_rows": "mean additive variance of the ordinary bins by rows, (sizes, features)",
    "bursts": "most rows in a rare bin, or outside of a common one, that came together, (rare bins,), or none: (0,)",
    "hours": "mean of each score in each hour of the day, (24, features, scores), or none: (0, …)",
}
"""The arrays of a calibration; detectors/bins.py says which bins are rare and how groups are pooled."""
BY_ROWS = ("scores_by_rows", "rare_by_rows", "groups_by_rows", "cores_by_rows")
_POSITIVE = ("scores", "tails", "rare", "groups", "cores", "clusters", *BY_ROWS, "bursts")
_OF_NO_LEVEL = ("clusters", "hours", "bursts")
_MOST_BYTES = 50_000_000


@dataclass(frozen=True, eq=False)
class Calibration:
    """Additive variances by length of window: Var(window mean) = σ² (1/n + τ²), with τ² learnt from the reference.

    A level is a length of window. `lengths`, ascending, is the event time in ms that a window of each level stands for,
    where a stretch without rows counts as a day at most; `windows` is how many windows of that length the reference
    has. `rows` is the mean number of rows in the windows of the last level. `usual` is the time that panes stood for,
    divided by the time of those panes that held rows. ARRAYS describes the arrays.

    `sizes`, ascending, are numbers of consecutive rows: rows may come in groups that resemble each other, however long
    they take. They may be none, `()`.
    """

    lengths: tuple[Milliseconds, ...]
    windows: tuple[int, ...]
    rows: float
    usual: float
    scores: Floats
    tails: Floats
    rare: Floats
    groups: Floats
    cores: Floats
    stuck: Floats
    clusters: Floats
    hours: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)))
    sizes: tuple[int, ...] = ()
    scores_by_rows: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)))
    rare_by_rows: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    groups_by_rows: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    cores_by_rows: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    bursts: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def covered(self) -> Milliseconds:
        """The event time in ms that the reference stands for: a batch a day for 200 days covers 200 days."""
        return self.lengths[0] * self.windows[0]

    def to_json(self) -> JSON:
        """Return plain JSON, with the arrays as base64 of compressed numbers of three digits."""
        return {
            "lengths": list(self.lengths),
            "windows": list(self.windows),
            "rows": self.rows,
            "usual": self.usual,
            "sizes": list(self.sizes),
            "arrays": {name: _pack(getattr(self, name)) for name in ARRAYS},
        }

    @classmethod
    def from_json(cls, data: JSON) -> Calibration:
        """Read what `to_json` wrote; raises ValueError, TypeError or KeyError on anything else."""
        lengths, sizes = tuple(map(integer_of, data["lengths"])), tuple(map(integer_of, data["sizes"]))
        if not lengths or not _ascending(lengths):
            raise ValueError(f"expected ascending lengths of windows above 0, got {lengths[:5]}")
        if not _ascending(sizes):
            raise ValueError(f"expected ascending numbers of rows above 0, got {sizes[:5]}")
        if len(data["windows"]) != len(lengths):
            raise ValueError(f"expected numbers of windows for {len(lengths)} lengths, got {len(data['windows'])}")
        rows = float(data["rows"])
        if not 0 < rows < float("inf"):
            raise ValueError(f"expected rows above 0, got {data['rows']}")
        usual = float(data["usual"])
        if not 1 <= usual < float("inf"):
            raise ValueError(f"expected a usual ratio of at least 1, got {data['usual']}")
        arrays = {name: _unpack(data["arrays"][name]) for name in ARRAYS}
        for name, array in arrays.items():
            levels = len(sizes) if name in BY_ROWS else len(lengths)
            if name not in _OF_NO_LEVEL and len(array) != levels:
                raise ValueError(f"calibration {name}: expected {levels} levels, got {len(array)}")
            if name in _POSITIVE and (array < 0).any():
                raise ValueError(f"calibration {name}: expected numbers of at least 0, got {array.min()}")
        return cls(lengths, tuple(map(integer_of, data["windows"])), rows, usual, sizes=sizes, **arrays)

    def rounded(self) -> Calibration:
        """Return the calibration as it will be read back, with three digits of each number."""
        return Calibration.from_json(self.to_json())

    def __eq__(self, other: object) -> bool:
        """Compare every number."""
        return isinstance(other, Calibration) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]  # it holds arrays


def _ascending(numbers: tuple[int, ...]) -> bool:
    return all(number > 0 for number in numbers) and list(numbers) == sorted(set(numbers))


def _pack(array: Floats) -> JSON:
    # the upper half of a float32 holds three digits: variances are not known more precisely
    halves = (np.ascontiguousarray(array, dtype="<f4").view("<u4") >> 16).astype("<u2")
    return {"shape": list(array.shape), "data": base64.b64encode(zlib.compress(halves.tobytes(), 9)).decode()}


def _unpack(data: JSON) -> Floats:
    shape = tuple(map(integer_of, data["shape"]))
    size = 2 * prod(shape)
    if size > _MOST_BYTES:
        raise ValueError(f"expected at most {_MOST_BYTES:,} bytes of calibration, got {size:,}")
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(base64.b64decode(data["data"], validate=True), size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(raw) != size:
        raise ValueError(f"expected {size} bytes of calibration, got {len(raw)}")
    floats = (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4").astype(np.float64).reshape(shape)
    if not np.isfinite(floats).all():
        raise ValueError("expected finite numbers in the calibration")
    return floats
