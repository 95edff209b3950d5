from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa

from driftmeter.kafka.forms import FormOptions
from tests.kafka.runs import FULL, STAMP, expected, read, summary


def ipc(rows: list[dict[str, Any]], *, file: bool = False) -> bytes:
    table = pa.Table.from_pylist(rows)
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_file if file else pa.ipc.new_stream)(sink, table.schema) as stream:
        stream.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def test_each_record_is_many_rows_of_one_offset() -> None:
    moment = dt.datetime(1970, 1, 1, 0, 0, 9, tzinfo=dt.UTC)
    broken = b"\xff\xff\xff\xffx"
    values = [ipc([FULL, {**FULL, "age": 7.5}]), ipc([{**FULL, "timestamp": moment}], file=True), broken, None]
    got = read("arrow", values)
    assert summary(got) == expected(FULL, {**FULL, "age": 7.5}, FULL)
    assert got.rows.offsets.tolist() == [0, 0, 2]
    assert got.rows.times.tolist() == [STAMP, STAMP, 9_000]
    assert [one.position for one in got.bad] == [2]


def test_columns_are_mapped_and_strangers_are_bad() -> None:
    renamed = {("years" if name == "age" else name): value for name, value in FULL.items()}
    got = read("arrow", [ipc([renamed]), ipc([{"other": 1}])], FormOptions(fields={"age": "years"}))
    assert summary(got) == expected(FULL)
    assert "some of the columns" in got.bad[0].reason
