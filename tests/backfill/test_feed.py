"""Panes that are sent to a running server: it comes to the history of the store that is filled directly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.store.sqlite.store import SQLiteStore
from tests.backfill.harness import backfill, content, frame, profile
from tests.support.metric_server import metric_server

ROWS = 3_000
TIMING = Timing(60_000, 30_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frame(ROWS, seed=2, step=1_000).sample(fraction=1.0, shuffle=True, seed=3).write_parquet(tmp_path / "rows.parquet")
    profile().dump(tmp_path / "profile.json")
    return tmp_path


def test_a_running_server_comes_to_the_same_history(folder: Path) -> None:
    engine = Engine(SQLiteStore(folder / "served.sqlite"), timing=TIMING)
    engine.register(profile())
    arguments = ["backfill", str(folder / "profile.json"), str(folder / "rows.parquet"), "--time", "at"]
    arguments += ["--work", str(folder / "work")]
    with metric_server(engine) as url:
        result = CliRunner().invoke(app, [*arguments, "--target", url, "--json"])
        assert result.exit_code == 0, result.output
        told = json.loads(result.stdout)
        assert (told["rows"], told["counted"], told["panes"], told["pane_ms"]) == (ROWS, ROWS, 50, 60_000)
        again = CliRunner().invoke(app, [*arguments, "--target", url])
        # it has all of this already: panes that are sent again count once
        assert again.exit_code == 0, again.output
    while engine.store.pending("shop"):
        engine.advance("shop")
    engine.store.close()
    backfill(folder / "filled.sqlite", profile(), folder / "rows.parquet", TIMING)
    assert content(folder / "served.sqlite") == content(folder / "filled.sqlite")
    assert not (folder / "work").exists()


def test_another_profile_or_pane_than_that_of_the_server_is_refused(folder: Path) -> None:
    engine = Engine(SQLiteStore(None), timing=TIMING)
    engine.register(profile())
    rows = str(folder / "rows.parquet")
    profile(independent=False).dump(folder / "other.json")
    with metric_server(engine) as url:
        for reference, more, expected in (
            ("other.json", [], "expected that of the server"),
            ("profile.json", ["--pane", "10s"], "--pane: expected that of the server, 60 s, got 10 s"),
        ):
            arguments = ["backfill", str(folder / reference), rows, "--time", "at", "--target", url, *more]
            result = CliRunner().invoke(app, arguments)
            assert result.exit_code == 2
            assert expected in result.stderr
    engine.store.close()
