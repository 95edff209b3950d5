from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.timestamps import iso, parse_time
from tests.backtest import streams

ROWS = 6 * streams.DAY_ROWS
FAULT = "temp: shift 1sd from 2024-06-04"


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["backtest", *map(str, arguments), "--pane", "30m"])


def lines(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("backtest")
    streams.profile().dump(made / "profile.json")
    history().write_parquet(made / "history.parquet")
    return made


def history(rows: int = ROWS) -> pl.DataFrame:
    times = pl.Series("at", streams.times(rows)).cast(pl.Datetime("ms", "UTC"))
    return streams.frame(rows, seed=2).with_columns(times)


@pytest.fixture(scope="module")
def profile(folder: Path) -> Path:
    return folder / "profile.json"


@pytest.fixture(scope="module")
def data(folder: Path) -> Path:
    return folder / "history.parquet"


def test_a_quiet_history_is_0_and_a_summary(profile: Path, data: Path) -> None:
    result = run(profile, data, "--time", "at")
    assert result.exit_code == 0
    assert result.stdout == (
        "shop: 17,280 rows from 2024-06-01 00:00 to 2024-06-06 23:59 (6 d), 288 panes of 30m: "
        "0 alarms, 0 incidents, 0.00 pages per 30 days\n"
    )
    assert result.stderr == ""


def test_a_fault_alarms_and_is_1(profile: Path, data: Path) -> None:
    result = run(profile, data, "--time", "at", "--inject", FAULT, "--inject", "seats: shift 0.001 from 2024-06-05")
    assert result.exit_code == 1
    printed = result.stdout.splitlines()
    assert printed[1].split()[2:5] == ["page", "temp", "feature"]
    assert printed[1].startswith("2024-06-04 ")
    assert any(line.startswith(f"{FAULT}: seen after ") for line in printed)
    assert "seats: shift 0.001 from 2024-06-05: never seen" in printed
    assert printed[-1].endswith("1 alarm, 1 incident, 0.00 pages per 30 days before the faults")


def test_a_fault_from_the_start_leaves_no_rate_of_pages(profile: Path, data: Path) -> None:
    given = (profile, data, "--time", "at", "--inject", "temp: shift 1sd")
    assert run(*given).stdout.rstrip().endswith("nothing says how often it pages without them")
    assert lines(run(*given, "--budget", "7d,30d", "--json"))[0]["pages_per_30_days"] is None


def test_json_is_the_events_and_a_line_for_each_fault(profile: Path, data: Path) -> None:
    result = run(profile, data, "--time", "at", "--inject", FAULT, "--json")
    assert result.exit_code == 1
    events = lines(result)
    alarm, fault = events[0], events[-1]
    assert {"event", "feature", "role", "at", "since", "effect", "evidence"} <= set(alarm)
    assert (alarm["event"], alarm["feature"], alarm["role"], alarm["pages"]) == ("alarm", "temp", "feature", True)
    assert "2024-06-04T00:00:00.000Z" < alarm["at"] < "2024-06-04T12:00:00.000Z"
    assert {event["event"] for event in events[:-1]} <= {"alarm", "closed"}
    assert (fault["event"], fault["fault"], fault["seen"]) == ("fault", FAULT, alarm["at"])
    assert fault["rows"] == (parse_time(fault["seen"]) - parse_time("2024-06-04")) // streams.STEP
    assert fault["from"] == iso(parse_time("2024-06-04"))


def test_json_of_a_quiet_history_is_empty(profile: Path, data: Path) -> None:
    result = run(profile, data, "--time", "at", "--json")
    assert (result.exit_code, result.output) == (0, "")


def test_budgets_are_compared(profile: Path, data: Path) -> None:
    result = run(profile, data, "--time", "at", "--inject", FAULT, "--budget", "7d,30d,7d", "--json")
    assert result.exit_code == 1
    budgets = lines(result)
    assert [budget["budget"] for budget in budgets] == ["7d", "30d"]
    assert all(budget["event"] == "budget" and budget["pages_per_30_days"] == 0 for budget in budgets)
    assert all(budget["faults"][0]["seen"] for budget in budgets)
    assert budgets[0]["faults"][0]["rows"] <= budgets[1]["faults"][0]["rows"]
    printed = run(profile, data, "--time", "at", "--inject", FAULT, "--budget", "7d,30d").stdout.splitlines()
    assert [line.split()[0] for line in printed[1:3]] == ["7d", "30d"]
    assert "seen after" in printed[1]


def test_what_counts_as_drift_can_be_set(profile: Path, data: Path, tmp_path: Path) -> None:
    given = (profile, data, "--time", "at", "--inject", FAULT)
    assert run(*given, "--tolerance", "5").exit_code == 0
    (tmp_path / "all.toml").write_text('["*"]\ntolerance = 5\n')
    (tmp_path / "own.toml").write_text('["*"]\ntolerance = 5\n[shop]\ntolerance = 0.01\n')
    assert run(*given, "--settings", tmp_path / "all.toml").exit_code == 0
    assert run(*given, "--settings", tmp_path / "own.toml").exit_code == 1
    assert run(*given, "--settings", tmp_path / "own.toml", "--tolerance", "5").exit_code == 0


def test_rows_out_of_order_are_sorted_and_that_is_said(profile: Path, tmp_path: Path) -> None:
    ordered, shuffled = tmp_path / "ordered.parquet", tmp_path / "shuffled.parquet"
    frame = history().with_columns(temp=pl.when(pl.col("at").dt.day() > 3).then(90.0).otherwise(pl.col("temp")))
    frame.write_parquet(ordered)
    frame.sample(fraction=1.0, shuffle=True, seed=1).write_parquet(shuffled)
    result = run(profile, shuffled, "--time", "at", "--json")
    assert "were not in order of time" in result.stderr
    assert lines(result) == lines(run(profile, ordered, "--time", "at", "--json"))
    assert lines(result)[0]["feature"] == "temp"


def test_a_csv_file_gives_the_events_of_the_parquet_file(profile: Path, data: Path, tmp_path: Path) -> None:
    history().write_csv(tmp_path / "history.csv")
    given = ("--time", "at", "--inject", FAULT, "--json")
    assert lines(run(profile, tmp_path / "history.csv", *given)) == lines(run(profile, data, *given)) != []


def test_times_that_cannot_be_read_are_said_or_refused(profile: Path, tmp_path: Path) -> None:
    for bad, code in ((10, 0), (11, 2)):
        frame = history(1000).with_columns(pl.col("at").dt.to_string("%Y-%m-%d %H:%M:%S"))
        frame = frame.with_columns(at=pl.when(pl.int_range(1000) < bad).then(pl.lit("soon")).otherwise("at"))
        frame.write_csv(tmp_path / "history.csv")
        result = run(profile, tmp_path / "history.csv", "--time", "at")
        assert result.exit_code == code
        assert f"{bad} of 1,000 ({bad / 10:.3g} %) cannot be read, such as row 0: text ('soon'); row 1" in result.stderr
    result = run(profile, tmp_path / "history.csv", "--time", "at", "--allow-unreadable-times")
    assert result.exit_code == 0
    assert " 989 rows " in result.stdout


def test_times_that_name_no_zone_are_of_the_one_that_is_given(profile: Path, data: Path, tmp_path: Path) -> None:
    local = history().with_columns(pl.col("at").dt.convert_time_zone("Europe/Berlin").dt.replace_time_zone(None))
    local.write_parquet(tmp_path / "local.parquet")
    given = ("--time", "at", "--inject", FAULT, "--json")
    expected = lines(run(profile, data, *given))
    assert lines(run(profile, tmp_path / "local.parquet", *given, "--zone", "Europe/Berlin")) == expected != []


def test_what_cannot_be_read_is_said(profile: Path, tmp_path: Path) -> None:
    frame = history(1000).with_columns(pl.col("temp").cast(pl.String)).drop("seats")
    frame[7, "temp"] = "warm"
    frame.write_csv(tmp_path / "history.csv")
    result = run(profile, tmp_path / "history.csv", "--time", "at")
    note = "1 values cannot be read and count as unreadable, such as in row 7: temp: expected a number, got text"
    assert note in result.stderr
    assert "Not in the data, so all values count as missing: seats." in result.stderr
    assert " 1,000 rows " in result.stdout or " 1000 rows " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--time", "when"], "expected a column 'when'"),
        ([], "a column that holds the time"),
        (["--time", "at", "--inject", "tmep: shift 5"], "such as 'temp'"),
        (["--time", "at", "--inject", "temp: shfit 5"], "did you mean 'shift'"),
        (["--time", "at", "--budget", "soon"], "500ms, 10s or 1h"),
        (["--time", "at", "--pane", "soon"], "500ms, 10s or 1h"),
        (["--time", "at", "--settings", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_errors_are_one_line_and_2(profile: Path, data: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["backtest", str(profile), str(data), *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_profile_that_cannot_page_is_said(folder: Path, data: Path, tmp_path: Path) -> None:
    from driftmeter.profile.profile import Profile

    Profile.fit(streams.frame(5000, seed=1), model="shop").dump(tmp_path / "uncalibrated.json")
    result = run(tmp_path / "uncalibrated.json", data, "--time", "at")
    assert "nothing pages" in result.stderr
    assert "--time COLUMN" in result.stderr
