"""Logs of serving systems, replayed to a metric server: the counts of their rows, at their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.engine.engine import Engine
from driftmeter.panes.pane import Slice
from driftmeter.panes.timing import Timing
from driftmeter.panes.windows import WindowSetting
from driftmeter.report import compare
from driftmeter.store import open_store
from driftmeter.timestamps import HOUR, parse_time
from tests.support.metric_server import metric_server
from tests.support.served_rows import served_profile, served_rows
from tests.support.waiting import eventually
from tests.support.written_logs import WRITERS

ROWS = 1_200
START = parse_time("2026-03-01")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    store = open_store("memory://")
    yield Engine(store, timing=Timing(10_000, 1_000))
    store.close()


@pytest.mark.parametrize(
    ("form", "way"),
    [
        ("sagemaker", "csv"),
        ("kserve", "0.18, V2 with binary tensors"),
        ("bentoml", ""),
        ("databricks", "AI Gateway"),
    ],
)
def test_a_log_replayed_with_its_times_is_counted_in_the_panes_of_its_times(
    form: str, way: str, engine: Engine, tmp_path: Path
) -> None:
    profile = replace(served_profile(), model=f"flights-{form}")
    engine.register(profile)
    source = WRITERS[form][way](tmp_path, served_rows(100_000, ROWS))
    with metric_server(engine) as url:
        command = ["replay", str(source), "--url", url, "--model", profile.model, "--keep-time", "--batch", "100"]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        assert result.stdout == "1,200 rows: 1,200 accepted (0 of them late), 0 rejected, 0 not sent\n"

        def slices() -> list[Slice] | None:
            kept = engine.store.recent(profile.model, profile.digest, START + HOUR, WindowSetting(HOUR, 0))
            return kept if sum(one.summary.rows for one in kept) == ROWS else None

        kept = eventually(slices, "slices of all rows")
    assert kept[0].start == START
    assert kept[-1].start + kept[-1].length <= START + ROWS * 1000
    counts = sum((one.summary.counts for one in kept), np.zeros(profile.bins, np.int64))
    report = compare(profile, served_rows(100_000, ROWS).frame())
    assert counts.tolist() == report.verdict.window.summary.counts.tolist()
