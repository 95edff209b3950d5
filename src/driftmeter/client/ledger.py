"""The books of one source: its cumulative panes, what of them is acknowledged, and what was lost and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Pane, PaneKey
from driftmeter.panes.totals import LONGEST_REASON, MOST_REASONS, SourceTotals
from driftmeter.types import Counts, Milliseconds

REASONS = ("buffer_full", "panes_full", "invalid", "future", "late", "refused")
"""Why rows are dropped: no room for rows; no room for panes; not readable; a timestamp too far ahead; for a pane
that was let go already; refused by the server."""

_ENTRY_BYTES = 1_000  # the entry itself, its key and its place in the books
LEAST_PANES = 4


@dataclass
class _Entry:
    counts: Counts
    rows: int = 0
    sequence: int = 0
    acknowledged: int = 0
    acknowledged_rows: int = 0
    late: int = 0
    refused: bool = False


class Ledger:
    """Panes of one source, and its totals. No clock, no thread, no IO.

    Every row given to `add` or `drop` is observed, and is either counted or dropped for one reason:
    `totals.observed == totals.counted + sum(totals.dropped.values())` always. Rows of a pane that has to be
    given up are no longer counted, unless they are among those `acknowledged`, a number that only grows.

    A pane that was let go must not begin again from zero, since its higher sequence would replace what the
    server has: rows for such a pane are dropped as `late`. Sequences are the source's, not the pane's.
    """

    def __init__(self, source: str, budget: int) -> None:
        """Keep panes of at most about `budget` bytes, and never fewer than LEAST_PANES."""
        self.source = source
        self.budget = budget
        self.observed = self.counted = self.acknowledged = self.late = 0
        self.dropped = dict.fromkeys(REASONS, 0)
        self.unreadable: dict[str, int] = {}
        self.bytes = 0
        self._entries: dict[PaneKey, _Entry] = {}
        self._sequence = 0
        self._horizon: Milliseconds = 0  # the latest end of a pane that was let go
        self._reported = SourceTotals()

    def __len__(self) -> int:
        """Return the number of panes held."""
        return len(self._entries)

    @property
    def totals(self) -> SourceTotals:
        """What the source has seen so far; reasons that never came up are left out."""
        dropped = {reason: rows for reason, rows in self.dropped.items() if rows}
        return SourceTotals(self.observed, self.counted, dropped, self.unreadable.copy())

    def drop(self, reason: str, rows: int) -> None:
        """Book rows as observed and dropped."""
        self.observed += rows
        self.dropped[reason] += rows

    def add(self, key: PaneKey, summary: Summary, unreadable: Mapping[str, int] | None = None) -> None:
        """Book rows of one pane: counted, or dropped where the pane can't be had.

        `unreadable` are the values of these rows that could not be read, by column: such counts only grow, also where
        a pane is given up later. Columns beyond the first MOST_REASONS - 1 of them are together, under "other".
        """
        entry = self._entries.get(key) or self._open(key, summary.counts.size)
        if isinstance(entry, str):
            return self.drop(entry, summary.rows)
        if entry.refused:
            return self.drop("refused", summary.rows)
        self.observed += summary.rows
        self.counted += summary.rows
        for name, values in (unreadable or {}).items():
            self._book(name[:LONGEST_REASON], values)
        entry.counts += summary.counts
        entry.rows += summary.rows
        self._touch(entry)
        return None

    @property
    def reported(self) -> bool:
        """Whether the server has the totals as they are."""
        return self.totals == self._reported

    def unsent(self) -> list[PaneKey]:
        """Return the panes whose last state is not acknowledged, oldest first."""
        return sorted(key for key, entry in self._entries.items() if entry.sequence > entry.acknowledged)

    def report(self, key: PaneKey, bins: int) -> None:
        """See to it that totals which no pane carried yet go out: with the newest pane, or with an empty `key`."""
        if self.reported or self.unsent():
            return
        newest = self._newest()
        if newest:
            self._touch(self._entries[newest])
        elif key not in self._entries:
            entry = self._open(key, bins)
            if isinstance(entry, _Entry):
                self._touch(entry)

    def pane(self, key: PaneKey) -> Pane | None:
        """Return a pane as it is to be sent now; None where it was let go.

        It says what was acknowledged before of other panes: of its own rows it brings all.
        """
        entry = self._entries.get(key)
        if entry is None:
            return None
        return self._pane(key, Summary(entry.rows, entry.counts.copy()), entry.sequence)

    def sign_of_life(self, key: PaneKey, bins: int, *, final: bool = False) -> Pane | None:
        """Return a pane that brings no rows, only the totals, and with `final` the word that the source goes.

        It is `key` as it stands, empty where nothing came for it. It takes a sequence, but no place in the books: it
        never waits to be sent again. None where neither `key` nor any pane that is held can be sent.
        """
        at: PaneKey | None = key
        if self._entries[key].refused if key in self._entries else key.end <= self._horizon:
            at = self._newest()
        if at is None:
            return None
        self._sequence += 1
        entry = self._entries.get(at)
        summary = Summary(entry.rows, entry.counts.copy()) if entry else Summary.zero(bins)
        return self._pane(at, summary, self._sequence, final=final)

    def acknowledge(self, pane: Pane, late: int = 0) -> None:
        """Book that the server has a pane in this state, and that `late` of its rows came after the freeze."""
        self._reported = pane.totals
        entry = self._entries.get(PaneKey(pane.start, pane.length, pane.digest))
        if entry is None or entry.refused or pane.sequence < entry.acknowledged:
            return
        self.acknowledged += pane.summary.rows - entry.acknowledged_rows
        entry.acknowledged, entry.acknowledged_rows = pane.sequence, pane.summary.rows
        if late > entry.late:
            self.late += late - entry.late
            entry.late = late

    def refuse(self, key: PaneKey) -> int:
        """Give up on a pane that the server will never take, return the rows lost; later rows for it are lost too."""
        entry = self._entries[key]
        lost = self._lose(entry, "refused")
        entry.refused, entry.acknowledged = True, entry.sequence
        self.bytes -= entry.counts.nbytes
        entry.counts = np.zeros(0, dtype=np.int64)
        # or a refused report would be followed by another, for ever: the next change carries it
        self._reported = self.totals
        return lost

    def forget(self, before: Milliseconds) -> None:
        """Let go of panes that ended before that time and are acknowledged in their last state."""
        for key, entry in list(self._entries.items()):
            if key.end < before and entry.sequence <= entry.acknowledged:
                self._close(key)

    def _book(self, name: str, values: int) -> None:
        if name not in self.unreadable and len(self.unreadable) >= MOST_REASONS - 1:
            name = "other"
        self.unreadable[name] = self.unreadable.get(name, 0) + values

    def _pane(self, key: PaneKey, summary: Summary, sequence: int, *, final: bool = False) -> Pane:
        entry = self._entries.get(key)
        return Pane(
            key.digest,
            key.start,
            key.length,
            self.source,
            sequence,
            summary,
            self.totals,
            final=final,
            acknowledged=self.acknowledged - (entry.acknowledged_rows if entry else 0),
        )

    def _newest(self) -> PaneKey | None:
        """Return the newest pane that the server takes."""
        return max((key for key, entry in self._entries.items() if not entry.refused), default=None)

    def _touch(self, entry: _Entry) -> None:
        self._sequence += 1
        entry.sequence = self._sequence

    def _open(self, key: PaneKey, bins: int) -> _Entry | str:
        """Return a new entry, or the reason why there can't be one. The oldest pane makes room for a newer one."""
        if key.end <= self._horizon:
            return "late"
        need = 8 * bins + _ENTRY_BYTES
        while len(self._entries) >= LEAST_PANES and self.bytes + need > self.budget:
            oldest = min(self._entries)
            if oldest > key:
                return "panes_full"
            self._lose(self._entries[oldest], "panes_full")
            self._close(oldest)
            if key.end <= self._horizon:
                return "panes_full"
        entry = self._entries[key] = _Entry(np.zeros(bins, dtype=np.int64))
        self.bytes += need
        return entry

    def _lose(self, entry: _Entry, reason: str) -> int:
        lost = entry.rows - entry.acknowledged_rows
        self.counted -= lost
        entry.rows = entry.acknowledged_rows  # a refused pane may yet have to make room: its rows are lost once
        self.dropped[reason] += lost
        return lost

    def _close(self, key: PaneKey) -> None:
        entry = self._entries.pop(key)
        self.bytes -= entry.counts.nbytes + _ENTRY_BYTES
        self._horizon = max(self._horizon, key.end)
