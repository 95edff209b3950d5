"""What this process adds up itself before Redis has it. No other process writes these sums."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import PaneKey
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.redis.commit_reply import ModelState
from driftmeter.types import Milliseconds

SEPARATOR = "\x1f"
"""Stands between the name of a source and that of the process that counts for it. Names have no control characters."""


@dataclass(frozen=True)
class PaneSum:
    """What this process has added up so far for one source in one pane; each new state has a higher sequence."""

    sequence: int
    summary: Summary


@dataclass
class LocalModel:
    """What this process knows of a model, and has added up for it.

    - `born`: the identity of the model, which tells it from an earlier one of the same name.
    - `barrier`: the watermark when this process last heard of it. Rows of panes that end by then are late.
    - `length`: the length of the model's panes.
    - `sums`: by pane and source; `totals`: by source.
    """

    born: bytes = b""
    barrier: Milliseconds = 0
    length: Milliseconds = 0
    sums: dict[tuple[PaneKey, str], PaneSum] = field(default_factory=dict)
    totals: dict[str, SourceTotals] = field(default_factory=dict)

    def learn(self, state: ModelState) -> None:
        """Take the state of the model from a reply; drops the sums of closed panes, and all of an earlier model."""
        if state.born != self.born:
            self.sums, self.totals = {}, {}
        elif state.barrier > self.barrier:
            self.sums = {key: total for key, total in self.sums.items() if key[0].end > state.barrier}
        self.born, self.barrier, self.length = state.born, state.barrier, state.length


class LocalSums:
    """The models of this process, under a random name of the process."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.reset()

    def reset(self) -> None:
        """Begin again under another name, if it is not known whether the last sums have reached the store."""
        self.name = secrets.token_hex(6)
        self._models: dict[str, LocalModel] = {}

    def of(self, model: str) -> LocalModel:
        """Return what is known of a model, which may be nothing."""
        return self._models.setdefault(model, LocalModel())

    def forget(self, model: str) -> None:
        """Forget a model, if it is known."""
        self._models.pop(model, None)

    def field(self, source: str) -> str:
        """Return the name under which the store keeps this process's part of a source."""
        return f"{source}{SEPARATOR}{self.name}"
