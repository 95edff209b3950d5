"""A file read batch by batch holds what the same file holds when it is read at once."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from driftmeter.data.files import batches as batches_of_files
from driftmeter.data.files import delimited_batches, parts
from driftmeter.data.files.batches import read_batches
from driftmeter.data.files.read import read_table
from driftmeter.errors import InputError

EARLY: dict[str, list[str]] = {
    "nothing": [""],
    "whole": ["7", "-2", "0"],
    "bits": ["0", "1"],
    "truths": ["true", "false", "1"],
    "R": ["TRUE", "FALSE", "NA"],
    "dates": ["2024-01-31", "2023-12-01"],
    "times": ["12:30", "23:59:59"],
    "moments": ["2024-01-31 12:30:00", "2024-01-31"],
    "fine moments": ["2024-01-31 12:30:00.123456"],
    "zoned": ["2024-01-31T12:30:00Z", "2024-01-31T12:30:00+01:00"],
    "finely zoned": ["2024-01-31T12:30:00.5Z"],
    "decimals": ["1.5", "2", "-1e3"],
    "padded": [" 7", "8 "],
    "huge": ["123456789012345678901234567890"],
    "codes": ["007", "12"],
    "hexadecimal": ["0x1f"],
    "words": ["Ulm", "Köln, Süd"],
    "quoted": ['"7"', '""'],
    "numbers as words": ["N/A", "7", "1.5"],
    "words of missing": ["NA", "n/a"],
}
COMMAS: dict[str, list[str]] = {"commas": ["1,5", "2"], "thousands": ["1.234", "2.500"], "both": ["1.234,5", "7"]}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the smallest files in many batches."""
    monkeypatch.setattr(batches_of_files, "SMALL", 0)
    monkeypatch.setattr(delimited_batches, "_GUESSED", 256)
    monkeypatch.setattr(delimited_batches, "_BLOCK", 256)
    monkeypatch.setattr(parts, "_ROWS", 7)


def whole(path: Path, columns: list[str] | None = None, **how: Any) -> tuple[pa.Table, int]:
    """Return all batches as one table, and their number."""
    read = read_batches(path, columns, **how)
    tables = list(read.tables)
    return pa.concat_tables(tables).combine_chunks() if tables else pa.table({}), len(tables)


def assert_same(path: Path, least: int, **how: Any) -> None:
    at_once = read_table(path, **how).combine_chunks()
    table, number = whole(path, **how)
    assert number >= least
    assert table.schema.equals(at_once.schema), f"{table.schema}\nagainst\n{at_once.schema}"
    assert table.equals(at_once)


