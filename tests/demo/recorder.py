from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftmeter.demo.data import Row


@dataclass
class Recorder:
    """Stands where a monitor would and keeps what it is told."""

    observed: list[tuple[Row, float | None]] = field(default_factory=list)
    closed: bool = False

    def observe(self, features: Row, prediction: float | None = None, timestamp: float | None = None) -> None:
        self.observed.append((features, prediction))

    def stats(self) -> Mapping[str, int]:
        return {"observed": len(self.observed), "dropped": 0}

    def close(self) -> None:
        self.closed = True
