"""Whatever stands in a record, it is read, or counted as unreadable: nothing else is raised, and no record is lost."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.logs.columns import LogColumns
from driftmeter.logs.read import LogOptions, open_log
from tests.logs.samples import lines
from tests.support.served_rows import served_profile, served_rows
from tests.support.written_logs import WRITERS

JUNK: tuple[Any, ...] = (
    *(None, True, -1, 0, 3.5, 2**70, "", "x", "[", '{"instances": 3}', "AAAA", [], [[]], [None], [[1], [1, 2]]),
    *({}, {"a": {}}, {"instances": []}, {"list": [1]}, {"data": {"ndarray": 1}}, ["a", {}], "2026-13-45", [1, "a", {}]),
)
ROWS = 60


def garbled(record: Any, chance: random.Random) -> Any:
    """Return a record with one of its values, at any depth, replaced, or left out."""
    record = copy.deepcopy(record)
    inside = record
    while True:
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        if not keys:
            return record
        key = chance.choice(keys)
        inner = inside[key]
        if isinstance(inner, str) and inner[:1] in ("{", "[") and chance.random() < 0.7:  # JSON in a text
            inside[key] = "\n".join(json.dumps(garbled(json.loads(line), chance)) for line in inner.split("\n"))
            return record
        if isinstance(inner, dict | list) and inner and chance.random() < 0.7:
            inside = inner
            continue
        if isinstance(inside, dict) and chance.random() < 0.2:
            del inside[key]
        else:
            inside[key] = chance.choice(JUNK)
        return record


def of_json() -> list[tuple[str, str]]:
    return [(form, way) for form, ways in WRITERS.items() for way in ways if form != "feast"]


@pytest.mark.parametrize(("form", "way"), of_json())
def test_a_garbled_record_is_read_or_counted(form: str, way: str, tmp_path: Path) -> None:
    chance = random.Random(f"{form} {way}")
    (tmp_path / "written").mkdir()
    source = WRITERS[form][way](tmp_path / "written", served_rows(0, ROWS))
    found = source.rglob("*") if source.is_dir() else [source]
    files = [
        file
        for file in found
        if (file.is_file() and file.suffix in (".jsonl", ".json", ".log")) or ".log." in file.name
    ]
    if not files:
        pytest.skip("this way of writing is no JSON")
    records: list[Any] = []
    for file in files:
        text = file.read_text()
        try:
            content = json.loads(text)
            records += content if isinstance(content, list) else [content]
        except ValueError:
            records += [json.loads(line.strip("[],")) for line in text.splitlines() if line.strip("[],")]
    profile = served_profile()
    for time in (False, True):
        for number in range(20):
            kept = [garbled(one, chance) if chance.random() < 0.3 else one for one in records]
            log_file = lines(tmp_path / f"garbled-{time}-{number}" / "data" / "data.1.log", kept)
            columns = (
                LogColumns.of(profile, time=time) if number % 2 else LogColumns(order=LogColumns.of(profile).order)
            )
            try:
                log = open_log(log_file, columns, LogOptions(form, allow_unreadable=True))
                assert log is not None
                log.table()
            except InputError:
                continue
            assert log.tally.records == len(kept) or form == "triton"  # there a call is a record
            assert log.tally.records > log.tally.unreadable_records
