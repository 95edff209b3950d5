"""Columns that a profile has and no row brought, and those that rows bring and the profile does not have."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from driftmeter.client.live import Taken

ENOUGH_ROWS = 100
"""Rows after which a column that none of them had is missed."""
_MOST_NAMED = 5
_MOST_UNKNOWN = 5
_LONGEST_NAME = 40


@dataclass(frozen=True)
class ColumnRemark:
    """Something to log once: the same `kind` need not be logged again."""

    kind: str
    message: str
    level: int = logging.WARNING


class ColumnWatch:
    """Compares the columns of rows with those of one profile, over all rows so far."""

    def __init__(self, names: Iterable[str], digest: str) -> None:
        """Start with no rows. `names` are the profile's columns, `digest` is the profile's."""
        self._names, self._digest = tuple(names), digest
        self.rows = self.ignored_predictions = 0
        self.absent = set(self._names)
        """Columns of the profile that no row has had so far."""
        self.unknown: tuple[str, ...] = ()
        """The first columns that came and that the profile does not have."""

    def note_counted(self, taken: Taken) -> None:
        """Take note of the columns of rows that were counted live."""
        self.rows += taken.rows
        self.ignored_predictions += taken.ignored_predictions
        self.absent -= taken.present
        if taken.ignored_values:
            self.note_unknown([dict.fromkeys(taken.strangers)])

    def note_present(self, records: Iterable[Mapping[str, object]]) -> None:
        """Take the columns of some rows off those that are absent."""
        if self.absent:
            self.absent.difference_update(*records)

    def note_unknown(self, records: Iterable[Mapping[str, object]]) -> None:
        """Keep the names of the first columns that the profile does not have; later ones are not looked at."""
        if not self.unknown:
            unknown = dict.fromkeys(name for record in records for name in record if name not in self._names)
            self.unknown = tuple(describe_name(name) for name in list(unknown)[:_MOST_UNKNOWN])

    def remarks(self) -> Iterator[ColumnRemark]:
        """Yield what there is to say about columns after ENOUGH_ROWS rows."""
        if self.rows < ENOUGH_ROWS:
            return
        unknown = ", ".join(self.unknown)
        if self.absent:
            names = ", ".join(map(describe_name, sorted(self.absent)[:_MOST_NAMED]))
            rest = len(self.absent) - _MOST_NAMED
            others = f"; columns came that the profile does not know, such as {unknown}" if unknown else ""
            yield ColumnRemark(
                f"absent {self._digest}",
                f"none of the first {self.rows:,} rows had the columns {names}"
                f"{f' and {rest:,} more' if rest > 0 else ''}{others}",
            )
        if unknown:
            message = f"columns that the profile does not know are ignored, such as {unknown}"
            yield ColumnRemark(f"unknown {self._digest}", message, logging.INFO)
        if self.ignored_predictions:
            message = "predictions are ignored: the profile has no prediction column"
            yield ColumnRemark(f"predictions {self._digest}", message, logging.INFO)


def describe_name(name: object) -> str:
    """Write a column's name, of any type, in at most 40 characters.

    >>> describe_name("age"), describe_name(7), len(describe_name("x" * 100))
    ("'age'", "'7'", 42)
    """
    try:
        text = name if isinstance(name, str) and len(name) <= _LONGEST_NAME else str(name)[:_LONGEST_NAME]
        return repr(text)
    except Exception:
        return type(name).__name__[:_LONGEST_NAME]
