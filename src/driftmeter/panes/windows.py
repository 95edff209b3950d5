"""Windows: sums of closed slices, and the setting that says which slices a window holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from driftmeter.counts.summary import Summary
from driftmeter.errors import InputError
from driftmeter.panes.pane import Slice
from driftmeter.timestamps import MINUTE
from driftmeter.types import Milliseconds


@dataclass(frozen=True)
class Window:
    """A sum of closed slices that end together at `end`."""

    start: Milliseconds
    end: Milliseconds
    slices: int
    summary: Summary


@dataclass(frozen=True)
class WindowSetting:
    """The judging window: the slices that start in its last `length` ms, and earlier ones until it has `rows` rows.

    >>> closed = [Slice(start, 10, Summary.zero(1)) for start in (0, 10, 20)]
    >>> WindowSetting(20, 0).select(closed, 1).start
    10
    """

    length: Milliseconds = 5 * MINUTE
    rows: int = 1000

    def __post_init__(self) -> None:
        """Raise InputError on an empty window."""
        if self.length < 0 or self.rows < 0 or not (self.length or self.rows):
            raise InputError("window", "a length or a number of rows above 0", f"{self.length} ms, {self.rows} rows")

    def select(self, slices: Sequence[Slice], bins: int) -> Window:
        """Add up the latest of closed slices, which ascend by end and reach back far enough.

        The window ends with the last slice, whatever time has passed without rows since.
        """
        end = slices[-1].end if slices else 0
        first, rows = len(slices), 0
        for position in range(len(slices) - 1, -1, -1):
            enough = self.reached(rows, slices[position].start, end)
            if enough and first < len(slices):  # the newest slice is always part of the window
                break
            first, rows = position, rows + slices[position].summary.rows
        chosen = slices[first:]
        start = min((piece.start for piece in chosen), default=0)
        return Window(start, end, len(chosen), Summary.sum((piece.summary for piece in chosen), bins))

    def reached(self, rows: int, oldest_start: Milliseconds, end: Milliseconds) -> bool:
        """Return whether slices back to `oldest_start` that hold `rows` rows are enough for `select`."""
        return rows >= self.rows and oldest_start < end - self.length


def joined_by_end(slices: Iterable[Slice]) -> Iterator[Slice]:
    """Yield slices, which ascend by end; those with the same end are added up."""
    for end, group in groupby(slices, key=lambda piece: piece.end):
        parts = list(group)
        start = min(part.start for part in parts)
        summary = Summary.sum((part.summary for part in parts), parts[0].summary.counts.size)
        yield Slice(start, end - start, summary)
