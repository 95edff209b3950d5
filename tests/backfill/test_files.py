"""Every type and layout that a lake has is read as everywhere else."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import csv, feather
from pyarrow import parquet as pq

from driftmeter.backfill.opening import LakeOptions, open_lake
from driftmeter.errors import InputError
from driftmeter.panes.timing import Timing
from tests.backfill.harness import TIME, backfill, content, frame, profile

ROWS = 2_000
TIMING = Timing(60_000)


def table() -> pa.Table:
    return frame(ROWS, seed=2, step=1_000).to_arrow()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("expected")
    pq.write_table(table(), folder / "rows.parquet")
    tally = backfill(folder / "store.sqlite", profile(), folder / "rows.parquet", TIMING)
    assert tally.counted == ROWS
    return dict(content(folder / "store.sqlite"))


def with_column(rows: pa.Table, name: str, column: pa.Array | pa.ChunkedArray) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, column)


def variants() -> dict[str, pa.Table]:
    rows = table()
    moments = rows[TIME].cast(pa.timestamp("ms", "UTC"))
    seats = rows["seats"]
    naive = moments.cast(pa.timestamp("ns", "UTC")).cast(pa.timestamp("ns"))
    late = pa.chunked_array([pa.array(naive.to_numpy() + np.timedelta64(999_999, "ns"), pa.timestamp("ns", "UTC"))])
    return {
        "nanoseconds": with_column(rows, TIME, late),
        "microseconds without a zone": with_column(rows, TIME, naive.cast(pa.timestamp("us"))),
        "another zone": with_column(rows, TIME, moments.cast(pa.timestamp("us", "America/New_York"))),
        "texts": with_column(rows, TIME, pa.array([f"{time.isoformat()}" for time in moments.to_pylist()])),
        "seconds": with_column(rows, TIME, pa.array(moments.cast(pa.int64()).to_numpy() / 1000)),
        "decimals": with_column(rows, "seats", seats.cast(pa.decimal128(22, 2))),
        "whole decimals": with_column(rows, "seats", seats.cast(pa.int64()).cast(pa.decimal128(38, 0))),
        "large decimals": with_column(rows, "seats", pa.array(map(Decimal, seats.to_pylist()), pa.decimal256(40, 1))),
        "uint16": with_column(rows, "seats", seats.cast(pa.uint16())),
        "dictionary": with_column(rows, "city", rows["city"].cast(pa.string()).dictionary_encode()),
        "string": with_column(rows, "city", rows["city"].cast(pa.string())),
        "large string": with_column(rows, "city", rows["city"].cast(pa.large_string())),
        "binary": with_column(rows, "city", rows["city"].cast(pa.binary())),
        "a list beside": rows.append_column("tags", pa.array([["a"]] * ROWS)),
    }


@pytest.mark.parametrize("name", list(variants()))
def test_a_column_of_any_type_counts_as_it_counts_everywhere(
    name: str, expected: dict[str, object], tmp_path: Path
) -> None:
    pq.write_table(variants()[name], tmp_path / "rows.parquet", version="2.6", row_group_size=300)
    written = pq.read_schema(tmp_path / "rows.parquet")
    assert name != "nanoseconds" or written.field(TIME).type == pa.timestamp("ns", "UTC")
    tally = backfill(tmp_path / "store.sqlite", profile(), tmp_path / "rows.parquet", TIMING)
    assert (tally.counted, tally.unreadable, tally.dropped) == (ROWS, {}, {})
    assert dict(content(tmp_path / "store.sqlite")) == expected


def test_float16_counts_as_float32_of_the_same_values(tmp_path: Path) -> None:
    rows = table()
    halves = rows["temp"].to_numpy().astype(np.float16)
    stores = []
    for name, kind in (("half", pa.float16()), ("single", pa.float32()), ("double", pa.float64())):
        column = pa.array(halves.astype(kind.to_pandas_dtype()), kind)
        pq.write_table(with_column(rows, "temp", column), tmp_path / f"{name}.parquet")
        assert pq.read_schema(tmp_path / f"{name}.parquet").field("temp").type == kind
        backfill(tmp_path / f"{name}.sqlite", profile(), tmp_path / f"{name}.parquet", TIMING)
        stores.append(content(tmp_path / f"{name}.sqlite"))
    assert stores[0] == stores[1] == stores[2]


def test_times_of_int96_after_2262_stay_what_they_are(tmp_path: Path) -> None:
    rows = table().slice(0, 10)
    times = [dt.datetime(2300, 1, 1)] * 5 + [dt.datetime(2025, 1, 1)] * 5
    rows = with_column(rows, TIME, pa.array(times, pa.timestamp("us")))
    pq.write_table(rows, tmp_path / "rows.parquet", use_deprecated_int96_timestamps=True)
    source = open_lake(str(tmp_path / "rows.parquet"), profile(), LakeOptions())
    (part,) = source.tables([TIME])
    assert part[TIME].to_pylist() == times


def test_folders_of_hive_are_columns_and_files_may_differ(expected: dict[str, object], tmp_path: Path) -> None:
    rows = frame(ROWS, seed=2, step=1_000)
    for city, part in rows.group_by("city"):
        folder = tmp_path / "lake" / f"city={city[0]}"
        folder.mkdir(parents=True)
        part = part.drop("city")
        # a later version of the writer, with wider numbers and one more column
        if city[0] == "Ulm":
            part = part.with_columns(pl.col("seats").cast(pl.Float64), pl.lit("x").alias("more"))
        part.write_parquet(folder / "rows.parquet")
    (tmp_path / "lake" / "_SUCCESS").touch()
    for address in (tmp_path / "lake", f"{tmp_path}/lake/*/*.parquet"):
        store = tmp_path / "store.sqlite"
        tally = backfill(store, profile(), address, TIMING)
        assert tally.counted == ROWS
        assert dict(content(store)) == expected
        store.unlink()


def test_a_column_that_some_files_lack_is_missing_there(tmp_path: Path) -> None:
    rows = frame(ROWS, seed=2, step=1_000)
    lacking = rows.with_columns(pl.when(pl.int_range(pl.len()) < 1_000).then("seats").alias("seats"))
    lacking.write_parquet(tmp_path / "one.parquet")
    backfill(tmp_path / "one.sqlite", profile(), tmp_path / "one.parquet", TIMING)
    folder = tmp_path / "lake"
    folder.mkdir()
    rows[:1_000].write_parquet(folder / "a.parquet")
    rows[1_000:].drop("seats").write_parquet(folder / "b.parquet")
    backfill(tmp_path / "two.sqlite", profile(), folder, TIMING)
    assert content(tmp_path / "two.sqlite") == content(tmp_path / "one.sqlite")


def test_csv_arrow_and_json_lines(expected: dict[str, object], tmp_path: Path) -> None:
    rows = table()
    texts = [time.isoformat(timespec="milliseconds") for time in rows[TIME].to_pylist()]
    written = with_column(rows, TIME, pa.array(texts))
    csv.write_csv(written, tmp_path / "rows.csv")
    feather.write_feather(rows, tmp_path / "rows.arrow")
    nan_is_null = frame(ROWS, seed=2, step=1_000).with_columns(pl.col("temp").fill_nan(None), pl.Series(TIME, texts))
    nan_is_null.write_ndjson(tmp_path / "rows.jsonl")
    for name in ("rows.csv", "rows.arrow", "rows.jsonl"):
        store = tmp_path / f"{name}.sqlite"
        tally = backfill(store, profile(), tmp_path / name, TIMING)
        assert tally.counted == ROWS, name
        assert dict(content(store)) == expected, name


def test_rows_without_a_time_are_left_out_and_named(tmp_path: Path) -> None:
    rows = frame(ROWS, seed=2, step=1_000)
    few = rows.with_columns(pl.when(pl.int_range(pl.len()) != 7).then(TIME).alias(TIME))
    few.write_parquet(tmp_path / "few.parquet")
    tally = backfill(tmp_path / "few.sqlite", profile(), tmp_path / "few.parquet", TIMING)
    assert tally.dropped == {"unreadable time": 1}
    many = rows.with_columns(pl.when(pl.int_range(pl.len()) >= 40).then(TIME).alias(TIME))
    many.write_parquet(tmp_path / "many.parquet")
    with pytest.raises(InputError, match=r"40 of 2,000 cannot be read, such as row 0: nothing"):
        backfill(tmp_path / "many.sqlite", profile(), tmp_path / "many.parquet", TIMING)
    rows.with_columns(pl.lit(None, pl.Datetime("ms")).alias(TIME)).write_parquet(tmp_path / "none.parquet")
    with pytest.raises(InputError, match="cannot be read"):
        backfill(tmp_path / "none.sqlite", profile(), tmp_path / "none.parquet", TIMING)


def test_values_that_cannot_be_read_are_counted_by_column_and_named_by_row(tmp_path: Path) -> None:
    rows = frame(ROWS, seed=2, step=1_000).with_columns(pl.col("seats").cast(pl.String))
    chosen = pl.int_range(pl.len()) == 1_234
    rows = rows.with_columns(pl.when(chosen).then(pl.lit("many")).otherwise("seats").alias("seats"))
    rows[:1_000].write_parquet(tmp_path / "a.parquet")
    rows[1_000:].write_parquet(tmp_path / "b.parquet")
    tally = backfill(tmp_path / "store.sqlite", profile(), f"{tmp_path}/*.parquet", TIMING)
    assert (tally.counted, tally.unreadable) == (ROWS, {"seats": 1})
    assert [(value.row, value.got) for value in tally.named] == [(1_234, "text ('many')")]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    table().drop_columns([TIME]).to_pandas().to_parquet(tmp_path / "untimed.parquet")
    with pytest.raises(InputError, match=f"expected a column '{TIME}', got temp, seats"):
        backfill(tmp_path / "a.sqlite", profile(), tmp_path / "untimed.parquet", TIMING)
    pq.write_table(table().select([TIME]), tmp_path / "bare.parquet")
    with pytest.raises(InputError, match=r"expected columns of the profile \(temp, seats, city, member\)"):
        backfill(tmp_path / "b.sqlite", profile(), tmp_path / "bare.parquet", TIMING)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(InputError, match="a readable Parquet file"):
        backfill(tmp_path / "c.sqlite", profile(), tmp_path / "broken.parquet", TIMING)


def test_a_wide_profile_reads_only_its_own_columns(tmp_path: Path) -> None:
    rows = table().append_column("blob", pa.array([b"x" * 100] * ROWS))
    pq.write_table(rows, tmp_path / "rows.parquet")
    source = open_lake(str(tmp_path / "rows.parquet"), profile(), LakeOptions())
    assert "blob" in source.names
    assert {name for part in source.tables([TIME, "temp"]) for name in part.column_names} == {TIME, "temp"}
    assert source.rows == ROWS
    assert [len(part) for part in source.tables([TIME], skip=ROWS - 3)] == [3]
