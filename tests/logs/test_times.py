"""The times of a log's rows are those of its records, or of their object where these have none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from driftmeter.replay import load_trace
from driftmeter.timestamps import parse_time
from tests.support.served_rows import START, served_profile, served_rows
from tests.support.written_logs import WRITERS

ROWS = 600
FIRST = int(START.timestamp()) * 1000
WITHOUT = {("kserve", way) for way in ("0.16", "CSV", "Parquet")}
"""The ways of KServe that have no times but those of their objects."""
WAYS = [(form, way) for form, ways in WRITERS.items() for way in ways if form not in ("json-lines", "triton")]


@pytest.mark.parametrize(("form", "way"), WAYS)
def test_rows_have_the_times_of_their_records(form: str, way: str, tmp_path: Path) -> None:
    source = WRITERS[form][way](tmp_path, served_rows(0, ROWS))
    for file in tmp_path.rglob("*.*"):
        os.utime(file, (1_790_000_000, 1_790_000_000))
    told: list[str] = []
    trace = load_trace(source, served_profile(), say=told.append)
    assert len(trace) == ROWS
    assert trace.times is not None
    assert trace.note is None
    assert (np.diff(trace.times) >= 0).all()
    if (form, way) in WITHOUT:
        assert set(trace.times.tolist()) == {1_790_000_000_000}
        assert any("that of their object is taken" in note for note in told)
    else:
        assert FIRST <= int(trace.times[0]) < FIRST + 1_000
        assert int(trace.times[-1]) < FIRST + 1_000 * ROWS


@pytest.mark.parametrize("form", ["json-lines", "triton"])
def test_logs_without_times_have_none(form: str, tmp_path: Path) -> None:
    trace = load_trace(WRITERS[form][""](tmp_path, served_rows(0, 80)), served_profile())
    assert trace.times is None


def test_a_column_of_json_lines_is_a_time_as_in_any_file(tmp_path: Path) -> None:
    lines = [f'{{"hour": {number % 24}, "at": "2026-03-0{1 + number % 2}T00:00:00Z"}}' for number in range(10)]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    trace = load_trace(tmp_path / "rows.jsonl", served_profile(), time="at")
    assert trace.times is not None
    assert trace.times.tolist() == [parse_time("2026-03-01")] * 5 + [parse_time("2026-03-02")] * 5
    assert trace.rows["hour"].to_pylist() == [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]


def test_times_without_a_zone_are_of_the_one_that_is_given(tmp_path: Path) -> None:
    source = WRITERS["bentoml"][""](tmp_path, served_rows(0, 100))
    told: list[str] = []
    trace = load_trace(source, served_profile(), zone="Asia/Kolkata", say=told.append)
    assert trace.times is not None
    assert int(trace.times[0]) == FIRST + 992 - 19_800_000
    assert "BentoML writes local times without a zone: they are read as Asia/Kolkata." in told
