"""Batches of Ray Data, Dask or a loop of one's own as panes: a function for map_batches, and what sends its blocks.

counted = dataset.map_batches(CountBatch(profile, time="at"), batch_format="pyarrow")          # Ray Data
counted = frame.map_partitions(CountBatch(profile, time="at"), meta=CountBatch.meta())         # Dask
send_blocks(profile, blocks, "http://driftmeter:8001", source="flights-2026-11-30")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from driftmeter.counts.summary import Summary
from driftmeter.integrations.blocks import Recipe, assemble, schema_of_blocks
from driftmeter.integrations.sinks import PaneSink, open_sink
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.types import Milliseconds

if TYPE_CHECKING:
    import pyarrow as pa

_TIMING = Timing()


@dataclass(frozen=True)
class SinkAddress:
    """Where panes go: the address of a server or a store, and the model there; a text, so that engines can send it on.

    A sink that is away is tried again for `patience` seconds.
    """

    address: str
    model: str
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: float = 60.0

    def open(self) -> PaneSink:
        """Connect."""
        return open_sink(self.address, self.model, headers=self.headers, patience=self.patience)


@dataclass(frozen=True)
class Sent:
    """What became of a batch: its panes, the rows in them, those of them that came late, and its totals."""

    panes: int
    rows: int
    late: int
    totals: SourceTotals


def send_panes(
    address: SinkAddress,
    profile: Profile,
    pane: Milliseconds,
    counted: Iterable[tuple[Milliseconds, Summary] | SourceTotals],
    source: str,
    sequence: int,
) -> Sent:
    """Put the panes of a batch, each with its start, and the totals wherever they come. The last one closes them all.

    Until it comes the source promises nothing, so that no pane closes before all of them are there. Raises what the
    sink raises.
    """
    waiting: Pane | None = None
    totals, sent, rows, late, end = SourceTotals(), 0, 0, 0, 0
    sink = address.open()
    try:
        wanted = sink.model().unseen_texts
        for one in counted:
            if isinstance(one, SourceTotals):
                totals += one
                continue
            if waiting is not None:
                late += sink.put(waiting).late
            start, summary = one[0], one[1] if wanted else one[1].without_texts()
            rows, sent, end = rows + summary.rows, sent + 1, max(end, start + pane)
            so_far = SourceTotals(rows, rows)
            waiting = Pane(profile.digest, start, pane, source, sequence, summary, so_far, watermark=0)
        if waiting is not None:
            late += sink.put(replace(waiting, totals=totals.bounded(), watermark=end, final=True)).late
    finally:
        sink.close()
    return Sent(sent, rows, late, totals)


class CountBatch:
    """Counts a batch, a frame of pyarrow or pandas, and returns its blocks as a frame of the same library.

    What an engine pickles is small; each of its processes compiles the profile once. `time` and `pane` are as in
    `driftmeter.integrations.spark.panes`. Raises InputError where a batch has no column of times.
    """

    def __init__(self, profile: Profile, *, time: str | None = None, pane: Milliseconds = _TIMING.pane) -> None:
        """Take what is the same for all batches; raises InputError where the profile has no time and none is named."""
        self._recipe = Recipe.of(profile, time, pane)

    def __call__(self, batch: Any) -> Any:
        """Return the blocks of a batch."""
        import pyarrow as pa

        counter = self._recipe.counter()
        counter.add(batch)
        blocks = pa.Table.from_batches(counter.take(), schema_of_blocks())
        return blocks if isinstance(batch, pa.Table | pa.RecordBatch) else blocks.to_pandas()

    @staticmethod
    def meta() -> Any:
        """Return blocks of no rows as pandas has them, which Dask wants to see first."""
        return schema_of_blocks().empty_table().to_pandas()


def send_blocks(
    profile: Profile,
    blocks: Iterable[Any],
    address: str,
    *,
    source: str,
    sequence: int = 0,
    pane: Milliseconds = _TIMING.pane,
    headers: Mapping[str, str] | None = None,
    patience: float = 60.0,
) -> Sent:
    """Add up blocks, frames of pyarrow or pandas in any order, and send the panes to a metric server or its store.

    The same `source` and `sequence` again change nothing, a higher sequence replaces the panes of the lower one. All
    panes are held at once: 8 bytes a bin. Raises InputError on blocks of another profile, and what the sink raises.
    """
    import pyarrow as pa

    tables = [schema_of_blocks().empty_table(), *map(_table_of, blocks)]
    whole = assemble(profile, pane, pa.concat_tables(tables))
    to = SinkAddress(address, profile.model, dict(headers or {}), patience)
    return send_panes(to, profile, Timing(pane).pane, [*whole.panes, whole.totals], source, sequence)


def _table_of(blocks: Any) -> pa.Table:
    import pyarrow as pa

    if isinstance(blocks, pa.RecordBatch):
        blocks = pa.Table.from_batches([blocks])
    if not isinstance(blocks, pa.Table):
        blocks = pa.Table.from_pandas(blocks, schema_of_blocks(), preserve_index=False)
    return blocks.select(schema_of_blocks().names).cast(schema_of_blocks())
