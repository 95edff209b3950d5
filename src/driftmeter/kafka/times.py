"""The event time of rows: of one of their fields, or of the record that brought them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftmeter.data.columns import Column
from driftmeter.data.rejected import describe
from driftmeter.data.time_formats import UNITS, reader_of
from driftmeter.errors import InputError
from driftmeter.server.ingest.times import TIMESTAMP, read_times
from driftmeter.timestamps import LATEST, parse_time

RECORD = "record"
"""The word for the time of the record."""
_NONE = -1


@dataclass(frozen=True)
class TimeRule:
    """Where the time of a row is: in `field`, or where that is None in the record alone.

    `form` is how the field is written, None for seconds since the epoch and ISO 8601: `s`, `ms`, `us`, `ns`, or a
    format of Python's strptime, in UTC unless it names a zone.
    """

    field: str | None
    form: str | None = None

    @classmethod
    def of(cls, option: str | None, form: str | None, names: Collection[str]) -> TimeRule:
        """Return the rule that a user asks for: a field, `record`, or by default a field that no feature has."""
        if option == RECORD:
            return cls(None)
        if option is None:
            return cls(None if TIMESTAMP in names else TIMESTAMP, form)
        return cls(option, form)

    def read(self, column: Column | None, rows: int) -> tuple[npt.NDArray[np.int64], list[tuple[int, str]]]:
        """Return the times of rows in ms, -1 where they have none, and the positions of those unreadable, with why."""
        if column is None:
            return np.full(rows, _NONE, np.int64), []
        if self.form is None:
            times, rejected = read_times(column, _NONE)
            return times, [(one.row, str(InputError(self.field or "", one.expected, one.got))) for one in rejected]
        if self.form in UNITS and isinstance(column, np.ndarray | list):
            times_ = _of_units(column, UNITS[self.form])
            if times_ is not None:
                return times_, []
        return self._one_by_one(column)

    def _one_by_one(self, column: Column) -> tuple[npt.NDArray[np.int64], list[tuple[int, str]]]:
        from driftmeter.logs.columns import plain_values

        assert self.form is not None
        read = reader_of(self.form)
        times, faults = np.full(len(column), _NONE, np.int64), []
        for position, value in enumerate(plain_values(column)):
            if value is None or value != value:
                continue
            try:
                times[position] = parse_time(read(value), self.field or "")
            except (ValueError, TypeError, OverflowError, OSError):
                error = InputError(self.field or "", f"a time as {self.form}", describe(value))
                faults.append((position, str(error)))
        return times, faults


def _of_units(column: npt.NDArray[np.generic] | list[object], per_second: int) -> npt.NDArray[np.int64] | None:
    """Return whole units since the epoch as ms; None where some value is something else."""
    if isinstance(column, list):
        if not set(map(type, column)) <= {int}:
            return None
        try:
            column = np.array(column, np.int64)
        except OverflowError:
            return None
    if column.dtype.kind not in "iu" or not len(column):
        return None
    times: npt.NDArray[np.int64] = column.astype(np.int64)
    times = times // (per_second // 1000) if per_second >= 1000 else times * 1000
    return times if times.min() >= 0 and times.max() <= LATEST else None
