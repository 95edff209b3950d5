"""Panes on their way from Spark's driver to a metric server or a store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from driftmeter.counts.summary import Summary
from driftmeter.integrations.batches import SinkAddress
from driftmeter.integrations.blocks import assemble
from driftmeter.integrations.sinks import PaneSink
from driftmeter.panes.codec import decode_counts, decode_texts
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.types import Milliseconds

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def read_panes(profile: Profile, rows: Iterable[Any]) -> Iterator[tuple[Milliseconds, Summary] | SourceTotals]:
    """Yield what rows of `SparkPanes.summaries` hold: panes with their starts, and totals."""
    for row in rows:
        if row["start"] is None:
            yield SourceTotals.from_json(json.loads(row["totals"]))
            continue
        texts = decode_texts((row["texts"] or "").encode())
        yield row["start"], Summary(row["rows"], decode_counts(bytes(row["counts"]), profile.bins), texts)


class StreamSender:
    """Puts the panes of each micro-batch: what `foreachBatch` calls, of Spark Connect in another process."""

    def __init__(self, destination: SinkAddress, profile: bytes, timing: Timing, source: str, checkpoint: str) -> None:
        """Take what a pane needs; nothing is connected yet."""
        self._destination, self._dumped, self._timing = destination, profile, timing
        self._name, self._checkpoint, self._source = source, checkpoint, ""
        self._profile: Profile | None = None
        self._sink: PaneSink | None = None
        self._texts = True

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what each process makes for itself."""
        return {**self.__dict__, "_profile": None, "_sink": None}

    def __call__(self, blocks: DataFrame, batch: int) -> None:
        """Put the panes that a micro-batch has changed; the last of them carries the watermark, once all are there.

        The watermark is the newest time of all rows so far less the lateness.
        """
        if self._profile is None:
            self._profile = Profile.loads(self._dumped)
        profile = self._profile
        whole = assemble(profile, self._timing.pane, blocks.toArrow())
        if not whole.panes:
            return
        if self._sink is None:
            self._source = f"{self._name}-{_query_id(blocks.sparkSession, self._checkpoint)}"
            self._sink = self._destination.open()
            self._texts = self._sink.model().unseen_texts
        newest = (whole.latest or 0) - self._timing.lateness
        *before, last = [
            Pane(
                profile.digest,
                start,
                self._timing.pane,
                self._source,
                batch,
                summary if self._texts else summary.without_texts(),
                whole.totals.bounded(),
                watermark=0,
            )
            for start, summary in whole.panes
        ]
        for pane in before:
            self._sink.put(pane)
        self._sink.put(replace(last, watermark=max(newest, 0)))


def _query_id(spark: Any, checkpoint: str) -> str:
    """Return the id of the query that a checkpoint is of, which every restart has again.

    Spark tells it to its own driver only, which foreachBatch of Spark Connect is not; the file is read by either.
    """
    (line,) = spark.read.text(f"{checkpoint.rstrip('/')}/metadata").head(1)
    return str(json.loads(line[0])["id"])
