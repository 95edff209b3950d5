"""A feature: one monitored column, its grid, and the reference's counts on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from driftmeter.profile.bin_values import BinValues
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.checks import integer_of
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import JSON, Counts, Floats, Kind, Role

Part = Literal["hour", "weekday"]


@dataclass(frozen=True)
class Feature:
    """One monitored column: where its values come from, its grid, and the reference's counts on that grid.

    `column` is the name under which a row has the value; a derived feature is the residual of the value in `column`.
    `part` is set where the feature is the hour or the weekday of a date-time column: by the clocks of `zone`, an IANA
    name, or as the value is written where `zone` is None. `values` are those of the reference in each bin of a number;
    None of a category.
    """

    name: str
    kind: Kind
    role: Role
    grid: NumericGrid | CategoryGrid
    counts: tuple[int, ...]
    column: str
    part: Part | None = None
    zone: str | None = None
    values: BinValues | None = None

    @cached_property
    def reference(self) -> Counts:
        """The reference's counts, shape (bins,)."""
        return np.array(self.counts, dtype=np.int64)

    @cached_property
    def unit_values(self) -> BinValues:
        """The values of a number's bins: `values`, or what its cuts let one assume."""
        if self.values is not None:
            return self.values
        assert isinstance(self.grid, NumericGrid), self.name
        return BinValues.of_grid(self.grid)

    @cached_property
    def by_bin(self) -> tuple[Floats, Floats]:
        """A value for each bin of finite numbers, and its deviation there, both (present bins,), in the column's unit.

        See `BinValues.by_bin`.
        """
        assert isinstance(self.grid, NumericGrid), self.name
        value, deviation = self.unit_values.by_bin(self.grid)
        unit = self.unit_values.unit
        return value * unit, deviation * unit

    @property
    def size(self) -> int:
        """Number of bins."""
        return self.grid.size

    def to_json(self) -> JSON:
        """Return plain JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "role": self.role,
            "column": self.column,
            "part": self.part,
            "zone": self.zone,
            "grid": self.grid.to_json(),
            "counts": list(self.counts),
            "values": None if self.values is None else self.values.to_json(),
        }

    @classmethod
    def from_json(cls, data: JSON) -> Feature:
        """Read what `to_json` wrote; raises ValueError or TypeError on anything else."""
        for key, expected in (("kind", get_args(Kind)), ("role", get_args(Role)), ("part", (None, *get_args(Part)))):
            if data[key] not in expected:
                raise ValueError(f"{key}: expected one of {expected}, got {data[key]!r}")
        for key in ("name", "column"):
            if not isinstance(data[key], str):
                raise TypeError(f"{key}: expected a text, got {data[key]!r}")
        if not isinstance(data["zone"], str | None):
            raise TypeError(f"zone: expected a text, got {data['zone']!r}")
        grid = (NumericGrid if data["kind"] == "numeric" else CategoryGrid).from_json(data["grid"])
        counts = tuple(map(integer_of, data["counts"]))
        if len(counts) != grid.size:
            raise ValueError(f"feature {data['name']!r}: expected {grid.size} counts, got {len(counts)}")
        values = None
        if data["values"] is not None:
            if not isinstance(grid, NumericGrid):
                raise ValueError(f"feature {data['name']!r}: expected values of a number alone")
            values = BinValues.from_json(data["values"], grid)
        return cls(
            name=data["name"],
            kind=data["kind"],
            role=data["role"],
            grid=grid,
            counts=counts,
            column=data["column"],
            part=data["part"],
            zone=data["zone"],
            values=values,
        )
