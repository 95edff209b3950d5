from __future__ import annotations

import itertools

import pytest

from driftmeter.errors import InputError
from driftmeter.logs import assembler
from driftmeter.logs.assembler import Assembler
from driftmeter.logs.columns import LogColumns
from driftmeter.logs.events import CsvRows, LogEvent
from driftmeter.payloads.table import PayloadTable

ORDER = LogColumns(order=("x", "c"))


def csv_event(text: str, **parts: object) -> LogEvent:
    return LogEvent("here", features=CsvRows.of(text), **parts)  # type: ignore[arg-type]


def test_tables_are_made_when_there_are_enough_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembler, "ROWS", 4)
    made = Assembler(ORDER)
    assert made.add(csv_event("1,a\n2,b\n3,c")) == 3
    assert list(made.full()) == []
    made.add(csv_event("4,d"))
    (table,) = made.full()
    assert table.to_pydict() == {"x": ["1", "2", "3", "4"], "c": ["a", "b", "c", "d"]}
    assert list(made.rest()) == []


def test_rows_of_csv_and_of_json_are_tables_of_their_own_with_the_same_names() -> None:
    made = Assembler(LogColumns(order=("x", "c"), wanted=frozenset("xcp"), texts=frozenset("c"), prediction="p"))
    made.add(csv_event("1,07", predictions=CsvRows.of("0.5")))
    made.add(LogEvent("here", features=PayloadTable(([2], ["b"]), None, 1)))
    made.add(csv_event("3,"))
    first, second = made.rest()
    assert first.to_pydict() == {"x": [1, 3], "c": ["07", None], "p": [0.5, None]}
    assert second.to_pydict() == {"x": [2], "c": ["b"]}
    assert made.names == ["p", "x", "c"]


def test_what_is_not_wanted_is_met_and_not_kept() -> None:
    made = Assembler(LogColumns(order=("x", "c"), wanted=frozenset("c")))
    made.add(csv_event("1,a", predictions=CsvRows.of("0.5"), time="2026-03-01"))
    (table,) = made.rest()
    assert table.to_pydict() == {"c": ["a"]}
    assert (made.names, made.time) == (["prediction", "x", "c"], None)


def test_the_times_of_events_do_not_replace_a_feature_of_that_name() -> None:
    made = Assembler(LogColumns())
    made.add(LogEvent("here", time="2026-03-01", features=PayloadTable((["x"],), ("timestamp",), 1)))
    (table,) = made.rest()
    assert table.to_pydict() == {"timestamp": ["x"], "timestamp_": ["2026-03-01"]}
    assert made.time == "timestamp_"


def test_arrow_reads_csv_as_it_was_checked_to_be() -> None:
    texts = LogColumns(order=("x", "c"), wanted=frozenset("xc"), texts=frozenset("xc"))
    tried = 0
    for characters in itertools.product('a",\n ', repeat=6):
        try:
            rows = CsvRows.of("".join(characters))
        except InputError:
            continue
        if rows.widths == {2}:
            made = Assembler(texts)
            made.add(LogEvent("here", features=rows))
            (table,) = made.rest()
            cells = zip(table["x"].to_pylist(), table["c"].to_pylist(), strict=True)
            assert [[cell or None for cell in row] for row in cells] == rows.cells(), rows.text
            tried += 1
    assert tried == 1_732
