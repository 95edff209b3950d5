from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from tests.backfill.harness import frame, profile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frame(7_200, seed=2, step=1_000).write_parquet(tmp_path / "rows.parquet")
    profile().dump(tmp_path / "profile.json")
    return tmp_path


def run(folder: Path, *arguments: str, store: str | None = None) -> Any:
    given = ["backfill", str(folder / "profile.json"), str(folder / "rows.parquet"), *arguments]
    return CliRunner().invoke(app, [*given, "--store", store or f"sqlite:///{folder}/store.sqlite", "--pane", "1m"])


def test_it_says_what_it_counted_and_which_incidents_there_were(folder: Path) -> None:
    result = run(folder, "--time", "at")
    assert result.exit_code == 0, result.output
    first, speed, head, incident = result.stdout.splitlines()
    assert first == (
        "shop: 7,200 of 7,200 rows counted of Parquet, 1 file from 2024-06-01 00:00 to 2024-06-01 01:59, "
        "120 panes of 60 s folded: 1 incident"
    )
    assert speed.startswith("  counted in ")
    assert head.split() == ["incident", "state", "severity", "since", "closed", "features", "acknowledged"]
    assert "city, temp" in incident
    assert [file.name for file in folder.iterdir() if "backfill" in file.name] == []
    again = run(folder, "--time", "at")
    assert again.exit_code == 0
    assert "  7,200 rows left out: closed (their panes are closed in the store already)" in again.stdout.splitlines()


def test_bounds_and_json_and_a_store_in_memory(folder: Path) -> None:
    options = ("--time", "at", "--since", "2024-06-01T00:10", "--until", "2024-06-01T00:20", "--json")
    told = json.loads(run(folder, *options, store="memory://").stdout)
    assert (told["counted"], told["first"], told["last"]) == (
        600,
        "2024-06-01T00:10:00.000Z",
        "2024-06-01T00:19:59.000Z",
    )
    assert told["dropped"] == {"after the end": 6_000, "before --since": 600}
    assert told["incidents"] == []
    assert sorted(file.name for file in folder.iterdir()) == ["profile.json", "rows.parquet"]


def test_the_settings_file_and_another_name_hold(folder: Path) -> None:
    (folder / "drift.toml").write_text('["*"]\npage_from = "major"\n[other]\nunseen_texts = false\n')
    result = run(folder, "--time", "at", "--model", "other", "--settings", str(folder / "drift.toml"), "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["model"] == "other"
    assert "Neu" not in json.dumps(told)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected a column that holds the time, named by --time, got temp, seats, city, member, at"),
        (("--time", "when"), "expected a column 'when', got temp, seats, city, member, at"),
        (("--time", "at", "--arrival", "came"), "expected a column 'came'"),
        (("--time", "at", "--since", "yesterday"), "--since: expected"),
        (
            (
                "--time",
                "temp",
            ),
            "time 'temp': expected seconds since the epoch",
        ),
    ],
)
def test_an_error_is_2_and_one_line(arguments: tuple[str, ...], message: str, folder: Path) -> None:
    result = run(folder, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_source_that_is_not_there_is_an_error(folder: Path) -> None:
    result = CliRunner().invoke(app, ["backfill", str(folder / "profile.json"), str(folder / "nothing.parquet")])
    assert result.exit_code == 2
    assert "nothing.parquet" in result.stderr
    assert not Path("driftmeter.sqlite").exists()
