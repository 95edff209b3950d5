"""Typed rows with their times, and the values that could not be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from driftmeter.counts.rows import Rows
from driftmeter.data.rejected import Rejected
from driftmeter.panes.totals import add_up
from driftmeter.types import Floats


@dataclass(frozen=True)
class TypedBatch:
    """Typed rows with `times` (rows,) in ms: of the local clock where `stamped` (rows,), else event times."""

    rows: Rows
    times: Floats
    stamped: npt.NDArray[np.bool_]
    invalid: int = 0
    """Rows that could not be read, and are not in `rows`."""
    ignored_values: int = 0
    ignored_predictions: int = 0
    unreadable: Mapping[str, int] = field(default_factory=dict)
    """How many values of `rows` could not be read, by column."""
    first: Mapping[str, Rejected] = field(default_factory=dict)
    """An example for each column of `unreadable` and each field of `refused`."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Rows that are invalid, by the field at fault: `timestamp`, or "" if something was no row at all."""

    @property
    def bytes(self) -> int:
        """Memory of the rows."""
        return self.rows.bytes + 9 * len(self.times)

    @classmethod
    def join(cls, batches: Sequence[TypedBatch]) -> TypedBatch:
        """Return several batches, at least one, as one."""
        unreadable: dict[str, int] = {}
        refused: dict[str, int] = {}
        first: dict[str, Rejected] = {}
        for batch in batches:
            unreadable, refused = add_up(unreadable, batch.unreadable), add_up(refused, batch.refused)
            first = {**batch.first, **first}
        return cls(
            Rows.join([batch.rows for batch in batches]),
            np.concatenate([batch.times for batch in batches]),
            np.concatenate([batch.stamped for batch in batches]),
            sum(batch.invalid for batch in batches),
            sum(batch.ignored_values for batch in batches),
            sum(batch.ignored_predictions for batch in batches),
            unreadable,
            first,
            refused,
        )
