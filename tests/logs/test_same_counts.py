"""The same rows through every form of logs: the same counts, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from driftmeter.logs.columns import LogColumns
from driftmeter.logs.names import NAMES
from driftmeter.logs.read import LogOptions, open_log
from driftmeter.logs.registry import FORMATS
from driftmeter.report.batch import Report, compare, compare_batches
from tests.support.served_rows import ServedRows, served_profile, served_rows
from tests.support.written_logs import WRITERS

ROWS = 20_000
WAYS = [(form, way) for form, ways in WRITERS.items() for way in ways]


@pytest.fixture(scope="module")
def rows() -> ServedRows:
    return served_rows(50_000, ROWS)


@pytest.fixture(scope="module")
def expected(rows: ServedRows) -> bytes:
    return content(compare(served_profile(), rows.frame()))


def content(report: Report) -> bytes:
    assert report.rows == ROWS
    return json.dumps([report.counts(), report.verdict.to_json(), report.absent, report.unreadable.values]).encode()


def test_every_form_is_written_by_the_tests_and_named_in_the_help() -> None:
    assert set(WRITERS) == {one.name for one in FORMATS} == set(NAMES)


@pytest.mark.parametrize(("form", "way"), WAYS)
def test_a_log_of_the_same_rows_has_the_same_counts(
    form: str, way: str, rows: ServedRows, expected: bytes, tmp_path: Path
) -> None:
    source = WRITERS[form][way](tmp_path, rows)
    told: list[str] = []
    profile = served_profile()
    log = open_log(source, LogColumns.of(profile), say=told.append)
    assert log is not None
    assert log.form.name == form
    assert content(compare_batches(profile, log.names, log.tables)) == expected
    assert told[0].startswith(f"{source}: read as {log.form.title}: ")
    named = open_log(source, LogColumns.of(profile), LogOptions(form))
    assert named is not None
    assert named.names == log.names
