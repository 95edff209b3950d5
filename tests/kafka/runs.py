"""Runs of records, and the rows that are read of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from driftmeter.counts.summary import Summary
from driftmeter.kafka.counting import Counting
from driftmeter.kafka.forms import FormOptions, decoder_of
from driftmeter.kafka.records import NO_TIME, ReadRun, RecordRun, read_run
from driftmeter.panes.timing import Timing
from tests.client.samples import ROW, directly, make_profile

COUNTING = Counting(make_profile(), Timing(10_000, 10_000))
STAMP = 1_700_000_000_000
FULL = {**ROW, "score": 0.5}
"""A row with a value under every column."""


def run_of(values: Sequence[bytes | None], stamp: int = STAMP, headers: Mapping[str, str] | None = None) -> RecordRun:
    """Return a run whose offsets are 0, 2, 4 …"""
    return RecordRun(
        "rows",
        [2 * position for position in range(len(values))],
        values,
        stamp=lambda position: stamp if stamp == NO_TIME else stamp + position,
        headers=lambda position: headers or {},
    )


def read(form: str, values: Sequence[bytes | None], options: FormOptions | None = None, stamp: int = STAMP) -> ReadRun:
    """Decode and type records of a form."""
    options = options or FormOptions()
    reader = COUNTING.reader
    run = run_of(values, stamp)
    decoded = decoder_of(form, options, reader).decode(run)
    return read_run(run, decoded, reader, options.rule(reader.names))


def summary(read: ReadRun) -> Summary:
    """Count what was read."""
    return COUNTING.count(read.rows.rows)


def expected(*rows: dict[str, Any]) -> Summary:
    """Count rows as objects."""
    return directly(COUNTING.profile, list(rows))
