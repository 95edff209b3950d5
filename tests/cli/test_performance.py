"""`driftmeter performance` on files and logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from driftmeter.cli.app import app
from tests.performance.samples import binary

HOURS = pl.datetime_range(pl.datetime(2024, 5, 1), pl.datetime(2024, 6, 1), "30m", eager=True)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("performance")
    binary(10_000).write_csv(path / "train.csv")
    made = run("profile", path / "train.csv", "--model", "shop", "--prediction", "score", "--label", "label",
               "-o", path / "profile.json")  # fmt: skip
    assert made.exit_code == 0, made.output
    binary(1_000, seed=1).with_columns(at=HOURS[:1_000]).write_csv(path / "same.csv")
    binary(2_000, seed=2, hard=0.95).write_parquet(path / "harder.parquet")
    rows = binary(500, seed=3).drop("label").to_dicts()
    (path / "log.jsonl").write_text("".join(json.dumps({**row, "timestamp": 1_714_521_600}) + "\n" for row in rows))
    return path


def documents(folder: Path, name: str, *options: object) -> Any:
    result = run("performance", folder / name, "--profile", folder / "profile.json", "--json", *options)
    return json.loads(result.stdout)


def test_a_table_shows_estimate_interval_and_what_was_realised(folder: Path) -> None:
    result = run("performance", folder / "same.csv", "--profile", folder / "profile.json")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    head = ["period", "rows", "metric", "estimate", "95 % interval", "realised", "reference's range"]
    assert [name for name in head if name in lines[0]] == head
    assert lines[1].split()[:4] == ["all", "rows", "1,000", "roc_auc"]
    assert "Assumes that labels depend on the features as in the reference." in lines
    assert lines[-1] == "shop: nothing outside"


def test_a_worse_model_exits_with_1_and_bounds_replace_the_range_of_the_reference(folder: Path) -> None:
    profile = ("--profile", folder / "profile.json")
    worse = run("performance", folder / "harder.parquet", *profile)
    assert worse.exit_code == 1
    assert worse.stdout.splitlines()[-1] == "shop: outside in 1 of 1 periods"
    assert run("performance", folder / "harder.parquet", *profile, "--at-least", "accuracy=0.5").exit_code == 0
    assert run("performance", folder / "same.csv", *profile, "--at-least", "accuracy=0.99").exit_code == 1
    assert run("performance", folder / "same.csv", *profile, "--at-most", "brier=0.01").exit_code == 1


def test_json_has_every_metric_by_day(folder: Path) -> None:
    document = documents(folder, "same.csv", "--by", "day", "--time", "at")
    assert [period["rows"] for period in document["periods"]] == [48] * 20 + [40]
    first = document["periods"][0]
    assert first["period"] == "2024-05-01"
    assert first["labelled"] == 48
    assert first["unreliable"] == ["there are 48 rows, fewer than 100"]
    assert first["metrics"]["accuracy"].keys() == {"value", "low", "high", "usual", "worse", "realised"}


def test_chunks_of_a_file_add_up_to_its_rows(folder: Path) -> None:
    chunks = documents(folder, "harder.parquet", "--chunk", 300)["periods"]
    assert [chunk["rows"] for chunk in chunks] == [300] * 6 + [200]


def test_a_log_without_labels_is_read_as_check_reads_it(folder: Path) -> None:
    (period,) = documents(folder, "log.jsonl")["periods"]
    assert (period["rows"], period["labelled"]) == (500, 0)
    assert period["metrics"]["accuracy"]["realised"] is None


def test_costs_give_a_value_per_row(folder: Path) -> None:
    (period,) = documents(folder, "same.csv", "--cost", "tp=1,fp=-2")["periods"]
    metrics = period["metrics"]
    expected = (metrics["tp"]["value"] - 2 * metrics["fp"]["value"]) / 1_000
    assert metrics["value"]["value"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--by", "day", "--chunk", "5"], "--by and --chunk exclude each other"),
        (["--time", "at"], "--time is for --by"),
        (["--by", "day"], "time: expected the column of the times"),
        (["--cost", "tp=1,oops=2"], "--cost: expected values of tp, fp, fn, tn"),
        (["--cost", "tp"], "expected names with numbers, such as accuracy=0.9, got 'tp'"),
        (["--at-least", "accuracyy=0.9"], "did you mean 'accuracy'?"),
        (["--label", "truth"], "label: expected one of the columns"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(folder: Path, options: list[str], message: str) -> None:
    result = run("performance", folder / "same.csv", "--profile", folder / "profile.json", *options)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert message in line


def test_a_profile_without_labels_is_told_how_to_get_them(folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "bare.json"
    assert run("profile", folder / "train.csv", "--model", "shop", "--exclude", "label", "-o", made).exit_code == 0
    result = run("performance", folder / "same.csv", "--profile", made)
    assert result.exit_code == 2
    assert "driftmeter profile --prediction COLUMN --label COLUMN" in result.stderr


def test_options_of_labels_reach_the_profile(folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "named.json"
    options = ("--prediction", "score", "--label", "label", "--task", "binary", "--positive", "0", "--threshold", "0.4")
    assert run("profile", folder / "train.csv", "--model", "shop", *options, "-o", made).exit_code == 0
    performance = json.loads(made.read_bytes())["performance"]
    assert performance["classes"] == ["1", "0"]
    assert performance["threshold"] == 0.4
    wrong = run("profile", folder / "train.csv", "--model", "shop", *options[:4], "--probability", "a", "-o", made)
    assert "--probability: expected CLASS=COLUMN, got 'a'" in wrong.stderr


def test_a_metric_that_is_not_shown_decides_nothing(folder: Path) -> None:
    of_all, shown = (
        {one["metric"] for one in documents(folder, "harder.parquet", *options)["outside"]}
        for options in (("--metric", "all"), ())
    )
    assert shown == of_all & {"roc_auc", "accuracy", "f1"}
    assert of_all - shown
