from __future__ import annotations

import datetime as dt
import io
import struct
import uuid
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from driftmeter.data.columns import Dictionary
from driftmeter.errors import InputError
from driftmeter.server.ingest.arrow import Framing, read_columns
from driftmeter.server.ingest.size import is_small
from driftmeter.server.problems import TooLargeError

WANTED = {"x", "c"}


def streams(*tables: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    for table in tables:
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
            writer.write_table(table)
    return sink.getvalue()


def file_of(frame: pl.DataFrame, **options: Any) -> bytes:
    sink = io.BytesIO()
    frame.write_ipc(sink, **options)
    return sink.getvalue()


def read(body: bytes, framing: Framing = "stream", *, numeric: tuple[str, ...] = (), **limits: Any) -> dict[str, Any]:
    limits = {"most": 10_000_000, "most_rows": 1_000_000, **limits}
    columns, rows, _ = read_columns(body, framing, wanted=WANTED, numeric=numeric, **limits)
    assert all(len(column) == rows for column in columns.values())
    return {name: plain(column) for name, column in columns.items()}


def plain(column: Any) -> list[Any]:
    if isinstance(column, Dictionary):
        return [None if index < 0 else column.values[index] for index in column.indices]
    return list(column.tolist() if isinstance(column, np.ndarray) else column)


def coded(values: list[str | None], index: pa.DataType) -> pa.Array:
    return pa.array(values).dictionary_encode().cast(pa.dictionary(index, pa.string()))


# --- what polars and pandas send


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_a_file_that_polars_wrote_is_read_by_its_footer(compression: Any) -> None:
    frame = pl.DataFrame(
        {
            "x": [1.5, None, 2.5],
            "c": pl.Series(["a", "b", None], dtype=pl.Categorical),
            "note": [["a long text that is no view"], [], None],
        }
    )
    assert read(file_of(frame, compression=compression), "file", numeric=("x",))["c"] == ["a", "b", None]
    text = read(file_of(frame.with_columns(pl.col("c").cast(pl.String)), compression=compression), "file")
    assert text["c"] == ["a", "b", None]


def test_dictionaries_of_each_batch_are_one() -> None:
    sink, writer = io.BytesIO(), None
    for start in (0, 75):
        names = [f"m{place}" for place in range(start, start + 75)]
        table = pa.Table.from_pandas(pd.DataFrame({"c": pd.Categorical(names, names)}), preserve_index=False)
        writer = writer or pa.ipc.new_stream(sink, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    assert read(sink.getvalue())["c"] == [f"m{place}" for place in range(150)]


def test_deltas_of_a_dictionary_are_added_to_it() -> None:
    sink = io.BytesIO()
    first, grown = pa.array(["a", "b"]), pa.array(["a", "b", "z"])
    parts = [pa.DictionaryArray.from_arrays([0, 1], first), pa.DictionaryArray.from_arrays([2, 0], grown)]
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with pa.ipc.new_stream(sink, pa.schema([("c", parts[0].type)]), options=options) as writer:
        for part in parts:
            writer.write_batch(pa.record_batch([part], names=["c"]))
    assert read(sink.getvalue())["c"] == ["a", "b", "z", "a"]


def test_a_batch_without_any_category_is_all_missing() -> None:
    nothing = pd.DataFrame({"x": [1.0, 2.0], "c": pd.Series([None, None], dtype=object).astype("category")})
    assert read(streams(pa.Table.from_pandas(nothing, preserve_index=False)))["c"] == [None, None]
    assert read(streams(pa.table({"c": pa.nulls(2), "x": [1.0, None]})), numeric=("x",))["c"] == [None, None]


# --- streams end to end


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ([{"c": coded(["a"], pa.int8())}, {"c": coded(["z", "a"], pa.int16())}], ["a", "z", "a"]),
        ([{"c": coded(["a"], pa.int8())}, {"c": pa.array(["z", None])}], ["a", "z", None]),
        ([{"c": coded(["a"], pa.int8())}, {"c": pa.nulls(1)}], ["a", None]),
        ([{"c": pa.array(["a"], pa.string_view())}, {"y": [1, 2]}], ["a", None, None]),
        ([{"c": [1]}, {"c": [2.5]}], [1.0, 2.5]),
        ([{"c": pa.array([], pa.string())}, {"c": ["a"]}], ["a"]),
    ],
)
def test_streams_end_to_end_are_one_body(tables: list[dict[str, Any]], expected: list[Any]) -> None:
    body = streams(*map(pa.table, tables))
    assert read(body)["c"] == expected
    assert read(body + bytes(64))["c"] == expected


def test_streams_whose_types_do_not_go_together_are_refused_by_column() -> None:
    with pytest.raises(InputError, match=r"columns\.c: .*int64 and string"):
        read(streams(pa.table({"c": [1]}), pa.table({"c": ["a"]})))


def test_what_follows_a_stream_and_is_none_is_unreadable() -> None:
    with pytest.raises(InputError, match="an Arrow IPC stream"):
        read(streams(pa.table({"c": ["a"]})) + b"junk")


def test_more_streams_than_anybody_sends_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driftmeter.server.ingest.arrow_messages.MOST_STREAMS", 3)
    one = pa.table({"c": ["a"]})
    assert len(read(streams(one, one, one))["c"]) == 3
    with pytest.raises(TooLargeError, match="3 Arrow streams"):
        read(streams(one, one, one, one))


# --- types


