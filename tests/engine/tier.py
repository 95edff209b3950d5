"""A metric server without HTTP, on a clock that the test sets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from driftmeter.data.columns import as_frame, columns_of
from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.settings.model import ModelSettings
from driftmeter.store.records import AddRows
from driftmeter.types import JSON
from tests.support.clocks import SetClock

START = 1_700_000_000_000
TIMING = Timing(pane=10_000, lateness=20_000)


@dataclass
class Tier:
    """An engine of the model `m`, and the clock of its store."""

    engine: Engine
    clock: SetClock

    def send(self, frame: pl.DataFrame, times: int | npt.NDArray[np.int64], source: str = "s") -> int:
        """Commit rows; return how many were late."""
        return self.commit(self.counted(frame, times, source))

    def counted(
        self, frame: pl.DataFrame, times: int | npt.NDArray[np.int64], source: str = "s", digest: str | None = None
    ) -> AddRows:
        """Return rows counted by a profile, by default the active one."""
        compiled = self.engine.compiled("m", digest)
        rows, _, _ = compiled.reader.read_columns(columns_of(as_frame(frame), compiled.reader.names))
        parts = self.engine.sort_rows(compiled, rows, times)
        return AddRows("m", compiled.profile.digest, source, parts, SourceTotals(len(frame), len(frame)))

    def commit(self, write: AddRows) -> int:
        """Commit counted rows; return how many were late."""
        (receipt,) = self.engine.store.commit([write])
        assert not isinstance(receipt, Exception)
        return receipt.late

    def pass_time(self, seconds: float) -> None:
        """Let time go by as an evaluation loop sees it, a second at a time."""
        for _ in range(int(seconds)):
            self.clock.now += 1_000
            self.engine.advance("m")

    def verdict(self) -> JSON:
        """Return the newest verdict."""
        verdict: JSON = json.loads(self.engine.verdict("m"))
        return verdict


class MakeTier(Protocol):
    """Makes a tier, in memory or on a file."""

    def __call__(
        self, path: Path | None = None, clock: SetClock | None = None, settings: ModelSettings | None = None
    ) -> Tier: ...


def rows_of(count: int, *, shift: float = 0.0, seed: int = 0) -> pl.DataFrame:
    """Return rows of two numbers, one of them shifted, and a category."""
    chance = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "x": chance.normal(size=count) + shift,
            "y": chance.normal(size=count),
            "c": chance.choice(["a", "b", "c"], size=count),
        }
    )