def write(path: Path, columns: dict[str, list[str]], separator: str = ",") -> Path:
    def cell(text: str) -> str:
        return f'"{text}"' if separator in text and not text.startswith('"') else text

    lines = [separator.join(columns), *(separator.join(map(cell, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("late", EARLY)
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_column_has_the_type_of_all_its_cells_wherever_the_odd_ones_are(
    tmp_path: Path, late: str, separator: str
) -> None:
    chance = random.Random(late)
    kinds = EARLY | (COMMAS if separator == ";" else {})
    columns = {
        name: [chance.choice(cells) for _ in range(80)] + [chance.choice(EARLY[late]) for _ in range(3)]
        for name, cells in kinds.items()
    }
    path = write(tmp_path / "x.csv", {"row": [str(row) for row in range(83)], **columns}, separator)
    assert_same(path, 6)
    assert_same(path, 6, texts=["dates", "whole"], numbers=["commas", "decimals"], na=["7"])


@pytest.mark.usefixtures("small")
def test_compressed_and_other_encodings_and_long_rows(tmp_path: Path) -> None:
    text = "a,b\n" + "".join(f"{row},ä{row % 3}\n" for row in range(300)) + f"1,{'x' * 5_000}\n"
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "latin.csv").write_bytes(text.encode("latin-1"))
    assert_same(tmp_path / "x.csv.gz", 1)
    assert_same(tmp_path / "latin.csv", 1, encoding="latin-1")


@pytest.mark.usefixtures("small")
def test_notes_are_said_once(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", {"a": ["1,5"] * 200, "b": ["2"] * 200}, ";")
    once, again = list[str](), list[str]()
    read_table(path, say=once.append)
    whole(path, say=again.append)
    assert again == once
    assert len(once) == 2


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("fault", ["1,2,3\n", '1,"2\n', "1\n"])
def test_a_fault_is_told_as_it_is_when_the_file_is_read_at_once(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1,2\n" * 500 + fault)
    with pytest.raises(InputError) as at_once:
        read_table(path)
    with pytest.raises(InputError) as in_batches:
        whole(path)
    assert str(in_batches.value) == str(at_once.value)


TABLE = pa.table(
    {
        "n": pa.array([1, None, 3] * 20),
        "x": pa.array([1.5, float("nan"), None] * 20, pa.float32()),
        "s": pa.array(["a", None, "ü"] * 20),
        "d": pa.array(["a", None, "ü"] * 20).dictionary_encode(),
        "t": pa.array([1_700_000_000, None, 0] * 20, pa.timestamp("s", "UTC")),
        "b": pa.array([True, None, False] * 20),
        "m": pa.array([1, 2, 3] * 20, pa.decimal128(10, 2)),
    }
)
OF_ALL_VALUES = {
    "bytes": pa.array([b"a", b"b"] * 29 + [b"\xff", b"a"]),
    "decimals": pa.array([1] * 59 + [10**25], pa.decimal128(30, 0)),
    "lists": pa.array([[1]] * 60),
}


def write_stream(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as sink:
        for part in (table[:20], table[20:]):
            with pa.ipc.new_stream(sink, part.schema) as writer:
                writer.write_table(part)


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "x.parquet": lambda table, path: parquet.write_table(table, path, row_group_size=25),
    "x.arrow": lambda table, path: feather.write_feather(table, path, compression="uncompressed"),
    "lz4.arrow": lambda table, path: feather.write_feather(table, path, chunksize=11),
    "x.arrows": write_stream,
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", WRITERS)
def test_parquet_and_arrow_are_the_same_in_batches(tmp_path: Path, name: str) -> None:
    WRITERS[name](TABLE, tmp_path / name)
    table, number = whole(tmp_path / name)
    assert number >= 8
    assert str(table.to_pylist()) == str(read_table(tmp_path / name).to_pylist())
    assert [str(kind) for kind in table.schema.types] == [
        str(kind) for kind in read_table(tmp_path / name).schema.types
    ]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("odd", OF_ALL_VALUES)
def test_columns_whose_type_depends_on_all_values_are_read_at_once(tmp_path: Path, odd: str) -> None:
    table = TABLE.append_column("odd", OF_ALL_VALUES[odd])
    parquet.write_table(table, tmp_path / "x.parquet")
    assert whole(tmp_path / "x.parquet")[1] == 1
    # but not where nobody asks for them
    read, number = whole(tmp_path / "x.parquet", ["n", "odd one"])
    assert number >= 8
    assert read.column_names == ["n"]


@pytest.mark.usefixtures("small")
def test_the_files_of_a_folder_follow_one_another(tmp_path: Path) -> None:
    for year in (2023, 2024):
        (tmp_path / f"year={year}").mkdir()
        parquet.write_table(TABLE[:30].drop(["x"]), tmp_path / f"year={year}" / "part.parquet")
    table, number = whole(tmp_path)
    assert number >= 8
    assert table.to_pylist() == read_table(tmp_path).to_pylist()
    parquet.write_table(pa.table({"n": [1.5]}), tmp_path / "year=2024" / "other.parquet")
    table, number = whole(tmp_path)
    assert number == 1
    assert table.to_pylist() == read_table(tmp_path).to_pylist()


@pytest.mark.parametrize(("name", "content"), [("x.txt", b"a"), ("x.parquet", b"no"), ("x.arrow", b"no, not at all")])
def test_errors_name_the_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        whole(tmp_path / name)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,a\n1,2\n")
    with pytest.raises(InputError, match="2 called 'a'"):
        whole(tmp_path / "x.csv")
