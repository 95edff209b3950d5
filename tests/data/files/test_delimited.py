from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from driftmeter.data.files import read_table
from driftmeter.errors import InputError


def read(folder: Path, content: str | bytes, name: str = "a.csv", **options: Any) -> dict[str, list[Any]]:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    table: dict[str, list[Any]] = read_table(folder / name, **options).to_pydict()
    return table


def fault(folder: Path, content: str | bytes, name: str = "a.csv", **options: Any) -> str:
    with pytest.raises(InputError) as raised:
        read(folder, content, name, **options)
    assert str(raised.value).startswith(f"{folder / name}: expected ")
    return str(raised.value).removeprefix(f"{folder / name}: expected ")


# --- what is missing


def test_an_empty_cell_is_missing_and_a_quoted_one_is_an_empty_text(tmp_path: Path) -> None:
    assert read(tmp_path, 'x,t\n1.5,""\n,a\n"",\n') == {"x": [1.5, None, None], "t": ["", "a", None]}


def test_words_are_text_and_missing_among_numbers(tmp_path: Path) -> None:
    table = read(tmp_path, "x,t\n1,NA\nN/A,NULL\nnull,None\nNaN,nan\n")
    assert table["x"][0] == 1.0
    assert table["x"][1:3] == [None, None]
    assert table["t"] == ["NA", "NULL", "None", "nan"]


def test_words_are_missing_where_one_says_so_and_not_where_they_are_quoted(tmp_path: Path) -> None:
    table = read(tmp_path, 'x,t\n1,NA\n-999,"NA"\n2,b\n', na=["NA", "-999"])
    assert table == {"x": [1, None, 2], "t": [None, "NA", "b"]}


def test_booleans_as_r_writes_them_are_booleans(tmp_path: Path) -> None:
    assert read(tmp_path, "b,c\nTRUE,true\nNA,x\nFALSE,true\n") == {
        "b": [True, None, False],
        "c": ["true", "x", "true"],
    }


def test_an_empty_line_in_a_file_of_one_column_is_a_missing_value(tmp_path: Path) -> None:
    assert read(tmp_path, "x\n1\n\n3\n") == {"x": [1, None, 3]}
    assert read(tmp_path, "x,y\n1,2\n\n3,4\n") == {"x": [1, 3], "y": [2, 4]}


# --- numbers and text


def test_placeholders_leave_a_column_text_for_the_profile_to_judge(tmp_path: Path) -> None:
    assert read(tmp_path, "x\n1.5\n?\n2\n") == {"x": ["1.5", "?", "2"]}


@pytest.mark.parametrize("code", ["02556", "007", "0x1f", "-01"])
def test_a_code_with_a_leading_zero_leaves_its_column_text(tmp_path: Path, code: str) -> None:
    assert read(tmp_path, f"x\n{code}\n12345\n") == {"x": [code, "12345"]}


def test_a_column_of_which_text_is_asked_for_stays_as_it_is_written(tmp_path: Path) -> None:
    text = "v,b,d,t\n1.10,True,2024-01-01,08:00\n1.1,False,2024-01-02,NA\n"
    rows = [line.split(",") for line in text.splitlines()]
    assert read(tmp_path, text, texts="vbdt") == {name: list(cells) for name, *cells in zip(*rows, strict=True)}


@pytest.mark.parametrize("cells", [['"1.5"', '""', '"2"'], ["+1.5", " ", " 2 "]])
def test_quoted_and_padded_numbers_are_numbers(tmp_path: Path, cells: list[str]) -> None:
    assert read(tmp_path, "x,y\n" + "".join(f"{cell},a\n" for cell in cells))["x"] == [1.5, None, 2]


# --- dialects


def test_semicolons_and_decimal_commas_are_recognised_and_said(tmp_path: Path) -> None:
    notes: list[str] = []
    text = "a;b;c;d\n1,5;x;1.234;1.234,5\n-2,25;y;12.500;2\nNA;1,5;1;3,0\n"
    table = read(tmp_path, text, say=notes.append)
    assert table == {
        "a": [1.5, -2.25, None],
        "b": ["x", "y", "1,5"],
        "c": [1234, 12500, 1],
        "d": [1234.5, 2, 3],
    }
    assert [note.removeprefix(f"{tmp_path / 'a.csv'}: ") for note in notes] == [
        "read as separated by semicolons",
        "read with decimal commas (a, d)",
    ]


def test_points_between_semicolons_stay_decimal_points(tmp_path: Path) -> None:
    assert read(tmp_path, "a;b\n1.234;x\n2.5;y\n") == {"a": [1.234, 2.5], "b": ["x", "y"]}


def test_decimal_commas_beside_placeholders_are_numbers_where_numbers_are_known_to_be(tmp_path: Path) -> None:
    text = "a;b\n1,5;x\n?;y\n?;1,5\n"
    assert read(tmp_path, text, numbers=["a"]) == {"a": ["1.5", "?", "?"], "b": ["x", "y", "1,5"]}
    assert read(tmp_path, text)["a"] == ["1,5", "?", "?"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\tb\n1\tx\n", "tabs"),
        ("a|b\n1|x\n", "vertical bars"),
        ("sep=;\r\na;b\r\n1;x\r\n", None),
        ("a,b\r1,x\r", None),
    ],
)
def test_other_dialects_are_read(tmp_path: Path, text: str, sentence: str | None) -> None:
    notes: list[str] = []
    assert read(tmp_path, text, say=notes.append) == {"a": [1], "b": ["x"]}
    assert [note.rsplit(" by ")[-1] for note in notes] == ([sentence] if sentence else [])


