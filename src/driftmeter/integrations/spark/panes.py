"""A batch or streaming DataFrame as panes: counted on the executors, added up by the JVM, sent by the driver.

    rows ─ mapInArrow ─► blocks of counts ─ withWatermark, groupBy(kind, pane, block).sum ─► cumulative panes ─► sink

A stream is summed in update mode: each micro-batch hands on the panes that it changed, each with all of its rows so
far. So a pane is seen before the watermark passes it, and a sink that keeps the highest sequence of each pane takes a
micro-batch once, however often Spark runs it. Totals are in the same sums, in a group that no watermark drops.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute
from pyspark.sql import functions as sql

from driftmeter.errors import InputError
from driftmeter.integrations.batches import SinkAddress, send_panes
from driftmeter.integrations.blocks import COUNTS, Recipe, assemble
from driftmeter.integrations.spark.sending import StreamSender, read_panes
from driftmeter.panes.codec import encode_counts, encode_texts
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import MINUTE
from driftmeter.types import Milliseconds

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEEP: Milliseconds = 10 * MINUTE
_TIMING = Timing()
_COUNTS = ", ".join(f"{name} bigint" for name in COUNTS)
BLOCKS = f"kind string, pane timestamp, block int, {_COUNTS}, latest bigint, texts string"
SUMMARIES = "start bigint, rows bigint, counts binary, texts string, totals string"


def panes(
    frame: DataFrame,
    profile: Profile,
    *,
    time: str | None = None,
    pane: Milliseconds = _TIMING.pane,
    lateness: Milliseconds = _TIMING.lateness,
    keep: Milliseconds = KEEP,
) -> SparkPanes:
    """Count a DataFrame, batch or streaming, by a profile; nothing runs before the panes are sent.

    `time` is the column with the times of the rows, by default that of the profile: timestamps, dates, ISO 8601 or
    seconds since the epoch. `pane` and `lateness`, in ms, are best those of the model. In a stream a pane closes once a
    row came that is `lateness` newer than its end. Spark keeps what it counted for `keep` ms longer: rows that come
    meanwhile reach the store and are counted as late; those that come later still are `missing` in the list of sources.

    Columns that the profile has and the frame lacks are missing in all rows. Raises InputError where there is no column
    of times, or no pane or lateness of such a length.
    """
    recipe, timing = Recipe.of(profile, time, pane), Timing(pane, lateness)
    if recipe.time not in frame.columns:
        raise InputError("time", f"a column {recipe.time!r}", f"the columns {', '.join(frame.columns)}"[:300])
    columns = {recipe.time, *(feature.column for feature in profile.features)}
    needed = frame.select(*[sql.col(quoted(name)) for name in frame.columns if name in columns])
    blocks = needed.mapInArrow(_CountBlocks(recipe), BLOCKS)
    if frame.isStreaming:
        blocks = blocks.withWatermark("pane", f"{_delay(timing, keep)} milliseconds")
    return SparkPanes(summed(blocks), profile, timing)


def summed(blocks: DataFrame) -> DataFrame:
    """Add up the blocks of the same place in the same pane."""
    return blocks.groupBy("kind", "pane", "block").agg(
        *(sql.sum(name).alias(name) for name in COUNTS),
        sql.max("latest").alias("latest"),
        sql.collect_list("texts").alias("texts"),
    )


def quoted(name: str) -> str:
    """Return the name of a column as Spark takes it, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