ID = uuid.UUID(int=7)
MOMENT = dt.datetime(2024, 1, 5, 12)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([ID.bytes, None], pa.uuid()), [str(ID), None]),
        (pa.array([dt.time(8), None], pa.time32("s")), [dt.time(8), None]),
        (pa.array([dt.timedelta(1), None]), [dt.timedelta(1), None]),
        (pa.array([MOMENT.date(), None]), [MOMENT.date(), None]),
        (pa.array([b"\xff", None]), [b"\xff", None]),
        (pa.array([2**64 - 1, 1], pa.uint64()), [2**64 - 1, 1]),
        (pa.RunEndEncodedArray.from_arrays([1, 3], ["a", None]), ["a", None, None]),
        (pa.array(["1.5", None]).cast(pa.decimal256(50, 1)), [1.5, None]),
        *((pa.array([MOMENT, None], pa.timestamp(unit)), [MOMENT, None]) for unit in ("s", "ms", "us", "ns")),
        *(
            (pa.array([MOMENT, None], pa.timestamp(unit, "UTC")), [MOMENT.replace(tzinfo=dt.UTC), None])
            for unit in ("s", "ns")
        ),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_values_come_as_what_they_are(array: Any, expected: list[Any]) -> None:
    columns = {"y": [[1]] * len(array), "c": array}
    got = read(streams(pa.table(columns)))["c"]
    assert [None if value != value else value for value in got] == expected


@pytest.mark.parametrize("framing", ["stream", "file"])
@pytest.mark.parametrize(
    "array",
    [pa.array([[1.0]]), pa.array([{"a": 1}]), pa.array([(1, 2, 3)], pa.month_day_nano_interval())],
    ids=["list", "struct", "interval"],
)
def test_a_column_of_no_plain_type_is_there_only_where_it_is_wanted_and_holds_no_value_then(
    array: Any, framing: Framing
) -> None:
    def body(name: str) -> bytes:
        sink = io.BytesIO()
        table = pa.table({name: array, "x": [1.0]})
        make = pa.ipc.new_stream if framing == "stream" else pa.ipc.new_file
        with make(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()

    assert read(body("other"), framing, numeric=("x",)) == {"x": [1.0]}
    assert read(body("c"), framing)["c"] == [[]]


def test_two_columns_of_one_name_matter_only_where_they_are_wanted() -> None:
    twice = pa.Table.from_arrays([pa.array([1.0])] * 3, names=["y", "y", "x"])
    assert read(streams(twice)) == {"x": [1.0]}


# --- bounds


def bomb() -> pa.Table:
    """Return 500 views of one text of 10,000 bytes."""
    views = pl.Series(["x" * 10_000]).gather([0] * 500).to_arrow(compat_level=pl.CompatLevel.newest())
    return pa.table({"c": views})


def test_views_of_one_text_are_bounded_and_never_read_on_the_event_loop() -> None:
    body = streams(bomb())
    assert len(body) < 30_000
    with pytest.raises(TooLargeError, match=r"columns\.c: expected at most 1000000 bytes of text, got 5000000"):
        read(body, most=1_000_000)
    assert len(read(body)["c"]) == 500
    assert not is_small("stream", body, 2)


@pytest.mark.parametrize("what", ["values", "dictionary"])
def test_a_compressed_file_is_bounded_by_what_its_footer_points_at(what: str) -> None:
    if what == "values":
        frame = pl.DataFrame({"x": np.zeros(200_000)})
    else:
        texts = [f"{'x' * 1_000}{place}" for place in range(1_500)]
        frame = pl.DataFrame({"c": pl.Series(texts, dtype=pl.Categorical)})
    body = file_of(frame, compression="zstd")
    assert len(body) < 100_000
    with pytest.raises(TooLargeError, match="after decompression"):
        read(body, "file", most=1_000_000)
    assert read(body, "file", numeric=("x",))


def test_a_footer_that_points_at_one_batch_again_and_again_is_refused() -> None:
    body = bytearray(file_of(pl.DataFrame({"x": [1.0, 2.0, 3.0]})))
    (size,) = struct.unpack_from("<i", body, len(body) - 10)
    footer = len(body) - 10 - size
    wide = body[footer : footer + size]
    block = next(
        place
        for place in range(size - 24)
        if struct.unpack_from("<q", wide, place)[0] > 8
        and 0 < struct.unpack_from("<i", wide, place + 8)[0] < footer
        and struct.unpack_from("<q", wide, place + 16)[0] == 64
    )
    struct.pack_into("<q", body, footer + block + 16, len(body))
    with pytest.raises(InputError, match="more bytes than there are"):
        read(bytes(body), "file")


@pytest.mark.parametrize("length", [0, 6, 10, 16])
def test_a_file_that_is_none_is_refused(length: int) -> None:
    with pytest.raises(InputError, match="an Arrow IPC file"):
        read((b"ARROW1" + bytes(length) + b"ARROW1")[: max(length, 6) + 6], "file")


def test_a_file_cut_or_changed_anywhere_is_refused_or_read_and_nothing_else() -> None:
    whole = file_of(pl.DataFrame({"x": [1.0, None, 3.0], "c": ["a", "b", None]}), compression="lz4")
    chance = np.random.default_rng(1)
    for _ in range(300):
        body = bytearray(whole)
        body[chance.integers(len(body))] ^= int(chance.integers(1, 256))
        for changed in (bytes(body), whole[: chance.integers(len(whole))]):
            try:
                read(changed, "file")
            except (InputError, TooLargeError):
                continue
