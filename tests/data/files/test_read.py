from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from pyarrow import csv, feather, parquet

from driftmeter.data.files import read_table
from driftmeter.errors import InputError


@pytest.fixture
def table() -> pa.Table:
    return pa.table({"x": [1.5, None, 3.0], "c": ["a", None, "ü"], "b": [True, None, False]})


def write(table: pa.Table, path: Path) -> None:
    """Write a table in the format that the name of the file says."""
    name = path.name
    if name.endswith(".parquet"):
        parquet.write_table(table, path)
    elif name.endswith((".arrow", ".feather")):
        feather.write_feather(table, path)
    elif name.endswith(".gz"):
        with pa.CompressedOutputStream(path, "gzip") as stream:
            csv.write_csv(table, stream)
    else:
        csv.write_csv(table, path, csv.WriteOptions(delimiter="\t" if name.endswith(".tsv") else ","))


@pytest.mark.parametrize("name", ["a.parquet", "a.PARQUET", "a.csv", "a.csv.gz", "a.tsv", "a.arrow", "a.feather"])
def test_a_file_gives_back_what_was_written(table: pa.Table, tmp_path: Path, name: str) -> None:
    write(table, tmp_path / name.lower())
    (tmp_path / name.lower()).rename(tmp_path / name)
    assert read_table(tmp_path / name).to_pydict() == table.to_pydict()


def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.xlsx: expected a file ending in \.parquet"):
        read_table(tmp_path / "a.xlsx")


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.feather"])
def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="nothing there"):
        read_table(tmp_path / name)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.csv.gz"])
@pytest.mark.parametrize("content", [b"", b"not at all", b"PAR1" * 10])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_table(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n3\n"])
def test_a_damaged_csv_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.csv"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_128_bit_integer_of_polars_is_refused_with_the_way_out(tmp_path: Path, name: str) -> None:
    frame = pl.DataFrame({"x": [1.0], "n": pl.Series([1], dtype=pl.Int128)})
    frame.write_parquet(tmp_path / name) if name.endswith(".parquet") else frame.write_ipc(tmp_path / name)
    with pytest.raises(InputError, match="in polars cast columns of Int128"):
        read_table(tmp_path / name)
