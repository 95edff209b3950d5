"""Live counting: rows are counted in the call of `observe`, by the compiled counter."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from driftmeter.client.records import prediction_value, stable_prediction
from driftmeter.counts.compiled import new_counter
from driftmeter.counts.odd_values import OddValues
from driftmeter.counts.rows import Reader, Rows
from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import NO_TEXTS, UnseenTexts
from driftmeter.data.columns import Column
from driftmeter.data.rejected import Rejected
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.types import Counts, Floats, Milliseconds

if TYPE_CHECKING:
    from driftmeter.counts._compiled import Tables

MOST_PANES, MOST_TEXTS = 64, 256
"""Panes, and texts of unseen categories, that wait to be taken: the row that makes a counter full takes all of them."""
NOT_COUNTED, COUNTED, COUNTED_AND_FULL = 0, 1, 2
"""What a count returns: no row was counted, one was, or one was and what was counted has to be taken now."""


@dataclass(frozen=True)
class LivePane:
    """Rows that were counted for one pane; a `start` of None stands for the future, whose rows have no counts."""

    start: Milliseconds | None
    length: Milliseconds
    rows: int
    counts: Counts
    texts: Sequence[Sequence[tuple[int, str]]] = ()
    """For each row with unseen categories: index among `features`, and text."""
    features: Sequence[str] = ()

    @property
    def summary(self) -> Summary:
        """The rows, their counts, and a sample of the texts."""
        counts: dict[str, Counter[str]] = {}
        for row in self.texts:
            for index, text in row:
                counts.setdefault(self.features[index], Counter())[text] += 1
        return Summary(self.rows, self.counts, UnseenTexts.of(counts) if counts else NO_TEXTS)


@dataclass(frozen=True)
class Taken:
    """What was counted since the last time."""

    panes: Sequence[LivePane] = ()
    rows: int = 0
    ignored_values: int = 0
    ignored_predictions: int = 0
    present: frozenset[str] = frozenset()
    """The columns that some row has had so far."""
    strangers: Sequence[str] = ()
    """The names of the first row that had some which are no column."""
    unreadable: dict[str, Rejected] = field(default_factory=dict)
    """An example for each column that has had values which could not be read, also before."""


@dataclass(frozen=True)
class ColumnRows:
    """Rows that were typed column by column."""

    rows: Rows
    texts: dict[int, list[tuple[int, str]]]
    """By row, its unseen categories: index among the categorical features, and text."""
    present: bytes
    """Whether there is each of the profile's columns."""
    strangers: list[str]
    """The columns that the profile does not have."""
    ignored_prediction: bool


