"""Counting: rows of one partition by one profile, and the batch of them that a decoder returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader, Rows
from driftmeter.counts.summary import Summary
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dropped:
    """Rows of one record that do not count, and why: the record at `offset` cannot be read, say."""

    offset: int
    reason: str
    rows: int = 1


@dataclass(frozen=True)
class PartitionRows:
    """Typed rows of a run of records of one partition, with their offsets and event times in ms, each (rows,).

    Offsets ascend, and several rows may share one. `records` are the offsets of all records, also of those without
    rows; `dropped` ascend by offset too. `unreadable` says that some value of the rows could not be read.
    """

    rows: Rows
    offsets: Offsets
    times: npt.NDArray[np.int64]
    records: Offsets
    dropped: tuple[Dropped, ...] = ()
    unreadable: bool = False
    origin: int | None = None
    """The first offset that the rows rest on, where that may be before these records."""
    after: bool = False
    """Whether the rows come after the last record that was read: no record brings them, but that none comes."""

    @property
    def end(self) -> int:
        """The offset after the last record, 0 where there is none."""
        return int(self.records[-1]) + 1 if len(self.records) else 0

    def split(self, offset: int) -> tuple[PartitionRows, PartitionRows]:
        """Return the rows before an offset, and those from it on."""
        at = int(np.searchsorted(self.offsets, offset))
        early = tuple(one for one in self.dropped if one.offset < offset)
        read = int(np.searchsorted(self.records, offset))
        first = replace(
            self,
            rows=self.rows.between(0, at),
            offsets=self.offsets[:at],
            times=self.times[:at],
            records=self.records[:read],
            dropped=early,
        )
        second = replace(
            self,
            rows=self.rows.between(at, len(self.rows)),
            offsets=self.offsets[at:],
            times=self.times[at:],
            records=self.records[read:],
            dropped=self.dropped[len(early) :],
        )
        return first, second


@dataclass(frozen=True)
class Counting:
    """By what rows are counted: a profile, compiled, and how event time is cut."""

    profile: Profile
    timing: Timing
    unseen_texts: bool = True

    @cached_property
    def digest(self) -> str:
        """The profile's digest."""
        return self.profile.digest

    @cached_property
    def reader(self) -> Reader:
        """Types rows."""
        return Reader(self.profile, unseen_texts=self.unseen_texts)

    @cached_property
    def binner(self) -> Binner:
        """Counts typed rows."""
        return Binner(self.profile, tables=self.reader.tables)

    def count(self, rows: Rows) -> Summary:
        """Count typed rows."""
        return self.binner.observe(rows)
