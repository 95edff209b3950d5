"""Records of Arrow: each is an IPC stream or file of many rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from driftmeter.counts.rows import Reader
from driftmeter.errors import InputError
from driftmeter.kafka.records import BadRecord, DecodedRun, RecordRun, RowsPart
from driftmeter.kafka.times import TimeRule
from driftmeter.server.ingest import arrow
from driftmeter.server.ingest.arrow_messages import MAGIC
from driftmeter.server.ingest.content import most_rows
from driftmeter.server.problems import TooLargeError

MOST_BYTES = 1 << 28
"""What one record may inflate to."""


class ArrowDecoder:
    """Decodes records of Arrow; `fields` maps columns to those of the record."""

    def __init__(self, reader: Reader, rule: TimeRule, *, fields: Mapping[str, str] | None = None) -> None:
        """Look up which columns are read."""
        self._reader, self._time = reader, rule.field
        self._given = {(fields or {}).get(name, name): name for name in reader.names}
        self._numeric = {given for given, name in self._given.items() if name in {f.column for f in reader.numeric}}

    def decode(self, run: RecordRun) -> DecodedRun:
        """See RecordDecoder."""
        decoded = DecodedRun()
        for position, value in enumerate(run.values):
            if value is None:
                decoded.without_rows += 1
                continue
            try:
                decoded.parts.append(self._part(value, position))
            except (InputError, TooLargeError) as error:
                decoded.bad.append(BadRecord(position, str(error)))
        return decoded

    def _part(self, value: bytes, position: int) -> RowsPart:
        time = () if self._time is None else (self._time,)
        columns, rows, _ = arrow.read_columns(
            value,
            "file" if value.startswith(MAGIC) else "stream",
            wanted={*self._given, *time},
            numeric=self._numeric,
            most=MOST_BYTES,
            most_rows=most_rows(self._reader),
            moments=[name for name in time if name not in self._given],
        )
        if rows and not any(name in columns for name in self._given):
            raise InputError("value", "some of the columns " + ", ".join(list(self._given)[:5]), "none of them")
        times = columns.get(self._time) if self._time is not None else None
        named = {self._given[name]: column for name, column in columns.items() if name in self._given}
        return RowsPart(named, np.full(rows, position, np.intp), times)
