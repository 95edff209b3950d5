"""The command, against the metric server itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from driftmeter.cli.app import app
from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from driftmeter.store import open_store
from tests.replay.samples import write
from tests.support import orders
from tests.support.metric_server import metric_server
from tests.support.waiting import eventually

TIMING = Timing(10_000, 1_000)


@pytest.fixture(scope="module")
def engine(profile: Profile) -> Iterator[Engine]:
    store = open_store("memory://")
    engine = Engine(store, timing=TIMING)
    engine.register(profile)
    yield engine
    store.close()


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    with metric_server(engine) as url:
        yield url


def model_of(engine: Engine, profile: Profile, name: str) -> str:
    """Register the profile under another name, so that tests do not meet."""
    engine.register(replace(profile, model=name))
    return name


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["replay", *map(str, arguments)])


def verdict_of(engine: Engine, model: str, rows: int) -> Any:
    """Return the verdict once it is on so many rows."""
    verdict = json.loads(engine.verdict(model))
    return verdict if verdict["rows"] >= rows else None


@pytest.mark.parametrize("name", ["taller.csv", "taller.parquet"])
def test_a_file_replayed_with_its_time_gets_the_verdict_of_a_check(
    url: str, engine: Engine, profile: Profile, tmp_path: Path, name: str
) -> None:
    model = model_of(engine, profile, f"kept-{name}")
    rows = orders.orders(900, seed=5, taller=15)
    result = run(write(tmp_path / name, rows), "--url", url, "--model", model, "--keep-time", "--batch", 70)
    assert result.exit_code == 0, result.output
    assert result.stdout == "900 rows: 900 accepted (0 of them late), 0 rejected, 0 not sent\n"
    expected = compare(profile, pa.Table.from_pylist(rows)).to_json()
    verdict = eventually(lambda: verdict_of(engine, model, 900), "a verdict on all rows")
    assert verdict["rows"] == 900
    assert verdict["window"]["end"] == "2024-05-01T00:15:00.000Z"
    # what is decided live also hangs on time
    for now, then in zip(verdict["features"], expected["features"], strict=True):
        for key in ("feature", "role", "effect", "p_value", "tests", "rates"):
            assert now[key] == then[key]


def test_a_file_that_came_late_altogether_is_told_so(
    url: str, engine: Engine, profile: Profile, tmp_path: Path
) -> None:
    file = write(tmp_path / "o.csv", orders.orders(120, seed=5))
    to = ("--url", url, "--model", model_of(engine, profile, "twice"), "--keep-time")
    assert run(file, *to).exit_code == 0
    eventually(lambda: verdict_of(engine, "twice", 120), "a verdict on all rows")
    again = run(file, *to, "--limit", 100)
    assert again.exit_code == 0
    first, hint = again.stdout.splitlines()
    assert first == "100 rows: 100 accepted (100 of them late), 0 rejected, 0 not sent"
    assert hint.startswith("  all rows that were accepted came late and are in no verdict: their panes are closed")


def test_rows_moved_to_now_arrive_in_time_and_bad_ones_are_told(
    url: str, engine: Engine, profile: Profile, tmp_path: Path
) -> None:
    model = model_of(engine, profile, "moved ü")
    rows = orders.orders(300, seed=6)
    rows[5]["größe"], rows[9]["größe"], rows[7]["aktiv"] = "n.v.", "tall", "perhaps"
    result = run(write(tmp_path / "größe.csv", rows), "--url", url, "--model", model)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "300 rows: 300 accepted (0 of them late), 0 rejected, 0 not sent",
        "  2 × größe: expected a number, got text ('n.v.') in row 5",
        "  1 × aktiv: expected true or false, got text ('perhaps') in row 7",
        "  (the first row of the file is row 0)",
    ]
    totals = [source.totals for source in engine.store.sources(model)]
    assert sum(one.counted for one in totals) == 300
    assert [dict(one.unreadable) for one in totals if one.unreadable] == [{"größe": 2, "aktiv": 1}]


def test_an_unknown_model_a_wrong_address_and_a_missing_file_are_one_line(url: str, tmp_path: Path) -> None:
    file = write(tmp_path / "o.csv", orders.orders(3, seed=1))
    for arguments, message in (
        ((file, "--url", url, "--model", "shpo"), "unknown model 'shpo'; known: "),
        (
            (file, "--url", "http://127.0.0.1:9", "--model", "shop"),
            "driftmeter: cannot reach http://127.0.0.1:9: connection refused",
        ),
        ((file, "--url", "localhost:8001", "--model", "shop"), "url: expected http://host"),
        ((tmp_path / "no.csv", "--url", url, "--model", "shop"), "no.csv: expected a file, got nothing there"),
        ((file, "--url", url, "--model", "shop", "--time", "when"), "expected a column 'when'"),
    ):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send to one process on Windows")
def test_an_interrupt_stops_cleanly_with_a_summary(url: str, engine: Engine, profile: Profile, tmp_path: Path) -> None:
    model = model_of(engine, profile, "interrupted")
    file = write(tmp_path / "o.csv", orders.orders(600, seed=7))
    command = [sys.executable, "-m", "driftmeter", "replay", str(file), "--url", url, "--model", model, "--speed", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: engine.store.sources(model), "a row", seconds=60)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    summary = re.fullmatch(
        r"stopped: 600 rows: (\d+) accepted \(0 of them late\), 0 rejected, (\d+) not sent(; .*)?\n", stdout
    )
    assert summary, stdout
    assert int(summary[1]) + int(summary[2]) == 600
