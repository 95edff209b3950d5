"""Slices of one bin."""

from __future__ import annotations

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Slice


def rows(number: int) -> Summary:
    return Summary(number, np.array([number], np.int64))


def slices(*starts: int, length: int = 10, count: int = 100) -> list[Slice]:
    return [Slice(start, length, rows(count)) for start in starts]
