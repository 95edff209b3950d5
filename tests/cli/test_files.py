"""One table in every form that a file may have: the same to profile, check, backtest and replay."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.profile.profile import Profile
from driftmeter.replay import load_trace

ROWS = 3_000


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    chance = np.random.default_rng(7)
    start = dt.datetime(2024, 1, 1)
    return pl.DataFrame(
        {
            "at": [start + dt.timedelta(minutes=row) for row in range(ROWS)],
            "amount": [None if row % 9 == 0 else round(each, 2) for row, each in enumerate(chance.normal(50, 9, ROWS))],
            "count": chance.integers(0, 40, ROWS),
            "title": chance.choice(["", "Dr", "Prof", "NA", 'a "b";\nc'], ROWS),
            "plz": chance.choice(["01067", "1067", "80331"], ROWS),
            "version": chance.choice(["1.1", "1.10", "True", "2024-01-01"], ROWS),
            "member": [None if row % 11 == 0 else bool(row % 3) for row in range(ROWS)],
        }
    )


@pytest.fixture(scope="module")
def profile(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("profile")
    frame.write_parquet(folder / "ref.parquet")
    made = run("profile", folder / "ref.parquet", "-o", folder / "p.json", "--model", "m", "--independent")
    assert made.exit_code == 0, made.output
    return folder / "p.json"


def write_by_hand(frame: pl.DataFrame, path: Path, *, delimiter: str = ",", encoding: str = "utf-8") -> None:
    """Write a missing cell as nothing and all text quoted, as R and DuckDB do."""
    quote = csv.QUOTE_STRINGS if hasattr(csv, "QUOTE_STRINGS") else None
    with path.open("w", newline="", encoding=encoding) as file:
        if quote is not None and delimiter == ",":
            writer = csv.writer(file, quoting=quote)
            writer.writerow(frame.columns)
            writer.writerows(frame.iter_rows())
            return
        file.write(delimiter.join(frame.columns) + "\r\n")
        for row in frame.iter_rows():
            file.write(delimiter.join(map(_cell, row)) + "\r\n")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return str(value).replace(".", ",") if isinstance(value, float) else str(value)


def write(frame: pl.DataFrame, path: Path) -> list[str]:
    """Write the frame in the form that the name says; return the options to read it with."""
    if path.name.startswith("excel"):
        write_by_hand(frame, path, delimiter=";")
    elif path.name.startswith("latin"):
        write_by_hand(frame, path, delimiter=";", encoding="latin-1")
        return ["--encoding", "latin-1"]
    elif path.name.startswith("wide"):
        write_by_hand(frame, path, delimiter=";", encoding="utf-16")
    elif path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".tsv":
        frame.write_csv(path, separator="\t")
    elif path.suffix == ".arrow":
        frame.write_ipc(path)
    elif path.suffix == ".arrows":
        frame.write_ipc_stream(path)
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        path.mkdir()
        for part in (0, 1):
            frame[part::2].write_parquet(path / f"part-{part}.parquet")
    return []


FORMS = ["a.csv", "a.tsv", "excel.csv", "latin.csv", "wide.csv", "a.arrow", "a.arrows", "a.parquet", "folder"]


@pytest.mark.parametrize("name", FORMS)
def test_the_references_own_rows_are_the_same_in_every_form(
    frame: pl.DataFrame, profile: Path, tmp_path: Path, name: str
) -> None:
    options = write(frame, tmp_path / name)
    result = run("check", profile, tmp_path / name, "--json", *options)
    assert result.exit_code == 0, result.output
    verdict = json.loads(result.stdout)
    assert verdict["rows"] == ROWS
    for feature in verdict["features"]:
        assert {test["statistic"] for test in feature["tests"].values() if test["statistic"]} <= {
            0.0,
            feature["rates"]["missing"]["window"],
        }, feature
        assert all(rate["reference"] == rate["window"] for rate in feature["rates"].values()), feature
    trace = load_trace(tmp_path / name, Profile.load(profile), time="at", encoding=options[1] if options else None)
    assert len(trace) == ROWS


def test_a_profile_of_csv_is_that_of_parquet_where_text_is_asked_for(
    frame: pl.DataFrame, profile: Path, tmp_path: Path
) -> None:
    write(frame, tmp_path / "a.csv")
    result = run(
        "profile", tmp_path / "a.csv", "-o", tmp_path / "p.json", "--model", "m", "--independent",
        "--categorical", "version", "--categorical", "plz",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert Profile.load(tmp_path / "p.json").features == Profile.load(profile).features


def test_words_that_are_missing_are_kept_in_the_profile_and_missing_at_every_door(tmp_path: Path) -> None:
    reference, file = tmp_path / "ref.csv", tmp_path / "day.csv"
    for path in (reference, file):
        path.write_text(
            "t,at\n" + "".join(f"{word},{1704067200 + row}\n" for row, word in enumerate(["a", "NA", "b"] * 200))
        )
    made = run(
        "profile", reference, "-o", tmp_path / "p.json", "--model", "m", "--independent", "--na", "NA", "--na", "?"
    )
    assert made.exit_code == 0, made.output
    profile = Profile.load(tmp_path / "p.json")
    assert profile.na == ("NA", "?")
    (feature,) = [feature for feature in profile.features if feature.name == "t"]
    assert feature.counts[feature.grid.special["missing"]] == 200
    assert json.loads(run("check", tmp_path / "p.json", file, "--json").stdout)["state"] == "ok"
    assert load_trace(file, profile, time="at").rows["t"].null_count == 200
    plain = run("profile", reference, "-o", tmp_path / "q.json", "--model", "m", "--independent")
    assert plain.exit_code == 0
    assert "NA" in Profile.load(tmp_path / "q.json").features[0].grid.labels


def test_what_was_recognised_is_said_on_stderr_and_not_where_quiet(
    frame: pl.DataFrame, profile: Path, tmp_path: Path
) -> None:
    write(frame, tmp_path / "excel.csv")
    loud = run("check", profile, tmp_path / "excel.csv", "--json")
    assert "excel.csv: read as separated by semicolons" in loud.stderr
    assert "read with decimal commas (amount)" in loud.stderr
    json.loads(loud.stdout)
    assert run("check", profile, tmp_path / "excel.csv", "-q").output == ""


@pytest.mark.parametrize("command", ["check", "backtest"])
def test_a_wrong_encoding_is_one_line_with_the_way_out(profile: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "a.csv").write_bytes("title,at\nDr,2024-01-01\ncafé,2024-01-01\n".encode("latin-1"))
    result = run(command, profile, tmp_path / "a.csv")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith("a.csv: expected UTF-8, got byte 0xe9 in line 3; try --encoding latin-1\n")


def test_placeholders_among_numbers_are_said_and_stay_numbers(tmp_path: Path) -> None:
    cells = ["?"] * 6 + [f"{row / 7:.2f}" for row in range(594)]
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{cell},1\n" for cell in cells))
    result = run("profile", tmp_path / "a.csv", "-o", tmp_path / "p.json", "--model", "m", "--independent")
    assert "6 values are no numbers ('?'): unreadable" in " ".join(result.stdout.split())
    feature = Profile.load(tmp_path / "p.json").features[0]
    assert (feature.kind, feature.counts[feature.grid.special["unreadable"]]) == ("numeric", 6)
