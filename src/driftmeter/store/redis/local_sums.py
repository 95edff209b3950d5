"""What a process adds up itself before a store that it shares with others: it is the only one who writes these sums."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import PaneKey
from driftmeter.panes.totals import SourceTotals
from driftmeter.types import Milliseconds

MARK = "\x1f"
"""Parts the name of a source from that of the process that counts for it: no name holds a control character."""


@dataclass(frozen=True)
class Sum:
    """What a process has added up so far for one source in one pane; every state has a higher sequence."""

    sequence: int
    summary: Summary


@dataclass
class KnownModel:
    """What a process knows of a model, and has added up for it. `born` tells it from one of the same name before.

    `barrier` is the watermark as far as this process knows: what ends by then is late.
    """

    born: bytes = b""
    barrier: Milliseconds = 0
    length: Milliseconds = 0
    sums: dict[tuple[PaneKey, str], Sum] = field(default_factory=dict)
    totals: dict[str, SourceTotals] = field(default_factory=dict)

    def learn(self, born: bytes, barrier: Milliseconds, length: Milliseconds) -> None:
        """Take how a model is now; sums of one that was before count for nothing."""
        if born != self.born:
            self.sums, self.totals = {}, {}
        elif barrier > self.barrier:
            self.sums = {key: each for key, each in self.sums.items() if key[0].end > barrier}
        self.born, self.barrier, self.length = born, barrier, length


class Sums:
    """The models of a process, under a name of its own."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.reset()

    def reset(self) -> None:
        """Begin anew under another name: nobody knows whether the last sums have reached the store."""
        self.name = secrets.token_hex(6)
        self._models: dict[str, KnownModel] = {}

    def of(self, model: str) -> KnownModel:
        """Return what is known of a model."""
        return self._models.setdefault(model, KnownModel())

    def forget(self, model: str) -> None:
        """Forget a model."""
        self._models.pop(model, None)

    def field(self, source: str) -> str:
        """Return under which name the store keeps this process's part of a source."""
        return f"{source}{MARK}{self.name}"