def test_quotes_behind_a_backslash_are_quotes_where_a_file_is_written_so(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n1,"say \\"hi\\", you"\n2,"x"\n')["b"] == ['say "hi", you', "x"]
    assert read(tmp_path, 'a,b\n1,"C:\\"\n2,"x"\n')["b"] == ["C:\\", "x"]


# --- line breaks


@pytest.mark.parametrize("rows", [10, 60_000])
def test_line_breaks_in_cells_are_read_whatever_the_size(tmp_path: Path, rows: int) -> None:
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["x", "note"], *([row, f"line one of {row},\nline two"] for row in range(rows))])
    table = read_table(tmp_path / "a.csv")
    assert table["x"].to_pylist() == list(range(rows))
    assert table["note"][rows - 1].as_py() == f"line one of {rows - 1},\nline two"


def test_a_cell_larger_than_a_block_is_read(tmp_path: Path) -> None:
    text = "line\n" * 500_000
    assert read(tmp_path, f'x,note\n1,"{text}"\n2,b\n') == {"x": [1, 2], "note": [text, "b"]}


# --- encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_an_encoding_is_told_by_its_mark(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, "größe,b\n1,é\n".encode(encoding)) == {"größe": [1], "b": ["é"]}


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le", "shift_jis"])
def test_an_encoding_may_be_named(tmp_path: Path, encoding: str) -> None:
    word = "ü" if encoding != "shift_jis" else "価格"
    text = f"{word},b\n1,{word}\n".encode(encoding)
    assert read(tmp_path, text, encoding=encoding) == {word: [1], "b": [word]}
    assert read(tmp_path, gzip.compress(text), "a.csv.gz", encoding=encoding) == {word: [1], "b": [word]}


@pytest.mark.parametrize("lines", [1, 700_000])
def test_a_byte_that_is_not_utf8_is_named_with_its_line_and_the_way_out(tmp_path: Path, lines: int) -> None:
    content = b"a,b\n" + b"1,x\n" * lines + "2,café\n".encode("latin-1") + b"3,y\n"
    expected = f"UTF-8, got byte 0xe9 in line {lines + 2}; try --encoding latin-1"
    assert fault(tmp_path, content) == expected
    assert fault(tmp_path, gzip.compress(content), "a.csv.gz") == expected


def test_a_character_across_two_blocks_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driftmeter.data.files.encoding._BLOCK", 7)
    assert read(tmp_path, "a,b\n1,ééé\n2,ü\n") == {"a": [1, 2], "b": ["ééé", "ü"]}
    assert "0xe9 in line 3" in fault(tmp_path, b"a,b\n1,\xc3\xa9\n2,\xe9\n")


def test_utf16_without_a_mark_and_unknown_encodings_are_said(tmp_path: Path) -> None:
    assert "try --encoding utf-16-le" in fault(tmp_path, "a,b\n1,x\n".encode("utf-16-le"))
    assert "try --encoding utf-16-be" in fault(tmp_path, "a,b\n1,x\n".encode("utf-16-be"))
    for name in ("latin-99", "hex", "rot13"):  # the last two are codecs, and of no text
        with pytest.raises(InputError, match=f"--encoding: expected an encoding that Python knows.*got {name}"):
            read(tmp_path, "a\n1\n", encoding=name)


# --- faults


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n3\n4,5\n", "2 cells, as in the header, got 1 in line 3"),
        ('a,b\n1,"x\ny"\n3,4,5\n', "2 cells, as in the header, got 3 in line 4"),
        ("sep=,\na,b\n1,2\n3\n", "2 cells, as in the header, got 1 in line 4"),
        ('"x","y"\n"1",1.5,2\n', "2 cells, as in the header, got 3 in line 2"),
        (
            'a,b\n1,"abc\n2,d\n',
            "cells whose quotes are closed, got a quote that opens in line 2 or later and never closes",
        ),
        ("a,a\n1,2\n", "one column of each name, got 2 called 'a': rename or drop the others"),
        (",a,\n0,1,2\n", "one column of each name, got 2 without a name: rename or drop the others"),
        ("", "a readable .csv file, got Empty CSV file"),
        ("a,b\n", "rows below the header, got none"),
        ("a,b", "rows below the header, got none"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    assert fault(tmp_path, text) == sentence


def test_a_quote_within_a_cell_is_no_fault(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n1,5" disk\n2,d\n') == {"a": [1, 2], "b": ['5" disk', "d"]}


def test_what_polars_and_duckdb_and_pandas_write_comes_back(tmp_path: Path) -> None:
    import pandas as pd
    import polars as pl

    rows = {"x": [1.5, None, 2.0], "t": ["", None, 'a "b",\nc']}
    pl.DataFrame(rows).write_csv(tmp_path / "polars.csv")
    assert read_table(tmp_path / "polars.csv").to_pydict() == rows
    pd.DataFrame(rows).to_csv(tmp_path / "pandas.csv", index=False, quoting=csv.QUOTE_ALL)
    assert read_table(tmp_path / "pandas.csv").to_pydict() == {**rows, "t": ["", "", 'a "b",\nc']}
    pl.DataFrame({"x": [1, None, 3]}).write_csv(tmp_path / "one.csv")
    assert read_table(tmp_path / "one.csv") == pa.table({"x": [1, None, 3]})
