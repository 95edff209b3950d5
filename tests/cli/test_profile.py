from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from tests.support import orders


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["profile", *map(str, arguments)])


@pytest.fixture(scope="module")
def csv_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return orders.write_csv(tmp_path_factory.mktemp("orders") / "orders.csv", orders.orders(1000, seed=1))


@pytest.fixture(scope="module")
def parquet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return orders.write_parquet(tmp_path_factory.mktemp("orders") / "orders.parquet", orders.orders(1000, seed=1))


def test_a_profile_of_a_csv_file_is_what_fit_makes_of_it(csv_file: Path, tmp_path: Path) -> None:
    made = tmp_path / "profile.json"
    result = run(
        csv_file, "-o", made, "--model", "shop", "--time", "bestellt", "--weekday", "bestellt", "--label", "bezahlt",
        "--prediction", "score", "--categorical", "plz", "--exclude", "aktiv", "--bins", "32",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    profile = Profile.load(made)
    assert [(feature.name, feature.kind, feature.role) for feature in profile.features] == [
        ("bestellt weekday", "categorical", "feature"),
        ("größe", "numeric", "feature"),
        ("ville", "categorical", "feature"),
        ("plz", "categorical", "feature"),
        ("anzahl", "numeric", "feature"),
        ("score", "numeric", "prediction"),
    ]
    assert profile.left_out == {"bezahlt": "the label", "aktiv": "excluded"}
    grid = profile.features[-1].grid
    assert isinstance(grid, NumericGrid)
    assert len(grid.labels[grid.core]) == 33  # a cut at the threshold of the labels, beside those of --bins 32
    assert profile.performance is not None
    assert profile.performance.classes == ("false", "true")


def test_the_table_names_features_what_is_left_out_and_the_digest(parquet_file: Path, tmp_path: Path) -> None:
    made = tmp_path / "profile.json"
    result = run(parquet_file, "-o", made, "--model", "shop", "--label", "bezahlt")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    row = next(line.split() for line in lines if line.startswith("größe"))
    assert row[:4] == ["größe", "numeric", "feature", "64"]
    assert row[5] == "%"
    assert 2 < float(row[4]) < 8
    assert any(line.split() == ["bezahlt", "the", "label"] for line in lines)
    assert any(line.startswith("bestellt") and "date-time" in line for line in lines)
    assert Profile.load(made).digest in lines[-1]


def test_csv_and_parquet_give_the_same_profile_where_types_agree(
    csv_file: Path, parquet_file: Path, tmp_path: Path
) -> None:
    options = ("--model", "shop", "--exclude", "plz", "--exclude", "bestellt", "--independent")
    digests = []
    for file in (csv_file, parquet_file):
        made = tmp_path / f"{file.suffix}.json"
        assert run(file, "-o", made, *options).exit_code == 0
        digests.append(Profile.load(made).digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([7] * 100, "constant"),
        (["a"] * 100, "constant"),
        ([None] * 99 + [1.5], "constant"),
        ([f"u{value}" for value in range(100)], "identifier"),
        ([0.0] * 70 + [value / 7 for value in range(1, 101)], ""),
        ([0.0] * 700 + [value / 7 for value in range(1, 101)], "88% at 0"),
        (["a"] * 50 + ["b"] * 50 + ["c", "c", "d"], "2 rare categories share 4 bins by their hash"),
    ],
)
def test_notes_say_what_deserves_a_second_look(values: list[Any], note: str, tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    pl.DataFrame({"x": values, "y": [1.0, 2.0] * (len(values) // 2) + [1.0] * (len(values) % 2)}).write_parquet(file)
    result = run(file, "-o", tmp_path / "p.json", "--model", "m")
    line = next(line for line in result.stdout.splitlines() if line.startswith("x "))
    assert note in line
    assert ("constant" in line) == (note == "constant")
    if not note:
        assert line.rstrip().endswith("%")


@pytest.mark.parametrize(
    ("values", "options", "kind", "noted"),
    [
        (["2024-01-08T08:00:00Z"], [], "hour, as written", True),
        ([1_704_700_800], [], "hour, as written", True),
        (["2024-01-08T09:00:00+01:00"], [], "hour, as written", False),
        (["2024-01-08 09:00"], [], "hour, as written", False),
        (["2024-01-08T08:00:00Z"], ["--zone", "Europe/Berlin"], "hour, Europe/Berlin", False),
    ],
)
def test_a_profile_says_by_whose_clocks_hours_are_and_names_the_way_out_of_utc(
    values: list[Any], options: list[str], kind: str, noted: bool, tmp_path: Path
) -> None:
    pl.DataFrame({"at": values * 50}).write_csv(tmp_path / "d.csv")
    result = run(tmp_path / "d.csv", "--model", "m", "--hour", "at", "-o", tmp_path / "p.json", *options)
    assert result.exit_code == 0, result.output
    assert kind in result.stdout
    assert ("the hour of UTC: --zone NAME if people" in result.stdout) == noted


def test_times_that_cannot_be_read_are_said_or_refused(tmp_path: Path) -> None:
    cells = [f"2024-01-{1 + hour // 24:02} {hour % 24:02}:00" for hour in range(600)]
    for bad, code in ((6, 0), (7, 2)):
        pl.DataFrame({"at": ["31/12/2023"] * bad + cells[bad:], "x": range(600)}).write_csv(tmp_path / "d.csv")
        result = run(tmp_path / "d.csv", "--model", "m", "--time", "at", "--include", "x", "-o", tmp_path / "p.json")
        assert result.exit_code == code
        assert f"{bad} of 600 ({bad / 6:.3g} %) cannot be read, such as row 0: text ('31/12/2023')" in result.stderr
    allowed = ("--time", "at", "--include", "x", "--allow-unreadable-times", "-o", tmp_path / "p.json")
    result = run(tmp_path / "d.csv", "--model", "m", *allowed)
    assert result.exit_code == 0
    assert "7 of 600" in result.stderr
    assert "Calibrated by windows of 1 h to" in result.stdout
    assert "Rows that come as these did are too few, or too alike" in result.stdout


def test_an_empty_column_has_a_note_and_can_still_be_monitored(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("x,y\n" + ",1\n" * 50, encoding="utf-8")
    result = run(file, "-o", tmp_path / "p.json", "--model", "m", "--numeric", "x")
    assert result.exit_code == 0, result.output
    assert "no values at all" in result.stdout


def test_one_feature_is_told_of_in_the_singular(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("x\n" + "1\n" * 50, encoding="utf-8")
    result = run(file, "-o", tmp_path / "p.json", "--model", "m")
    assert "p.json: 1 feature of m from 50 rows" in result.stdout


def test_names_cannot_command_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a\x1b[31m,[bold]b\n" + "1,2\n" * 50, encoding="utf-8")
    result = run(file, "-o", tmp_path / "p.json", "--model", "m")
    assert "\x1b" not in result.stdout
    assert "[bold]b" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "m", "--label", "truth"], "driftmeter: no column 'truth'; there are: bestellt, größe"),
        (["--model", "m", "--numeric", "ville"], "column 'ville': expected numbers"),
        (["--model", "a/b"], "expected a name without '/'"),
        (["--model", "m", "--hour", "ville"], "expected a date-time, for its hour, got text"),
        (["--model", "m", "-o", "nowhere/p.json"], "driftmeter: nowhere/p.json: No such file or directory"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(csv_file, *arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
    assert not (tmp_path / "profile.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give DATA and --model"),
        (["--model", "m", "--time", "bestellt", "--independent"], "exclude each other"),
        (["--model", "m", "--numeric", "plz", "--categorical", "plz"], "cannot be both"),
        (["--model", "m", "--bins", "1"], "1 is not in the range"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(csv_file: Path, arguments: list[str], message: str) -> None:
    result = run(csv_file, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("driftmeter: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", None, "expected a file, got nothing there"),
        ("x.xlsx", b"", "expected a file ending in .parquet, .csv"),
        ("x.parquet", b"PAR1 but no more", "expected a readable .parquet file"),
        ("x.csv", b"", "expected a readable .csv file"),
        ("x.csv", b"a,b\n", "expected rows below the header, got none"),
        ("x.csv", b"a,b\n1\n2,3\n", "expected 2 cells, as in the header, got 1 in line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    result = run(file, "-o", tmp_path / "p.json", "--model", "m")
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "derived"), [((), ["x given the rest", "y given the rest"]), (("--no-residuals",), [])]
)
def test_residuals_are_monitored_unless_left_out(tmp_path: Path, options: tuple[str, ...], derived: list[str]) -> None:
    file, made = tmp_path / "x.csv", tmp_path / "p.json"
    file.write_text("x,y\n" + "".join(f"{row % 90},{row % 90 + row % 7}\n" for row in range(100)))
    result = run(file, "-o", made, "--model", "m", *options)
    assert result.exit_code == 0
    assert [feature.name for feature in Profile.load(made).features] == ["x", "y", *derived]
    lines = [line for line in result.stdout.splitlines() if " given the rest" in line]
    assert [line[:16] for line in lines] == derived
    assert not any("identifier" in line for line in lines)  # as x is