def _delay(timing: Timing, keep: Milliseconds) -> Milliseconds:
    """Return how far Spark's watermark is behind the start of the newest pane, in ms.

    The start of a row's pane is up to a pane further behind that of the newest one than the row is behind the newest.

    >>> _delay(Timing(10_000, 15_000), 0)
    30000
    """
    return (-(-(timing.lateness + keep) // timing.pane) + 1) * timing.pane


@dataclass(frozen=True)
class SparkPanes:
    """Panes that Spark has yet to count; `frame` has their blocks, see integrations/blocks.py."""

    frame: DataFrame
    profile: Profile
    timing: Timing

    def summaries(self) -> DataFrame:
        """Return a batch with a row for each pane: its start in ms, rows, counts and unseen texts.

        The last two are as panes/codec writes them. One more row, whose start is null, has the totals.
        Streams have their panes in pieces: see `to_store`. Raises InputError for one.
        """
        if self.frame.isStreaming:
            raise InputError("frame", "a batch", "a stream: use to_store or to_server")
        ordered = self.frame.repartition("pane").sortWithinPartitions("pane", "block")
        return ordered.mapInArrow(_AssemblePanes(self.profile.dumps(), self.timing.pane), SUMMARIES)

    def to_store(
        self,
        url: str,
        *,
        source: str,
        sequence: int = 0,
        checkpoint: str | None = None,
        trigger: Mapping[str, Any] | None = None,
        patience: float = 60.0,
    ) -> Any:
        """Put the panes into the store of a metric server, which has the model; idempotent.

        Of a batch, `source` and `sequence` name the data: the same again changes nothing, a higher sequence replaces
        the panes that it has. Of a stream, the source is `source` and the id of the query, which its `checkpoint`
        keeps, and the sequence is the number of the micro-batch; `trigger` is what `DataStreamWriter.trigger` takes.

        Returns what was sent, a `Sent`, or the `StreamingQuery`, started. While the store is away it is tried again for
        `patience` seconds. Raises InputError and what the sink raises; a query ends with that error.
        """
        return self._send(SinkAddress(url, self.profile.model, {}, patience), source, sequence, checkpoint, trigger)

    def to_server(
        self,
        url: str,
        *,
        source: str,
        sequence: int = 0,
        checkpoint: str | None = None,
        trigger: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = 60.0,
    ) -> Any:
        """Send the panes to a metric server, with `headers` in each request; the rest is as for `to_store`."""
        if url.partition("://")[0] not in ("http", "https"):
            raise InputError("url", "http:// or https://", url)
        destination = SinkAddress(url, self.profile.model, dict(headers or {}), patience)
        return self._send(destination, source, sequence, checkpoint, trigger)

    def _send(
        self,
        destination: SinkAddress,
        source: str,
        sequence: int,
        checkpoint: str | None,
        trigger: Mapping[str, Any] | None,
    ) -> Any:
        if not self.frame.isStreaming:
            rows = self.summaries().toLocalIterator(prefetchPartitions=True)
            counted = read_panes(self.profile, rows)
            return send_panes(destination, self.profile, self.timing.pane, counted, source, sequence)
        if checkpoint is None:
            raise InputError("checkpoint", "a folder in which the stream keeps how far it is", "none")
        sender = StreamSender(destination, self.profile.dumps(), self.timing, source, checkpoint)
        writer = self.frame.writeStream.outputMode("update").option("checkpointLocation", checkpoint)
        if trigger:
            writer = writer.trigger(**trigger)
        return writer.foreachBatch(sender).start()


class _CountBlocks:
    """Counts the rows of a partition on an executor."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counter = self._recipe.counter()
        for batch in batches:
            counter.add(batch)
            if counter.is_full:
                yield from counter.take()
        yield from counter.take()


class _AssemblePanes:
    """Puts the blocks of a partition, which come in order, together on an executor."""

    def __init__(self, profile: bytes, pane: Milliseconds) -> None:
        self._profile, self._pane = profile, pane

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        profile = Profile.loads(self._profile)
        waiting: pa.Table | None = None
        for batch in batches:
            table = pa.Table.from_batches([batch])
            waiting = table if waiting is None else pa.concat_tables([waiting, table])
            moments = waiting.column("pane")
            last = moments[len(moments) - 1] if len(moments) else None
            first_of_last = pa.compute.index(moments, last).as_py() if last is not None and last.is_valid else 0
            if first_of_last > 0:
                yield _summarised(profile, self._pane, waiting.slice(0, first_of_last))
                waiting = waiting.slice(first_of_last)
        if waiting is not None and len(waiting):
            yield _summarised(profile, self._pane, waiting)


def _summarised(profile: Profile, pane: Milliseconds, blocks: pa.Table) -> pa.RecordBatch:
    """Return the rows of SUMMARIES."""
    whole = assemble(profile, pane, blocks)
    starts: list[int | None] = [start for start, _ in whole.panes]
    rows = [summary.rows for _, summary in whole.panes]
    counts: list[bytes | None] = [encode_counts(summary.counts) for _, summary in whole.panes]
    texts = [encode_texts(summary.unseen).decode() or None for _, summary in whole.panes]
    totals: list[str | None] = [None] * len(rows)
    if whole.totals.observed:
        starts.append(None)
        rows.append(whole.totals.counted)
        counts.append(None)
        texts.append(None)
        totals.append(json.dumps(whole.totals.bounded().to_json()))
    return pa.RecordBatch.from_arrays(
        [
            pa.array(starts, pa.int64()),
            pa.array(rows, pa.int64()),
            pa.array(counts, pa.binary()),
            pa.array(texts, pa.string()),
            pa.array(totals, pa.string()),
        ],
        names=[field.split()[0] for field in SUMMARIES.split(", ")],
    )
