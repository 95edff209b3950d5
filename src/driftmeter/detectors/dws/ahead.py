"""Panes of the scan worked out ahead: what their windows hold and show does not depend on what a judge decides.

A judge only makes windows of some features begin anew (`restart`), which hides findings and changes no count. So the
windows of many panes are built and tested at once, and then taken one pane after another.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from driftmeter.detectors.dws.finding import WindowFindings
from driftmeter.detectors.dws.windows import Block, Findings, ToldWindow
from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.run import Pace
from driftmeter.types import Codes, Milliseconds


@dataclass(eq=False)
class AheadWindow:
    """A window that ends with a pane at `end`: its level, the panes before it, and its rows.

    `alpha` is the chance of a false alarm that its tests share. Once it is tested, `found` holds what was found, at
    `index`, `tellable` (features,) of what a sentence may tell, and `loudest` is the strongest evidence of any feature.
    """

    level: int
    before: int
    block: Block
    alpha: float
    end: Milliseconds
    found: WindowFindings | None = None
    index: int = 0
    tellable: Mask | None = None
    loudest: float = -np.inf

    def alarms(self) -> Mask:
        """Return the features that alarm, (features,)."""
        assert self.found is not None
        alarming: Mask = self.found.evidence[self.index] >= 0
        return alarming

    def write(self, findings: Findings, chosen: Mask, *, bounds: bool = True) -> None:
        """Write what was found in the chosen features into `findings`, in place; without `bounds`, those stay."""
        assert self.found is not None
        self.found.write(self.index, findings, self.level, chosen, bounds=bounds)
        np.copyto(findings.rows[self.level], self.block.rows, where=chosen)
        np.copyto(findings.lengths[self.level], self.block.elapsed, where=chosen)
        np.copyto(findings.spans[self.level], self.end - self.block.start, where=chosen)

    def told(self, chosen: Mask, owner: Codes) -> ToldWindow | None:
        """Return the window with the counts of those of the chosen features of which a sentence may tell, if any.

        `owner` (bins,) is the feature of each bin.
        """
        assert self.tellable is not None
        told = chosen & self.tellable
        return ToldWindow(np.where(told[owner], self.block.counts, 0), self.block.hours) if told.any() else None


@dataclass(frozen=True, eq=False)
class AheadPane:
    """A pane from `start` to `end`, and the state after it but for what `restart` changes; see `DwsState`.

    `windows` end with it; in those of `looks` too, which begin at a block, a rate may alarm (rates.py).
    """

    start: Milliseconds
    end: Milliseconds
    panes: int
    pace: Pace
    blocks: tuple[Block | None, ...]
    windows: tuple[AheadWindow, ...]
    looks: list[AheadWindow] = field(default_factory=list)

    @property
    def quiet(self) -> bool:
        """Whether no window that ends with the pane alarms in any feature."""
        return not self.looks and all(window.loudest < 0 for window in self.windows)
