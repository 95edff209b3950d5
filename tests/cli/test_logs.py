"""Logs of serving systems by the command line: profile, check and backtest take them like files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.logs.names import NAMES
from tests.support.scripts import ROOT
from tests.support.served_rows import FEATURES, PREDICTION, served_profile, served_rows
from tests.support.written_logs import WRITERS

BY_CSV = WRITERS["sagemaker"]["csv"]


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("profile") / "p.json"
    served_profile().dump(path)
    return path


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return BY_CSV(tmp_path_factory.mktemp("capture"), served_rows(0, 2_000))


def test_check_says_what_it_recognised_and_compares(profile: Path, capture: Path) -> None:
    result = run("check", profile, capture)
    assert result.exit_code in (0, 1), result.output
    first = result.stderr.splitlines()[0]
    assert first == (
        f"{capture}: read as SageMaker data capture: captureData and eventMetadata in each record (--format sagemaker)"
    )
    assert "flights: " in result.stdout.splitlines()[-1]
    quiet = run("check", profile, capture, "-q")
    assert (quiet.exit_code, quiet.output) == (result.exit_code, "")


def test_a_profile_of_a_log_knows_its_prediction_and_its_time(capture: Path, tmp_path: Path) -> None:
    made = run("profile", capture, "--model", "m", "-o", tmp_path / "p.json", "--columns", ",".join(FEATURES),
               "--categorical", "tailnum", "--prediction", PREDICTION)  # fmt: skip
    assert made.exit_code == 0, made.output
    document = json.loads((tmp_path / "p.json").read_text())
    roles = {feature["column"]: feature["role"] for feature in document["features"] if feature["role"] != "derived"}
    assert roles == {**dict.fromkeys(FEATURES, "feature"), PREDICTION: "prediction"}
    assert document["time"] == "timestamp"
    kinds = {feature["column"]: feature["kind"] for feature in document["features"]}
    assert kinds == {feature.column: feature.kind for feature in served_profile().features}
    assert run("check", tmp_path / "p.json", capture, "-q").exit_code == 0


def test_values_of_csv_are_typed_in_a_profile_as_those_of_a_csv_file(capture: Path, tmp_path: Path) -> None:
    table = served_rows(0, 2_000).frame()
    table.write_csv(tmp_path / "rows.csv")
    options = (
        "--model",
        "m",
        "--prediction",
        PREDICTION,
        "--independent",
        "--no-residuals",
        "--categorical",
        "tailnum",
    )
    for source, more in ((tmp_path / "rows.csv", ()), (capture, ("--columns", ",".join(FEATURES)))):
        made = run("profile", source, *options, *more, "-o", tmp_path / f"{source.name}.json")
        assert made.exit_code == 0, made.output
    of_csv, of_log = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("rows.csv", capture.name))
    assert of_log["features"] == of_csv["features"]


def test_without_the_names_of_the_columns_no_profile_is_made(capture: Path, tmp_path: Path) -> None:
    made = run("profile", capture, "--model", "m", "-o", tmp_path / "p.json")
    assert made.exit_code == 2
    assert "the names in order (--columns)" in made.stderr
    assert not (tmp_path / "p.json").exists()


def test_backtest_takes_the_times_of_the_records(profile: Path, capture: Path) -> None:
    result = run("backtest", profile, capture)
    assert result.exit_code in (0, 1), result.output
    assert "2,000 rows from 2026-03-01 00:00 to 2026-03-01 00:33" in result.stdout


def test_a_column_that_comes_only_later_is_not_absent(tmp_path: Path, profile: Path) -> None:
    rows = served_rows(0, 40_000)
    with (tmp_path / "rows.jsonl").open("w") as file:
        for number, row in enumerate(rows.features):
            file.write(json.dumps({name: row[name] for name in FEATURES if number > 39_000 or name != "hour"}) + "\n")
    result = run("check", profile, tmp_path / "rows.jsonl", "--json")
    document = json.loads(result.stdout)
    assert document["absent"] == [PREDICTION]
    (hour,) = [feature for feature in document["features"] if feature["feature"] == "hour"]
    assert hour["rates"]["missing"]["window"] == pytest.approx(39_001 / 40_000)


def test_too_much_that_cannot_be_read_is_an_error_that_names_the_option(profile: Path, tmp_path: Path) -> None:
    source = WRITERS["json-lines"][""](tmp_path, served_rows(0, 500))
    with source.open("a") as file:
        file.write("{broken\n" * 20)
    result = run("check", profile, source)
    assert result.exit_code == 2
    assert "20: expected JSON (rows.jsonl:501" in result.stderr
    assert "--allow-unreadable-records" in result.stderr
    assert run("check", profile, source, "--allow-unreadable-records").exit_code in (0, 1)


@pytest.mark.parametrize("command", ["profile", "check", "backtest", "replay"])
def test_each_command_that_takes_a_file_lists_the_forms(command: str) -> None:
    text = " ".join(run(command, "--help").output.split())
    for name in ("auto", "table", *NAMES):
        assert re.search(rf"\b{name}\b", text), name
    assert "--columns NAMES" in text


def test_every_form_is_in_the_page_on_doors() -> None:
    page = (ROOT / "docs/doors.md").read_text()
    for name in NAMES:
        assert f"`{name}`" in page, name
