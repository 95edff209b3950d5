"""`driftmeter top`, against a real server."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from driftmeter.cli.app import app
from driftmeter.cli.console import console
from driftmeter.cli.top_view import fleet_view, overview_view
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.store import open_store
from driftmeter.store.records import AddRows
from driftmeter.types import JSON
from tests.support.metric_server import metric_server

START = 1_700_000_000_000


def orders(rows: int, seed: int, shift: float = 0.0) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    return pl.DataFrame({"amount": chance.normal(size=rows) + shift, "city": chance.choice(["a", "b"], rows)})


def feed(engine: Engine, model: str, panes: int, shift: float) -> None:
    """Register a model and give it panes of 500 rows, whose amounts have moved."""
    engine.register(Profile.fit(orders(10_000, 0), model=model, independent=True))
    compiled = engine.compiled(model)
    for index in range(panes):
        frame = as_frame(orders(500, 1 + index, shift=shift))
        rows, _, _ = compiled.reader.read_columns(columns_of(frame, compiled.reader.names))
        totals = SourceTotals(500 * (index + 1), 500 * (index + 1))
        time = START + 10_000 * index
        parts = engine.sort_rows(compiled, rows, time)
        engine.store.commit([AddRows(model, compiled.profile.digest, "s", parts, totals, watermark=time + 10_000)])
        engine.advance(model)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    store = open_store("memory://")
    engine = Engine(store, timing=Timing(10_000, 0))
    feed(engine, "shop", 6, 1.0)
    yield engine
    store.close()


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    with metric_server(engine) as url:
        yield url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["top", *arguments])


def test_the_only_model_is_shown_with_its_worst_feature_first(url: str, engine: Engine) -> None:
    result = run("--once", "--url", url)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("shop  drifting for ")
    assert "3,000 rows in the window · coverage 100.0%" in lines[1]
    features = lines[next(place for place, line in enumerate(lines) if line.startswith("feature")) + 1 :]
    assert features[0].split()[:3] == ["amount", "drifting", "major"]
    assert "Is shifted by " in features[0]
    assert features[1].split()[:2] == ["city", "ok"]


def test_the_models_of_a_fleet_are_shown_the_worst_first() -> None:
    store = open_store("memory://")
    engine = Engine(store, timing=Timing(10_000, 0))
    for model, shift in (("a-calm", 0.0), ("b-moved", 1.0)):
        feed(engine, model, 6, shift)
    with metric_server(engine) as url:
        lines = run("--once", "--url", url).stdout.splitlines()
        one = run("a-calm", "--once", "--url", url).stdout
    store.close()
    assert [line.split()[:2] for line in lines[1:]] == [["b-moved", "drifting"], ["a-calm", "ok"]]
    assert one.startswith("a-calm  all right")


def test_a_model_or_server_that_is_not_there_is_an_error(url: str) -> None:
    result = run("shup", "--once", "--url", url)
    assert result.exit_code == 2
    assert "shup" in result.stderr
    assert run("--once", "--url", "http://127.0.0.1:1").exit_code == 2


OVERVIEW: JSON = {
    "model": "m\x1b[31m", "at": "2026-11-29T12:00:00.000Z", "closed": "2026-11-29T11:00:00.000Z", "state": "drifting",
    "since": "2026-11-29T10:00:00.000Z", "summary": "x0 [red]looks[/red] like °F → °C; x1 follows.", "rows": 10,
    "rows_per_second": 0.5, "coverage": None, "stale_after_seconds": 90.0,
    "sources": {"live": 2, "silent": 1, "closed": 0},
    "hours": {"start": "", "step_seconds": 900, "states": ["ok", None, "drifting", "drifting"] * 24, "rows": []},
    "features": [
        {
            "feature": f"x{number}", "state": "drifting", "severity": "major", "effect": 2.0, "evidence": 5.0,
            "since": None, "why": "Rose.", "pages": True, "follows": "x0" if number else None,
            "change": None if number else {"text": "looks like °F → °C"},
        }
        for number in range(500)
    ],
}  # fmt: skip


@pytest.mark.parametrize(("width", "height"), [(40, 10), (80, 24), (200, 60)])
def test_the_overview_fits_a_terminal_of_any_size(width: int, height: int) -> None:
    out = console()
    with out.capture() as captured:
        out.print(overview_view(OVERVIEW, width=width, height=height), width=width)
    lines = captured.get().splitlines()
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert "… and " in lines[-1]


def test_it_says_who_follows_what_changed_and_that_rows_stopped() -> None:
    out = console()
    with out.capture() as captured:
        out.print(overview_view(OVERVIEW, width=140, height=30))
        out.print(fleet_view([{"model": "m", "state": None, "coverage": None}], height=30))
    text = captured.get()
    assert "\x1b" not in text
    assert "m�[31m  drifting for 2 h" in text
    assert "1 silent · no rows for 1 h" in text
    assert "x0 [red]looks[/red] like °F → °C; x1 follows." in text
    assert "looks like °F → °C. Rose." in text
    assert "↳ x1" in text
    assert "follows x0" in text


def test_it_goes_on_until_it_is_interrupted(url: str) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "driftmeter", "top", "shop", "--url", url, "--every", "0.2"]
    process = subprocess.Popen(command, stdout=follower, stdin=follower, env={**os.environ, "TERM": "xterm"})
    os.close(follower)
    try:
        seen = bytearray()
        while seen.count(b"rows/s") < 3:  # each look draws it once
            seen.extend(os.read(leader, 65_536))
        process.send_signal(signal.SIGINT)
        with suppress(OSError):  # the terminal is closed with its last process
            while os.read(leader, 65_536):
                pass
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(leader)
