"""Events: what a record of a log says of the model's rows: their features, predictions and labels, and when."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from driftmeter.errors import InputError
from driftmeter.payloads.table import PayloadTable


@dataclass(slots=True)
class CsvRows:
    """Rows of CSV without a header: their text, its last line not ended, and how many they are."""

    text: str
    rows: int
    widths: frozenset[int]
    """The numbers of cells of the rows."""

    @classmethod
    def of(cls, text: str) -> CsvRows:
        """Count the rows and cells of a text; an empty text has no rows. Raises InputError where it is no CSV.

        >>> CsvRows.of("1,2\\n3,4\\n")
        CsvRows(text='1,2\\n3,4', rows=2, widths=frozenset({2}))
        """
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if text.endswith("\n"):
            text = text[:-1]
        if not text:
            return cls(text, 0, frozenset())
        if '"' in text:
            try:
                widths = [len(cells) for cells in csv.reader(io.StringIO(text), strict=True)]
            except csv.Error as error:
                raise InputError("data", "rows of CSV", str(error)) from error
        elif "\n" not in text:
            return cls(text, 1, frozenset((text.count(",") + 1,)))
        else:
            widths = [line.count(",") + 1 for line in text.split("\n")]
        return cls(text, len(widths), frozenset(widths))

    def cells(self) -> list[list[str | None]]:
        """Return the cells row by row; an empty one is None, as in a file."""
        if self.rows == 1 and '"' not in self.text:
            return [[cell or None for cell in self.text.split(",")]]
        return [[cell or None for cell in cells] for cells in csv.reader(io.StringIO(self.text))]


Rows = PayloadTable | CsvRows


@dataclass(slots=True)
class LogEvent:
    """A record, or a request joined with its answer: rows of features, and their predictions and labels, by position.

    `time` is ISO 8601 or seconds since the epoch; `times` has one for each row instead. `key` joins the parts of an
    event that come as several records.
    """

    where: str
    key: str | None = None
    time: str | float | None = None
    features: Rows | None = None
    predictions: Rows | None = None
    labels: Rows | None = None
    times: list[str | None] | None = None