class LiveCounter:
    """Counts rows by one profile, in any thread; one thread takes the counts.

    Under the GIL a row is counted in one step, and so is a take; no lock is needed. Memory is that of the panes between
    two takes, see `COUNTED_AND_FULL`.
    """

    def __init__(
        self,
        reader: Reader,
        tables: Tables,
        odd: OddValues,
        clock: Callable[[], float],
        *,
        columns: Sequence[str] | None,
        prediction: str | None,
        most_bytes: int,
    ) -> None:
        """Start without terms: nothing is counted before `set_terms`. `tables` and `odd` are those of `reader`.

        `clock` is monotonic, in seconds. `columns` names the values of rows without names, `prediction` is the column
        of predictions. Panes of more than `most_bytes` bytes are to be taken at once.
        """
        self._reader = reader
        self._odd, self._names, self._prediction = odd, reader.names, prediction
        self._features = [feature.name for feature in reader.categorical]
        self._nameless = [name for name in columns or () if name not in reader.names]
        self._offset = 0.0
        self._counter = new_counter(
            tables,
            clock,
            names=reader.names,
            columns=columns,
            ahead=MAX_AHEAD,
            most_panes=min(MOST_PANES, max(4, most_bytes // (8 * reader.profile.bins))),
            most_texts=MOST_TEXTS,
        )
        self.count: Callable[[Any, Any], int] = self._counter.observe
        """Count a row now, given as a dict, or as values in the order of `columns`, and its prediction. Returns
        NOT_COUNTED where the prediction has to be unwrapped first."""

    @property
    def rows(self) -> int:
        """Rows that wait to be taken."""
        return self._counter.rows

    def set_terms(self, offset: float, pane: Milliseconds) -> None:
        """Count from now on into panes of this length, by a clock that is `offset` ms ahead of the local one."""
        self._offset = offset
        self._counter.set_terms(offset, pane)

    def count_value(self, features: Any, prediction: Any, time: float | None = None) -> int:
        """Count a row with a prediction that was unwrapped, now or at a time in ms."""
        if time is None:
            return self._counter.observe(features, prediction, True)
        return self._counter.observe_at(features, prediction, time)

    def count_earlier(self, features: Any, prediction: Any, clock: float) -> int:
        """Count a row and its prediction, as it came, at a time of the local clock in seconds."""
        if type(prediction) is not float:
            prediction = self.single(prediction)
        return self._counter.observe_at(features, prediction, clock * 1000 + self._offset)

    def single(self, prediction: Any) -> Any:
        """Return the value of a prediction that may be wrapped; NaN where a missing one was."""
        if prediction is None or self._prediction is None:
            return prediction
        value = prediction_value(stable_prediction(prediction), self._prediction)
        return math.nan if value is None else value  # None would stand for no prediction

    def count_matrix(self, matrix: Floats, predictions: list[Any] | None, first: int, end: int) -> int:
        """Count rows of a matrix now, from `first` to before `end`; return how many of them were counted."""
        return self._counter.observe_matrix(matrix, predictions, first, end)

    def type_columns(self, columns: dict[str, Column], predictions: Column | None) -> ColumnRows:
        """Type rows that are given as columns of equal length, and perhaps a prediction for each.

        Raises what `Reader.read_columns` raises.
        """
        ignored_prediction = predictions is not None and self._prediction is None
        if predictions is not None and self._prediction is not None:
            columns = columns | {self._prediction: predictions}
        rows, rejected, _ = self._reader.read_columns(columns)
        if rejected:
            described = {one.field: replace(one, row=0) for one in rejected}
            for name in self._reader.unreadable(rows).keys() - described.keys():  # more than the reader describes
                _, more, _ = self._reader.read_columns({name: columns[name]})
                described |= {one.field: replace(one, row=0) for one in more[:1]}
            self._odd.examples.update(described)
        strangers = [name for name in columns if name not in self._names]
        texts: dict[int, list[tuple[int, str]]] = {}
        if rows.unseen is not None:
            index = {name: position for position, name in enumerate(self._features)}
            for row, text in zip(rows.unseen.rows.tolist(), rows.unseen.texts.tolist(), strict=True):
                name, shown = rows.unseen.distinct[text]
                texts.setdefault(row, []).append((index[name], shown))
        present = bytes(name in columns for name in self._names)
        return ColumnRows(rows, texts, present, strangers, ignored_prediction)

    def count_rows(self, typed: ColumnRows, times: Floats, first: int) -> int:
        """Count typed rows from `first` on, at `times` in ms, now where these are NaN; return how many were counted."""
        rows = typed.rows
        return self._counter.observe_rows(
            rows.numbers,
            rows.codes,
            times,
            typed.texts,
            first,
            len(rows),
            typed.present,
            len(typed.strangers),
            typed.strangers,
            typed.ignored_prediction,
        )

    def close(self) -> None:
        """Count nothing any more."""
        self._counter.close()

    def take(self) -> Taken:
        """Return what was counted since the last time, and begin anew."""
        if not self._counter.rows:
            return Taken()
        panes, values, predictions, present, strangers = self._counter.take()
        return Taken(
            [self._pane(*pane) for pane in panes],
            sum(pane[2] for pane in panes),
            values,
            predictions,
            frozenset(name for name, has in zip(self._names, present, strict=True) if has),
            strangers or self._nameless,
            self._odd.examples.copy(),
        )

    def _pane(
        self, start: int, length: int, rows: int, counts: bytearray | None, texts: list[list[tuple[int, str]]] | None
    ) -> LivePane:
        if counts is None:
            return LivePane(None, length, rows, np.zeros(0, np.int64))
        return LivePane(start, length, rows, np.frombuffer(counts, np.int64), texts or (), self._features)
