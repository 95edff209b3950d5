"""Flights as traffic: any number of rows, drawn from the demo's sample, with event times that are out of order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from driftmeter.demo import data
from driftmeter.profile.profile import Profile
from driftmeter.types import Milliseconds

START: Milliseconds = 1_700_000_000_000


@dataclass(frozen=True)
class FlightRows:
    """Rows with event times from START on, `rows_per_second` of event time, each at most `disorder` ms back."""

    count: int
    rows_per_second: int = 150
    disorder: Milliseconds = 20_000
    seed: int = 7

    @cached_property
    def profile(self) -> Profile:
        return data.reference_profile("flights")

    @cached_property
    def end(self) -> Milliseconds:
        """A time after the last row."""
        return START + self.count * 1000 // self.rows_per_second + 1

    @cached_property
    def times(self) -> npt.NDArray[np.int64]:
        """The event times in ms, (rows,), in the order in which the rows come."""
        planned = START + np.arange(self.count) * 1000 // self.rows_per_second
        rng = np.random.default_rng(self.seed)
        times: npt.NDArray[np.int64] = np.maximum(START, planned - rng.integers(0, self.disorder, self.count))
        return times

    @cached_property
    def table(self) -> pa.Table:
        """The sample, without times."""
        table = data.held_out()
        return table.drop_columns([name for name in ("scheduled", "late", "part") if name in table.column_names])

    @cached_property
    def sample(self) -> list[dict[str, Any]]:
        """The rows of the sample."""
        rows: list[dict[str, Any]] = self.table.to_pylist()
        return rows

    @cached_property
    def chosen(self) -> npt.NDArray[np.int64]:
        """The position in the sample of each row. From half of the rows on, those of one carrier are more: a drift."""
        rng = np.random.default_rng(self.seed + 1)
        first = rng.integers(0, len(self.sample), self.count)
        late = np.flatnonzero([row["carrier"] == "UA" for row in self.sample])
        drifted = rng.choice(late, self.count)
        shifted = (np.arange(self.count) > self.count // 2) & (rng.random(self.count) < 0.3)
        return np.where(shifted, drifted, first)

    def rows(self) -> Iterator[tuple[dict[str, Any], Milliseconds]]:
        """Yield each row with its time."""
        sample = self.sample
        for position, time in zip(self.chosen.tolist(), self.times.tolist(), strict=True):
            yield sample[position], time

    def json(self, name: str = "timestamp") -> Iterator[bytes]:
        """Yield each row as JSON, with its time in seconds under a name."""
        encoded = [msgspec.json.encode(row)[:-1] for row in self.sample]
        for position, time in zip(self.chosen.tolist(), self.times.tolist(), strict=True):
            yield b'%b,"%b":%.3f}' % (encoded[position], name.encode(), time / 1000)
