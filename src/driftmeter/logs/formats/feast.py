"""Feast's logs of feature services: what was served, as Parquet files.

Columns are the join keys, then `{view}__{feature}`, `{view}__{feature}__timestamp` and `{view}__{feature}__status` for
each feature, and `__log_timestamp`, `__log_date` and `__request_id`. There are no predictions. Source:
feast-dev/feast, sdk/python/feast/feature_logging.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa

from driftmeter.logs.columns import LogColumns
from driftmeter.logs.events import LogEvent
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import LogReading
from driftmeter.payloads.table import PayloadTable

_TIME, _REQUEST = "__log_timestamp", "__request_id"
_OWN = (_TIME, _REQUEST, "__log_date")
_BESIDE = ("__timestamp", "__status")


class Feast:
    """Logs of Feast's feature servers."""

    name, title = "feast", "Feast's log of features"

    def recognise(self, sample: LogSample) -> str | None:
        """Look at the names of the columns."""
        return f"the columns {_TIME} and {_REQUEST}" if {_TIME, _REQUEST} <= sample.names else None

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield the rows of a table at once; times are written into their own column."""
        reading.say_once("Feast logs no predictions, and perhaps a sample (sample_rate of its LoggingConfig).")
        for where, table, _ in reading.batches():
            names = _names(table.column_names, reading.columns)
            columns = [table[name].to_pylist() for name in names]
            reading.tally.records += len(table)
            times = _times(table[_TIME]) if reading.columns.wants(reading.columns.time) else None
            yield LogEvent(where, times=times, features=PayloadTable(tuple(columns), tuple(names.values()), len(table)))


def _times(column: pa.ChunkedArray) -> list[str | None]:
    if not pa.types.is_timestamp(column.type):  # of CSV
        return [None if time is None else str(time) for time in column.to_pylist()]
    moments = column.cast(pa.timestamp("ms", column.type.tz), safe=False).to_pylist()
    return [None if moment is None else moment.isoformat() for moment in moments]


def _names(columns: Sequence[str], roles: LogColumns) -> dict[str, str]:
    """Return the columns of values, and the names of their features: without the view, where no two are the same then.

    A profile may have them with the view.
    """
    values = [name for name in columns if name not in _OWN and not name.endswith(_BESIDE)]
    short = {name: name.partition("__")[2] or name for name in values}
    times = Counter(short.values())
    known = roles.wanted or frozenset()
    return {name: name if name in known or times[short[name]] > 1 else short[name] for name in values}
