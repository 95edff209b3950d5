"""Flights of the demo as traffic of any size, in the order of their arrival: disordered, and drifting half way."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftmeter.demo.data import LABEL, TIME, held_out
from driftmeter.types import Milliseconds

START: Milliseconds = 1_700_000_000_000
ROWS = int(os.environ.get("ENGINES_ROWS", "100000"))
"""Rows of the tests on whole engines: ENGINES_ROWS=1000000 is what the project promises to hold."""


def flights(rows: int, *, seconds: int, disorder: Milliseconds, seed: int = 0) -> pa.Table:
    """Return flights with times in `scheduled` of `seconds` from START on, each at most `disorder` ms out of order.

    In the second half departures are 25 minutes later than in the reference, and a twentieth is of new carriers.
    """
    chance = np.random.default_rng(seed)
    sample = held_out().drop_columns([LABEL])
    table = sample.take(pa.array(chance.integers(0, len(sample), rows)))
    arrivals = np.sort(chance.integers(0, seconds * 1_000, rows))
    times = START + np.clip(arrivals - chance.integers(0, disorder + 1, rows), 0, None)
    late = arrivals >= seconds * 500
    delays = pc.add(table["dep_delay"], pa.array(np.where(late, 25.0, 0.0)))
    new = pa.array(late & (chance.random(rows) < 0.05))
    names = pa.array([f"X{number % 20}" for number in range(rows)])
    carriers = pc.if_else(new, names, table["carrier"])
    moments = pa.array(times, pa.timestamp("ms", tz="UTC"))
    for name, column in (("dep_delay", delays), ("carrier", carriers), (TIME, moments)):
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table
