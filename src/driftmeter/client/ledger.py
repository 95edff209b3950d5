"""The ledger of one source: its cumulative panes, the rows that are acknowledged, and those that were lost and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import NO_TEXTS, UnseenTexts
from driftmeter.panes.pane import Pane, PaneKey
from driftmeter.panes.totals import LONGEST_REASON, MOST_REASONS, SourceTotals
from driftmeter.types import Counts, Milliseconds

REASONS = ("buffer_full", "panes_full", "invalid", "future", "late", "refused")
"""Why rows are dropped: no room for rows; no room for panes; not readable; a timestamp too far ahead; for a pane
that was already let go of; refused by the server."""

_ENTRY_BYTES = 1_000  # the entry itself, its key and its slot in the dict
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
    unseen: UnseenTexts = NO_TEXTS

    def summary(self) -> Summary:
        """Return what was counted so far, in arrays of its own."""
        return Summary(self.rows, self.counts.copy(), self.unseen)

    @property
    def bytes(self) -> int:
        return self.counts.nbytes + self.unseen.bytes + _ENTRY_BYTES


class Ledger:
    """Panes of one source, and its totals. No clock, no thread, no IO.

    Every row given to `add` or `drop` is observed, and is either counted or dropped for one reason:
    `totals.observed == totals.counted + sum(totals.dropped.values())` always. Rows of a pane that is given up are no
    longer counted, unless they are `acknowledged`; that number only grows.

    A pane that was let go of must not start again from zero: its higher sequence would replace what the server has.
    Rows for such a pane are dropped as `late`. Sequences are the source's, not the pane's.
    """

    def __init__(self, source: str, budget: int) -> None:
        """Keep panes of about `budget` bytes at most, but always room for LEAST_PANES."""
        self.source = source
        self.budget = budget
        self.observed = self.counted = self.acknowledged = self.late = 0
        self.dropped = dict.fromkeys(REASONS, 0)
        self.unreadable: dict[str, int] = {}
        self.bytes = 0
        self._entries: dict[PaneKey, _Entry] = {}
        self._sequence = 0
        self._horizon: Milliseconds = 0  # the latest end of a pane that was let go of
        self._reported = SourceTotals()

    def __len__(self) -> int:
        """Return the number of panes held."""
        return len(self._entries)

    @property
    def totals(self) -> SourceTotals:
        """The source's totals so far; reasons without rows are left out."""
        dropped = {reason: rows for reason, rows in self.dropped.items() if rows}
        return SourceTotals(self.observed, self.counted, dropped, self.unreadable.copy())

    def drop(self, reason: str, rows: int) -> None:
        """Book rows as observed and dropped."""
        self.observed += rows
        self.dropped[reason] += rows

    def add(self, key: PaneKey, summary: Summary, unreadable: Mapping[str, int] | None = None) -> None:
        """Book rows of one pane: counted, or dropped if there is no room for the pane or it was let go of.

        `unreadable` are the numbers of values of these rows that could not be read, by column. These only grow, even
        if a pane is given up later. Columns after the first MOST_REASONS - 1 are counted together, as "other".
        """
        entry = self._entries.get(key) or self._open(key, summary.counts.size)
        if isinstance(entry, str):
            return self.drop(entry, summary.rows)
        if entry.refused:
            return self.drop("refused", summary.rows)
        self.observed += summary.rows
        self.counted += summary.rows
        for name, values in (unreadable or {}).items():
            self._count_unreadable(name[:LONGEST_REASON], values)
        entry.counts += summary.counts
        entry.rows += summary.rows
        if summary.unseen:
            self.bytes -= entry.unseen.bytes
            entry.unseen += summary.unseen
            self.bytes += entry.unseen.bytes
        self._mark_unsent(entry)
        return None

    @property
    def reported(self) -> bool:
        """Whether the server has the totals as they are now."""
        return self.totals == self._reported

    def unsent(self) -> list[PaneKey]:
        """Return the panes whose latest state is not acknowledged, oldest first."""
        return sorted(key for key, entry in self._entries.items() if entry.sequence > entry.acknowledged)

    def carry_losses(self, key: PaneKey, bins: int) -> None:
        """Mark a pane as unsent if the server lacks the totals: the newest pane, or else an empty one for `key`."""
        if self.reported or self.unsent():
            return
        newest = self._newest()
        if newest:
            self._mark_unsent(self._entries[newest])
        elif key not in self._entries:
            entry = self._open(key, bins)
            if isinstance(entry, _Entry):
                self._mark_unsent(entry)

    def pane(self, key: PaneKey) -> Pane | None:
        """Return a pane as it is to be sent now; None if it was let go of.

        Its `acknowledged` is the number of rows that the server acknowledged in other panes.
        """
        entry = self._entries.get(key)
        if entry is None:
            return None
        return self._pane(key, entry.summary(), entry.sequence)

    def heartbeat(self, key: PaneKey, bins: int, *, final: bool = False) -> Pane | None:
        """Return a pane without new rows, which carries the totals; a `final` one says that the source ends.

        It is the pane of `key` as it is, empty if no row came for it, or the newest pane if that of `key` was
        refused or let go of. It takes a sequence but is not kept: it is never unsent. None if there is no such pane.
        """
        chosen: PaneKey | None = key
        if self._entries[key].refused if key in self._entries else key.end <= self._horizon:
            chosen = self._newest()
        if chosen is None:
            return None
        self._sequence += 1
        entry = self._entries.get(chosen)
        summary = entry.summary() if entry else Summary.zero(bins)
        return self._pane(chosen, summary, self._sequence, final=final)

    def acknowledge(self, pane: Pane, late: int = 0) -> None:
        """Book that the server has a pane in this state, and that `late` of its rows came after it was frozen."""
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
        """Give up a pane that the server will never take; return how many rows are lost. Later rows are lost too."""
        entry = self._entries[key]
        lost = self._give_up(entry, "refused")
        entry.refused, entry.acknowledged = True, entry.sequence
        self.bytes -= entry.bytes - _ENTRY_BYTES
        entry.counts, entry.unseen = np.zeros(0, dtype=np.int64), NO_TEXTS
        # the next change carries the totals: otherwise a report would follow every refusal, and be refused too
        self._reported = self.totals
        return lost

    def forget(self, before: Milliseconds) -> None:
        """Let go of panes that ended before that time and whose latest state is acknowledged."""
        for key, entry in list(self._entries.items()):
            if key.end < before and entry.sequence <= entry.acknowledged:
                self._close(key)

    def _count_unreadable(self, name: str, values: int) -> None:
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
        """Return the newest pane that the server has not refused."""
        return max((key for key, entry in self._entries.items() if not entry.refused), default=None)

    def _mark_unsent(self, entry: _Entry) -> None:
        self._sequence += 1
        entry.sequence = self._sequence

    def _open(self, key: PaneKey, bins: int) -> _Entry | str:
        """Return a new entry, or the reason why there can be none. The oldest pane makes room for a newer one."""
        if key.end <= self._horizon:
            return "late"
        need = 8 * bins + _ENTRY_BYTES
        while len(self._entries) >= LEAST_PANES and self.bytes + need > self.budget:
            oldest = min(self._entries)
            if oldest > key:
                return "panes_full"
            self._give_up(self._entries[oldest], "panes_full")
            self._close(oldest)
            if key.end <= self._horizon:
                return "panes_full"
        entry = self._entries[key] = _Entry(np.zeros(bins, dtype=np.int64))
        self.bytes += need
        return entry

    def _give_up(self, entry: _Entry, reason: str) -> int:
        lost = entry.rows - entry.acknowledged_rows
        self.counted -= lost
        entry.rows = entry.acknowledged_rows  # a refused pane may have to make room later: its rows are lost once
        self.dropped[reason] += lost
        return lost

    def _close(self, key: PaneKey) -> None:
        entry = self._entries.pop(key)
        self.bytes -= entry.bytes
        self._horizon = max(self._horizon, key.end)
