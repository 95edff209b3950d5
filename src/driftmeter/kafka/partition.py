"""A partition as a source: its open panes, cumulative from the first offset of each. No clock, no thread, no IO.

What a partition holds is a function of its records in the order of their offsets, from a snapshot on. A pane's sequence
follows the offset of its last row: it is twice the next offset, which leaves one in between for rows that count because
no record comes. So whoever reads the same records again, from the first offset of the oldest open pane, sends the same
panes under the same sequences, however the records are cut into batches: nothing counts twice.

A row is late where the pane that it belongs to had ended, by the latest event time before it in its own partition less
the lateness: it is dropped and counted as late, whatever the other partitions are at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import NO_TEXTS, UnseenTexts
from driftmeter.kafka.counting import Counting, PartitionRows
from driftmeter.kafka.resume import Resume, Snapshot
from driftmeter.panes.pane import Pane, PaneKey
from driftmeter.panes.totals import LONGEST_REASON, MOST_REASONS, SourceTotals, add_up
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.types import Counts, Milliseconds

Marks = npt.NDArray[np.bool_]
LATE, FUTURE = "late", "future"


@dataclass
class _HeldPane:
    first: Snapshot
    records: int
    """Records that were read before the first of the pane."""
    counts: Counts
    rows: int = 0
    unseen: UnseenTexts = NO_TEXTS
    sequence: int = 0
    acknowledged: int = -1
    acknowledged_rows: int = 0
    late: int = 0

    @property
    def is_sent(self) -> bool:
        return self.acknowledged >= self.sequence


@dataclass
class PartitionTally:
    """Rows of this partition that this process has read for the first time: by outcome, since they were last taken."""

    rows: dict[str, int] = field(default_factory=dict)
    again: int = 0
    """Rows that were read again."""
    lost: int = 0
    """Records that were read before, and could not be read again."""


class Partition:
    """One partition, from the snapshot that was committed on."""

    def __init__(self, name: str, counting: Counting, resume: Resume) -> None:
        """Begin to read at `resume.start.offset`. `name` is the source's, the same in every process."""
        self._name, self.counting = name, counting
        self._resume = resume
        start = resume.start
        self.generation = resume.generation
        self.position = start.offset
        """The offset after the last record that was read."""
        self.rereading = resume.position > start.offset
        self.tally = PartitionTally()
        self._latest, self._horizon, self._totals = start.latest, start.horizon, start.totals
        self._acknowledged = start.totals.counted
        self._entries: dict[PaneKey, _HeldPane] = {}
        self._records = 0
        self.waiting: int | None = None
        """The first offset of a half of a call that waits for its other half, which a decoder holds back."""
        self.calls = start.calls
        """The latest time of a request or an answer that a decoder has read."""
        self.given_up: list[int] = []
        """Offsets at which a decoder has counted what waited, since nothing came."""
        self.to_give_up = list(resume.given_up)
        """Offsets at which it has to do so again, as it was done when these records were read before."""
        self._marks: list[tuple[Snapshot, int]] = []
        if not self.rereading:
            self._horizon = max(self._horizon, resume.settled)

    def __len__(self) -> int:
        """Return the number of panes that are held."""
        return len(self._entries)

    @property
    def source(self) -> str:
        """The source's name: another one once rows could not be read again, so that its panes stay as they are."""
        return source_of(self._name, self.generation)

    @property
    def next_stop(self) -> int:
        """The next offset, while records are read again, at which something was done when they were first read."""
        return min([*self.to_give_up, self._resume.position])

    @property
    def committed_position(self) -> int:
        """The offset up to which records were read when the offset was committed."""
        return self._resume.position

    @property
    def watermark(self) -> Milliseconds:
        """The event time whose panes have ended: no row of this partition will go into them."""
        return self._horizon

    @property
    def latest(self) -> Milliseconds:
        """The latest event time so far, 0 before the first row."""
        return self._latest

    @property
    def totals(self) -> SourceTotals:
        """The rows read so far, from the first record of the partition on."""
        return self._totals

    def take_tally(self) -> PartitionTally:
        """Return what was read since it was last taken."""
        tally, self.tally = self.tally, PartitionTally()
        return tally

    def add(self, batch: PartitionRows, now: Milliseconds) -> None:
        """Count the next records; `now` is the time beyond which rows come from a wrong clock."""
        if self.rereading and batch.end > self._resume.position:
            again, batch = batch.split(self._resume.position)
            self._add(again, now)
            self.reread()
        self._add(batch, now)

    def reread(self) -> None:
        """Note that everything up to the committed position was read again, as far as it is still there.

        Where rows are missing by now, by retention or compaction, the panes made of the rest must not replace those
        that hold all rows: the source goes on under another name, with the rows from that position on.
        """
        if not self.rereading:
            return
        self.rereading = False
        resume, self.position = self._resume, max(self.position, self._resume.position)
        self._horizon = max(self._horizon, resume.settled)
        missing = resume.records - self._records
        if missing > 0:
            self.tally.lost += missing
            self.renew()

    def renew(self) -> None:
        """Go on under another name, without panes and totals: the store keeps what it has of the last one."""
        self.generation += 1
        self._entries.clear()
        self._totals, self._acknowledged = SourceTotals(), 0

    def advance(self, watermark: Milliseconds) -> None:
        """End panes without a row, since none is expected for them any more."""
        self._horizon = max(self._horizon, watermark)

    def count_by(self, counting: Counting) -> None:
        """Count the rows that follow by another profile or timing; panes of before are still sent."""
        self.counting = counting

    def unsent(self) -> list[PaneKey]:
        """Return the panes to be sent, oldest first; none while records are read again, since the store has them."""
        return [] if self.rereading else sorted(key for key, entry in self._entries.items() if not entry.is_sent)

    def pane(self, key: PaneKey) -> Pane:
        """Return a pane as it is now. Its watermark passes no other pane that is still to be sent."""
        entry = self._entries[key]
        others = [other.start for other in self.unsent() if other != key]
        acknowledged = self._acknowledged - entry.acknowledged_rows
        return Pane(
            key.digest,
            key.start,
            key.length,
            self.source,
            entry.sequence,
            Summary(entry.rows, entry.counts.copy(), entry.unseen),
            self._totals,
            watermark=min([self._horizon, *others]),
            acknowledged=max(0, min(acknowledged, self._totals.counted)),
        )

    def heartbeat(self, now: Milliseconds, *, final: bool = False) -> Pane:
        """Return a pane without new rows, which carries watermark and totals; ask once nothing is unsent.

        It is the newest pane, or where none is open an empty one, of a sequence below all others.
        """
        timing = self.counting.timing
        key = max(self._entries, default=None)
        if key is not None and not self.rereading:
            pane = self.pane(key)
        else:
            empty = Summary.zero(self.counting.profile.bins)
            start, length = timing.pane_start(now), timing.pane
            acknowledged = min(self._acknowledged, self._totals.counted)
            pane = Pane(
                self.counting.digest,
                start,
                length,
                self.source,
                0,
                empty,
                self._totals,
                watermark=self._horizon,
                acknowledged=acknowledged,
            )
        return replace(pane, final=True) if final else pane

    def heartbeats(self, now: Milliseconds, *, final: bool = False) -> list[Pane]:
        """Return a heartbeat under each name of the source: one that it had before must not hold the others back."""
        pane = self.heartbeat(now, final=final)
        empty = replace(pane, summary=Summary.zero(pane.summary.counts.size), sequence=0, totals=SourceTotals())
        names = [source_of(self._name, older) for older in range(self.generation)]
        return [pane, *(replace(empty, source=name, acknowledged=0, final=True) for name in names)]

    def acknowledge(self, pane: Pane, late: int = 0) -> int:
        """Book that a pane is durable, of which the store has `late` rows as late; return how many are new of those."""
        key = PaneKey(pane.start, pane.length, pane.digest)
        entry = self._entries.get(key)
        if entry is None or pane.sequence < entry.acknowledged:
            return 0
        self._acknowledged += pane.summary.rows - entry.acknowledged_rows
        entry.acknowledged, entry.acknowledged_rows = pane.sequence, pane.summary.rows
        new, entry.late = max(0, late - entry.late), max(late, entry.late)
        return new

    def release(self) -> None:
        """Let go of the panes that have ended and are durable."""
        if self.rereading:
            return
        for key, entry in list(self._entries.items()):
            if key.end <= self._horizon and entry.is_sent:
                del self._entries[key]

    def resume(self, *, idle: bool = False) -> Resume | None:
        """Return what to commit once records up to `position` are counted; None while not all of them are durable.

        While records are read again it is what was committed before.
        """
        if self.rereading:
            return None
        if any(not entry.is_sent for entry in self._entries.values()):
            return None
        self.release()
        position = self.position
        begins = [(entry.first, entry.records) for entry in self._entries.values()]
        begins.append((Snapshot(position, self._latest, self._horizon, self._totals, self.calls), self._records))
        if self.waiting is not None:
            begins.append(self._mark_of(self.waiting))
        start, records = min(begins, key=lambda begin: begin[0].offset)
        return Resume(
            start,
            position,
            self._records - records,
            self._horizon,
            self.counting.timing.pane,
            self.generation,
            idle,
            tuple(offset for offset in self.given_up if offset > start.offset),
        )

    def _add(self, batch: PartitionRows, now: Milliseconds) -> None:
        timing, times = self.counting.timing, batch.times
        before, horizons, future = self._time(batch, now)
        starts = times // timing.pane * timing.pane
        late = ~future & (starts + timing.pane <= horizons)
        counts = ~(future | late)
        # of a pane that was durable and ended before these records were read again
        placed = counts & (starts + timing.pane > self._resume.settled) if self.rereading else counts
        base = self._totals
        if len(batch.records):
            first = Snapshot(int(batch.records[0]), self._latest, self._horizon, base, self.calls)
            self._marks.append((first, self._records))
        for start in np.unique(starts[placed]).tolist():
            chosen = np.flatnonzero(placed & (starts == start))
            key = PaneKey(start, timing.pane, self.counting.digest)
            entry = self._entries.get(key)
            if entry is None:
                offset = int(batch.offsets[chosen[0]])
                at = int(np.searchsorted(batch.offsets, offset))
                totals = base + self._totals_of(batch, at, offset, future, late)
                first = Snapshot(offset, int(before[at]), int(horizons[at]), totals.bounded())
                records = self._records + int(np.searchsorted(batch.records, offset))
                entry = _HeldPane(first, records, np.zeros(self.counting.profile.bins, np.int64))
                self._entries[key] = entry
            if batch.origin is not None and batch.origin <= entry.first.offset:
                entry.first, entry.records = self._mark_of(batch.origin)
            whole = len(chosen) == len(batch.rows)
            summary = self.counting.count(batch.rows if whole else batch.rows.take(chosen))
            entry.counts += summary.counts
            entry.rows += summary.rows
            if summary.unseen:
                entry.unseen += summary.unseen
            entry.sequence = 2 * (int(batch.offsets[chosen[-1]]) + 1) + batch.after
        more = self._totals_of(batch, len(times), batch.end, future, late)
        self._book(more)
        self._totals = (base + more).bounded()
        if len(times):
            self._latest = max(int(before[-1]), 0 if future[-1] else int(times[-1]))
            self._horizon = max(self._horizon, self._latest - timing.lateness)
        self._records += len(batch.records)
        self.position = max(self.position, batch.end)
        if self.waiting is None:
            self._marks.clear()
        else:
            kept = self._mark_of(self.waiting)[0].offset
            self._marks = [mark for mark in self._marks if mark[0].offset >= kept]

    def _mark_of(self, offset: int) -> tuple[Snapshot, int]:
        """Return the last beginning of a batch up to an offset, and how many records were read before it."""
        before = [mark for mark in self._marks if mark[0].offset <= offset]
        return before[-1] if before else (self._resume.start, 0)

    def _time(self, batch: PartitionRows, now: Milliseconds) -> tuple[Counts, Counts, Marks]:
        """Return for each row the latest event time before it, the horizon there, and whether it is too far ahead."""
        future = batch.times > now + MAX_AHEAD
        seen = np.where(future, 0, batch.times)
        before = np.empty_like(seen)
        before[:1] = self._latest
        before[1:] = np.maximum(np.maximum.accumulate(seen)[:-1], self._latest)
        return before, np.maximum(before - self.counting.timing.lateness, self._horizon), future

    def _totals_of(
        self,
        batch: PartitionRows,
        rows: int,
        offset: int,
        future: Marks,
        late: Marks,
    ) -> SourceTotals:
        """Return the totals of a batch's first `rows` rows, and of what was dropped before `offset`."""
        dropped: dict[str, int] = {}
        for one in batch.dropped:
            if one.offset < offset:
                dropped[one.reason] = dropped.get(one.reason, 0) + one.rows
        for reason, marks in ((FUTURE, future), (LATE, late)):
            count = int(np.count_nonzero(marks[:rows]))
            if count:
                dropped[reason] = dropped.get(reason, 0) + count
        lost = sum(dropped.values())
        others = sum(one.rows for one in batch.dropped if one.offset < offset)
        unreadable = self.counting.reader.unreadable(batch.rows.between(0, rows)) if batch.unreadable and rows else {}
        return SourceTotals(rows + others, rows + others - lost, dropped, _bounded(unreadable))

    def _book(self, totals: SourceTotals) -> None:
        if self.rereading:
            self.tally.again += totals.observed
            return
        self.tally.rows = add_up(self.tally.rows, {"counted": totals.counted, **totals.dropped})


def source_of(name: str, generation: int) -> str:
    """Return the name of a partition's source after it had to go on under another one so many times.

    >>> source_of("rows-0", 0), source_of("rows-0", 2)
    ('rows-0', 'rows-0.2')
    """
    return f"{name}.{generation}" if generation else name


def _bounded(unreadable: Mapping[str, int]) -> dict[str, int]:
    bounded: dict[str, int] = {}
    for name, values in unreadable.items():
        kept = name[:LONGEST_REASON] if len(bounded) < MOST_REASONS - 1 else "other"
        bounded[kept] = bounded.get(kept, 0) + values
    return bounded
