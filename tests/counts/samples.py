"""Readers of one column, and what they make of a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader, Rows
from driftmeter.data.columns import Dictionary
from driftmeter.profile.profile import Profile
from driftmeter.types import Codes


def reader_of(kind: str | None = None, zone: str | None = None, **columns: Any) -> Reader:
    kinds = dict.fromkeys(columns, kind) if kind else None
    return Reader(Profile.fit(pl.DataFrame(columns), model="m", kinds=kinds, zone=zone))


def bins(reader: Reader, values: list[Any]) -> list[str]:
    """Return the names of the bins of the one feature's values, by way of records."""
    rows, rejected, _ = reader.read_records([{reader.names[0]: value} for value in values])
    assert not rejected
    labels = reader.profile.features[0].grid.labels
    return [labels[index] for index in bins_of(Binner(reader.profile), rows).ravel()]


def bins_of(binner: Binner, rows: Rows) -> Codes:
    """Return the bin of each value, shape (rows, features), as indices into a vector of counts: each row counted by
    itself."""
    bins = [np.flatnonzero(binner.observe(rows.take(np.array([row]))).counts) for row in range(len(rows))]
    return np.array(bins, np.intp).reshape(len(rows), len(binner.profile.features))


def got(reader: Reader, value: Any) -> str:
    """Return what the report of a bad value says came, the same by every door."""
    name = reader.names[0]
    fine, rejected, _ = reader.read_records([{}, {name: value}])
    assert fine.index.tolist() == [0, 1]
    assert reader.unreadable(fine) == {name: 1}
    (bad,) = rejected
    assert (bad.row, bad.field) == (1, name)
    for column in ([None, value], Dictionary(np.array([-1, 0]), (value,))):
        rows, rejected_too, _ = reader.read_columns({name: column})
        assert rejected_too == rejected
        assert reader.unreadable(rows) == {name: 1}
    return bad.got
