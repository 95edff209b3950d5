from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.page.profile_summary import profile_summary
from driftmeter.profile.profile import Profile

N = 800
CHANCE = np.random.default_rng(7)


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["profile", *map(str, arguments)])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 33 days with a row number, an amount with a code for missing, a price as text, and a label."""
    start = dt.datetime(2024, 3, 1)
    frame = pl.DataFrame(
        {
            "day": [(start + dt.timedelta(hours=hour)).strftime("%d/%m/%Y %H:%M") for hour in range(N)],
            "row": range(N),
            "amount": np.where(CHANCE.random(N) < 0.1, -999.0, CHANCE.lognormal(3, 1, N).round(2)),
            "price": [f"€{amount % 30 + 1000:,}" for amount in range(N)],
            "churned": CHANCE.integers(0, 2, N),
        }
    )
    path = tmp_path_factory.mktemp("show") / "train.csv"
    frame.write_csv(path)
    return path


@pytest.fixture(scope="module")
def made(file: Path) -> Path:
    path = file.with_name("p.json")
    result = run(file, "-o", path, "--model", "m", "--time", "day", "--time-format", "%d/%m/%Y %H:%M")
    assert result.exit_code == 0, result.output
    return path


def test_a_profile_is_shown_as_it_was_when_it_was_made(file: Path, made: Path) -> None:
    again = run(file, "-o", made, "--model", "m", "--time", "day", "--time-format", "%d/%m/%Y %H:%M")
    shown = run("--show", made)
    assert shown.exit_code == 0
    assert shown.stdout == again.stdout
    for text in (
        *("-999 in ", "looks like a clock", "--include row monitors it", "money as text", "looks like the label"),
        *("Rows from 2024-03-01 00:00 to 2024-04-03 07:00 UTC by 'day', written as %d/%m/%Y %H:%M.", "Calibrated by"),
        *("2 features of m from 800 rows", Profile.load(made).digest),
    ):
        assert text in " ".join(shown.stdout.split()), text


def test_the_json_holds_what_the_table_shows(made: Path) -> None:
    profile = Profile.load(made)
    shown = json.loads(run("--show", made, "--json").stdout)
    assert shown == profile_summary(profile)
    assert shown["period"] == {"start": "2024-03-01T00:00:00.000Z", "end": "2024-04-03T07:00:00.000Z", "days": 33.29}
    assert (shown["time"], shown["time_format"]) == ("day", "%d/%m/%Y %H:%M")
    assert {feature["feature"]: feature["notes"] for feature in shown["features"]} == {
        name: list(profile.notes[name]) for name in ("amount", "price")
    }
    assert [one["column"] for one in shown["left_out"]] == ["churned", "day", "row"]


def test_other_profiles_and_files_are_refused_and_shown_ones_cannot_be_changed(made: Path, file: Path) -> None:
    for arguments, message in (
        (("--show", file), "expected a profile"),
        (("--show", made, "--bins", "3"), "--bins is for DATA, not for --show"),
        (("--show", made, "--since", "1h"), "--since is not for --show"),
        ((file, "--show", made), "--show is instead of DATA; leave DATA out"),
        ((file, "--from-live", "m", "--since", "1h"), "--from-live is instead of DATA; leave DATA out"),
        ((file, "--model", "m", "--json"), "--json is for --show"),
    ):
        result = run(*arguments)
        assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


def test_included_columns_are_monitored_and_only_ones_alone(file: Path, tmp_path: Path) -> None:
    def features(*options: str) -> list[str]:
        assert run(file, "-o", tmp_path / "p.json", "--model", "m", *options).exit_code == 0
        return [feature.name for feature in Profile.load(tmp_path / "p.json").features]

    assert features() == ["amount", "price"]
    assert features("--include", "row", "--include", "churned") == ["row", "amount", "price", "churned"]
    assert features("--only", "row") == ["row"]
    assert features("--label", "churned", "--only", "row", "--include", "price") == ["row", "price"]


def test_a_code_for_missing_is_missing_once_it_is_named(file: Path, tmp_path: Path) -> None:
    assert run(file, "-o", tmp_path / "p.json", "--model", "m", "--na=-999.0").exit_code == 0
    profile = Profile.load(tmp_path / "p.json")
    feature = profile.features[0]
    assert feature.counts[feature.grid.special["missing"]] > 50
    assert "amount" not in profile.notes
