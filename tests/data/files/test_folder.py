from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from driftmeter.data.files import read_table
from driftmeter.data.files.for_profile import read_data
from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from driftmeter.report import compare

TABLE = pa.table({"x": [1.5, 2.5], "c": ["a", None]})


def write(table: pa.Table, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, **options)
    return path


def stream(table: pa.Table, path: Path) -> None:
    with path.open("ab") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


# --- Arrow files


def test_arrow_files_in_file_and_stream_form_are_read_by_what_they_are(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": [1.5, None], "c": ["a", None], "e": pl.Series(["u", "v"], dtype=pl.Enum(["u", "v"]))})
    frame.write_ipc(tmp_path / "file.arrow", compression="zstd")
    frame.write_ipc_stream(tmp_path / "stream.arrow")
    frame.write_ipc_stream(tmp_path / "stream.arrows")
    for file in sorted(tmp_path.iterdir()):
        assert read_table(file).to_pydict() == {"x": [1.5, None], "c": ["a", None], "e": ["u", "v"]}


def test_streams_end_to_end_are_one_table_and_padding_is_none(tmp_path: Path) -> None:
    stream(TABLE, tmp_path / "a.arrows")
    stream(TABLE.append_column("more", pa.array([1, 2])), tmp_path / "a.arrows")
    with (tmp_path / "a.arrows").open("ab") as sink:
        sink.write(bytes(64))
    table = read_table(tmp_path / "a.arrows").to_pydict()
    assert table == {"x": [1.5, 2.5] * 2, "c": ["a", None] * 2, "more": [None, None, 1, 2]}


def test_what_hugging_face_saves_is_the_files_that_its_state_names(tmp_path: Path) -> None:
    for part in (0, 1):
        stream(TABLE, tmp_path / f"data-0000{part}-of-00002.arrow")
    stream(TABLE, tmp_path / "cache-1.arrow")
    names = [{"filename": f"data-0000{part}-of-00002.arrow"} for part in (0, 1)]
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": names}))
    (tmp_path / "dataset_info.json").write_text("{}")
    assert len(read_table(tmp_path)) == 4
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(InputError, match=r"one of its splits \(train, test\)"):
        read_table(tmp_path)


def test_a_file_of_state_that_somebody_keeps_beside_the_data_is_no_matter(tmp_path: Path) -> None:
    write(TABLE, tmp_path / "a.parquet")
    (tmp_path / "state.json").write_text("[]")
    assert len(read_table(tmp_path)) == 2


# --- Parquet


def test_times_beyond_the_nanoseconds_of_int96_stay_what_they_are(tmp_path: Path) -> None:
    late = pa.table({"at": pa.array([dt.datetime(9999, 12, 31)], pa.timestamp("us"))})
    file = write(late, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    assert read_table(file).to_pydict() == late.to_pydict()
    assert parquet.read_table(file).to_pydict() != late.to_pydict()  # the trap


def test_the_files_of_a_folder_are_one_table_whatever_else_lies_there(tmp_path: Path) -> None:
    write(TABLE.select(["x"]), tmp_path / "a.snappy.parquet")
    write(TABLE.append_column("n", pa.array([1, 2], pa.int32())), tmp_path / "b.parquet")
    write(TABLE.append_column("n", pa.array([3, 4], pa.int64())), tmp_path / "sub" / "c.parquet")
    write(TABLE, tmp_path / "_metadata")
    write(TABLE, tmp_path / "_temporary" / "d.parquet")
    (tmp_path / ".a.parquet.crc").write_bytes(b"crc")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "README.txt").write_text("hello")
    table = read_table(tmp_path).to_pydict()
    assert table["x"] == [1.5, 2.5] * 3
    assert table["n"] == [None, None, 1, 2, 3, 4]


def test_files_without_an_ending_are_told_by_what_they_are(tmp_path: Path) -> None:
    write(TABLE, tmp_path / "000000_0")
    assert read_table(tmp_path).to_pydict() == TABLE.to_pydict()


def test_types_that_do_not_go_together_are_named_with_their_files(tmp_path: Path) -> None:
    write(pa.table({"x": [1.0], "y": [1]}), tmp_path / "a.parquet")
    write(pa.table({"x": ["a"], "y": [1]}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"column 'x': expected one type .*double in a.parquet, string in b.parquet"):
        read_table(tmp_path)


def test_a_folder_of_anything_else_is_refused_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "part-0.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match=r"of CSV files, one that holds all rows.*got part-0\.csv"):
        read_table(tmp_path)


@pytest.mark.parametrize(("name", "what"), [("metadata/v1.metadata.json", "Iceberg"), (".hoodie/x", "Hudi")])
def test_tables_whose_files_alone_do_not_say_what_counts_are_refused(tmp_path: Path, name: str, what: str) -> None:
    write(TABLE, tmp_path / "data" / "a.parquet")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match=f"write one with .*, got an? {what} table"):
        read_table(tmp_path)


# --- partitions


def test_partitions_are_integers_where_all_are_and_else_text(tmp_path: Path) -> None:
    for year, zone in (("2023", "S%C3%A3o Paulo"), ("2024", "__HIVE_DEFAULT_PARTITION__")):
        write(TABLE, tmp_path / f"year={year}" / f"zone={zone}" / "p.parquet")
    table = read_table(tmp_path)
    assert table["year"].to_pylist() == [2023, 2023, 2024, 2024]
    assert table["zone"].to_pylist() == ["São Paulo", "São Paulo", None, None]
    one = read_table(tmp_path / "year=2023" / "zone=S%C3%A3o Paulo" / "p.parquet")
    assert one["year"].to_pylist() == [2023, 2023]


def test_a_partition_is_the_same_feature_in_a_folder_and_in_a_file(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [float(row) for row in range(600)], "year": [2022, 2023, 2024] * 200})
    frame.to_parquet(tmp_path / "flat.parquet")
    frame.to_parquet(tmp_path / "parts", partition_cols=["year"])
    flat, parts = read_table(tmp_path / "flat.parquet"), read_table(tmp_path / "parts")
    kinds = [
        {feature.name: feature.kind for feature in Profile.fit(table, model="m", independent=True).features}
        for table in (flat, parts)
    ]
    assert kinds[0]["year"] == kinds[1]["year"] == "numeric"


def test_the_profiles_own_categories_stay_text_in_the_names_of_folders(tmp_path: Path) -> None:
    frame = pa.table({"x": [1.0, 2.0] * 300, "zip": ["02556", "10115"] * 300})
    profile = Profile.fit(frame, model="m", independent=True)
    for code in ("02556", "10115"):
        write(pa.table({"x": [1.0, 2.0] * 150}), tmp_path / f"zip={code}" / "p.parquet")
    report = compare(profile, read_data(tmp_path, profile))
    assert set(read_data(tmp_path, profile)["zip"].to_pylist()) == {"02556", "10115"}
    assert not report.drifting


def test_a_partition_that_the_files_hold_as_well_is_theirs(tmp_path: Path) -> None:
    write(pa.table({"x": [1.0], "day": [dt.date(2024, 1, 5)]}), tmp_path / "day=2024-01-05" / "p.parquet")
    assert read_table(tmp_path)["day"].to_pylist() == [dt.date(2024, 1, 5)]
