"""Batches of Arrow as blocks of counts: what engines count on their executors, add up, and put together as panes.

The counts of a pane are one vector: those of all bins (counts/summary.py), then the number of rows. A row of blocks
holds WIDTH neighbouring counts of one pane, so that any engine that can group and sum adds panes up:

    kind        pane      block   n0 … n63    latest     texts
    4f1a:10000  09:00:00  0       3 0 … 1                {"city":{"Rom":2}}    a sample of unseen texts, in block 0
    4f1a:10000  09:00:00  1       0 9 … 2
    4f1a:10000  null      0       900 2 … 0   09:00:07                         totals of the source, see TOTALS

Each batch of rows yields all blocks of a pane or none: where one of them grows, so do the others. The kind is the
digest of the profile and the length of panes: a stream that goes on with others adds nothing to what it summed before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader, Rows
from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import UnseenTexts
from driftmeter.data.arrow_columns import numbers_of
from driftmeter.data.columns import Column, Dictionary, as_frame, columns_of
from driftmeter.data.time_columns import read_times
from driftmeter.errors import InputError
from driftmeter.panes.codec import decode_texts, encode_texts
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.profile.names import named
from driftmeter.profile.profile import Profile
from driftmeter.types import Counts, Milliseconds

if TYPE_CHECKING:
    import pyarrow as pa

WIDTH = 64
COUNTS = tuple(f"n{place}" for place in range(WIDTH))
TOTALS = ("observed", "invalid", "future")
"""The first counts of a source's totals; behind them come the values that could not be read, by the profile's columns.
Rows without a time that can be read are `invalid`, those more than a minute ahead of the clock are `future`."""
_MOST_COUNTS = 1 << 22
"""Counts of panes that are held before they are handed on: 32 MB."""
_ROWS_OF_BLOCKS = 4096


@dataclass(frozen=True)
class Recipe:
    """How rows become blocks; small, and pickled with the code that engines send to their executors.

    `profile` is what `Profile.dumps` returns, `time` the column of the rows' times, `pane` the length of panes.
    """

    profile: bytes
    time: str
    pane: Milliseconds

    @classmethod
    def of(cls, profile: Profile, time: str | None, pane: Milliseconds) -> Recipe:
        """Take the column of times from the profile where none is named; raises InputError where it has none either."""
        column = named(time) if time is not None else profile.time
        if column is None:
            raise InputError("time", "the column with the time of each row", "none")
        return cls(profile.dumps(), column, Timing(pane).pane)

    def counter(self) -> BlockCounter:
        """Return a counter; what it compiles is kept for the next ones of this process."""
        reader, binner = _compiled(self.profile)
        return BlockCounter(reader, binner, self.time, self.pane)


def kind_of(profile: Profile, pane: Milliseconds) -> str:
    """Return the kind of blocks: only those of one kind add up."""
    return f"{profile.digest}:{pane}"


@lru_cache(maxsize=4)
def _compiled(profile: bytes) -> tuple[Reader, Binner]:
    reader = Reader(Profile.loads(profile))
    return reader, Binner(reader.profile, tables=reader.tables)


class BlockCounter:
    """Counts Arrow batches by pane, with the compiled counter where there is one. For one thread."""

    def __init__(
        self,
        reader: Reader,
        binner: Binner,
        time_column: str,
        pane: Milliseconds,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start with no rows; `clock` gives seconds since the epoch."""
        self._reader, self._binner, self._profile = reader, binner, reader.profile
        self._time, self._pane, self._clock = time_column, pane, clock
        own = time_column == self._profile.time
        self._format = self._profile.time_format if own else None
        self._begin()

    def _begin(self) -> None:
        self._panes: dict[Milliseconds, Summary] = {}
        self._totals = SourceTotals()
        self._latest: Milliseconds | None = None

    @property
    def is_full(self) -> bool:
        """Say whether the panes should be taken before more rows are counted."""
        return len(self._panes) * self._profile.bins >= _MOST_COUNTS

    def add(self, batch: pa.RecordBatch | pa.Table | Any) -> None:
        """Count the rows of an Arrow batch, or of another frame; raises InputError where it has no column of times."""
        table = _table_of(batch)
        frame = as_frame(table)
        if self._time not in frame.columns:
            raise InputError("time", f"a column {self._time!r}", f"the columns {', '.join(frame.columns)}"[:300])
        if not len(frame):
            return
        times, _ = read_times(frame[self._time], self._time, self._profile.zone, self._format)
        rows, _, _ = self._reader.read_columns(self._columns(frame))
        ahead = times > self._clock() * 1_000 + MAX_AHEAD
        invalid, future = int(np.count_nonzero(times < 0)), int(np.count_nonzero(ahead))
        if invalid or future:
            chosen = np.flatnonzero((times >= 0) & ~ahead)
            rows, times = rows.take(chosen), times[chosen]
        dropped = {"invalid": invalid, "future": future}
        self._totals += SourceTotals(len(frame), len(rows), dropped, self._reader.unreadable(rows))
        if len(rows):
            self._latest = max(int(times.max()), self._latest or 0)
            self._count(rows, times // self._pane * self._pane)

    def _columns(self, frame: Any) -> dict[str, Column]:
        """Return the columns to read; dictionaries of texts as they are, since a batch has a small one."""
        table, coded = frame.to_native(), {}
        if frame.implementation.is_pyarrow():
            for name in self._reader.names:
                if name in frame.columns and (column := _coded(table.column(name))) is not None:
                    coded[name] = column
        return columns_of(frame, [name for name in self._reader.names if name not in coded]) | coded

    def _count(self, rows: Rows, starts: Counts) -> None:
        if (starts[1:] < starts[:-1]).any():
            order = np.argsort(starts, kind="stable")
            rows, starts = rows.take(order), starts[order]
        edges = [0, *(np.flatnonzero(np.diff(starts)) + 1).tolist(), len(starts)]
        for first, last in pairwise(edges):
            start, summary = int(starts[first]), self._binner.observe(rows.between(first, last))
            before = self._panes.get(start)
            self._panes[start] = summary if before is None else before + summary

    def take(self) -> Iterator[pa.RecordBatch]:
        """Yield what was counted since the last time as blocks, and begin anew."""
        panes, totals, latest = self._panes, self._totals, self._latest
        self._begin()
        kind = kind_of(self._profile, self._pane)
        if totals.observed:
            named_counts = [totals.observed, totals.dropped.get("invalid", 0), totals.dropped.get("future", 0)]
            named_counts += [totals.unreadable.get(name, 0) for name in self._reader.names]
            yield _batch(kind, [None], [np.array(named_counts)], latest, [None])
        at_once = max(1, _ROWS_OF_BLOCKS * WIDTH // (self._profile.bins + 1))
        starts = sorted(panes)
        for first in range(0, len(starts), at_once):
            part = starts[first : first + at_once]
            vectors = [np.append(panes[start].counts, panes[start].rows) for start in part]
            texts = [encode_texts(panes[start].unseen).decode() or None for start in part]
            yield _batch(kind, part, vectors, None, texts)


def _table_of(batch: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch


def _coded(column: pa.ChunkedArray) -> Dictionary | None:
    """Return a column of texts that is coded already; None for any other."""
    import pyarrow as pa

    kind = column.type
    if not pa.types.is_dictionary(kind) or str(kind.value_type) not in ("string", "large_string"):
        return None
    chunk = column.chunk(0) if column.num_chunks == 1 else column.unify_dictionaries().combine_chunks()
    if isinstance(chunk, pa.ChunkedArray):
        chunk = chunk.chunk(0)
    indices, present = numbers_of(chunk.indices)
    return Dictionary(np.where(present, indices, -1).astype(np.intp), tuple(chunk.dictionary.to_pylist()))


def schema_of_blocks() -> pa.Schema:
    """Return the Arrow schema of blocks."""
    import pyarrow as pa

    counts = [(name, pa.int64()) for name in COUNTS]
    moment = pa.timestamp("us", tz="UTC")
    rest = [("latest", pa.int64()), ("texts", pa.string())]
    return pa.schema([("kind", pa.string()), ("pane", moment), ("block", pa.int32()), *counts, *rest])


def _batch(
    kind: str,
    starts: Sequence[Milliseconds | None],
    vectors: list[Counts],
    latest: Milliseconds | None,
    texts: list[str | None],
) -> pa.RecordBatch:
    import pyarrow as pa

    blocks = -(-len(vectors[0]) // WIDTH)
    cells = np.zeros((len(vectors), blocks * WIDTH), np.int64)
    cells[:, : len(vectors[0])] = vectors
    columns = cells.reshape(-1, WIDTH).T
    number = len(starts) * blocks
    moments = pa.array([None if start is None else 1000 * start for start in starts for _ in range(blocks)], pa.int64())
    schema = schema_of_blocks()
    first = [None] * (blocks - 1)
    return pa.RecordBatch.from_arrays(
        [
            pa.array([kind] * number, pa.string()),
            moments.cast(schema.field("pane").type),
            pa.array(np.tile(np.arange(blocks, dtype=np.int32), len(starts))),
            *(pa.array(np.ascontiguousarray(column)) for column in columns),
            pa.array([latest] * number, pa.int64()),
            pa.array([text for of_pane in texts for text in (of_pane, *first)], pa.string()),
        ],
        schema=schema,
    )


class Assembled(NamedTuple):
    """Blocks put together: the panes, ascending, each with its start; the totals, and the last time in ms.

    Without blocks of totals, as of some panes only, the totals are empty and the time is None.
    """

    panes: list[tuple[Milliseconds, Summary]]
    totals: SourceTotals
    latest: Milliseconds | None


def assemble(profile: Profile, pane: Milliseconds, blocks: pa.Table) -> Assembled:
    """Put blocks together, in any order, those of the same place in the same pane added up.

    The column `texts` holds samples as text, or lists of them. Raises InputError where a pane lacks a
    block, or the counts are of another profile.
    """
    for kind in blocks.column("kind").unique().to_pylist():
        if kind != kind_of(profile, pane):
            raise InputError("blocks", f"those of the profile and the length {kind_of(profile, pane)}", str(kind))
    starts, places, counts = _arrays(blocks)
    texts = blocks.column("texts").to_pylist()
    of_totals = starts < 0
    totals, latest = SourceTotals(), None
    if of_totals.any():
        totals = _totals_of(profile, _vectors(starts[of_totals], places[of_totals], counts[of_totals])[1][0])
        latest = max((time for time in blocks.column("latest").to_pylist() if time is not None), default=None)
    sampled: dict[Milliseconds, list[UnseenTexts]] = {}
    for start, given in zip(starts.tolist(), texts, strict=True):
        for text in filter(None, [given] if isinstance(given, str) else given or ()):
            sampled.setdefault(start, []).append(decode_texts(text.encode()))
    own = ~of_totals
    moments, vectors = _vectors(starts[own], places[own], counts[own])
    if len(vectors) and vectors.shape[1] < profile.bins + 1:
        raise InputError("blocks", f"those of {profile.bins + 1} counts", f"{vectors.shape[1]} counts a pane")
    panes = []
    for start, vector in zip(moments.tolist(), vectors, strict=True):
        unseen = UnseenTexts.sum(sampled.get(start, ()))
        summary = Summary(int(vector[profile.bins]), vector[: profile.bins].copy(), unseen)
        if (wrong := summary.check(profile)) is not None:
            expected, _, got = wrong.removeprefix("expected ").partition(", got ")
            raise InputError("blocks", f"those of this profile, {expected}", got)
        panes.append((start, summary))
    return Assembled(panes, totals, latest)


def _arrays(blocks: pa.Table) -> tuple[Counts, Counts, Counts]:
    """Return the pane's start in ms of each block, -1 for totals; its place; and its counts, (blocks, WIDTH)."""
    import pyarrow as pa

    moments = blocks.column("pane").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    starts = moments.fill_null(-1000).to_numpy() // 1000
    places = blocks.column("block").to_numpy().astype(np.int64)
    counts = np.empty((len(starts), WIDTH), np.int64)
    for place, name in enumerate(COUNTS):
        counts[:, place] = blocks.column(name).to_numpy()
    return starts, places, counts


def _vectors(starts: Counts, places: Counts, counts: Counts) -> tuple[Counts, Counts]:
    """Return the panes' starts, ascending, and their counts side by side, (panes, cells); adds up equal places."""
    if not len(starts):
        return np.zeros(0, np.int64), np.zeros((0, 0), np.int64)
    blocks = int(places.max()) + 1
    moments, pane = np.unique(starts, return_inverse=True)
    order = np.argsort(pane * blocks + places, kind="stable")
    keys = (pane * blocks + places)[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    if len(first) != len(moments) * blocks:
        raise InputError("blocks", f"all {blocks} blocks of each of {len(moments)} panes", f"{len(first)} of them")
    return moments, np.add.reduceat(counts[order], first, axis=0).reshape(len(moments), blocks * WIDTH)


def _totals_of(profile: Profile, vector: Counts) -> SourceTotals:
    observed, invalid, future = vector[: len(TOTALS)].tolist()
    names = dict.fromkeys(feature.column for feature in profile.features)  # in the order of Reader.names
    unreadable = {name: int(count) for name, count in zip(names, vector[len(TOTALS) :], strict=False) if count}
    dropped = {name: count for name, count in (("invalid", invalid), ("future", future)) if count}
    return SourceTotals(observed, observed - invalid - future, dropped, unreadable)
