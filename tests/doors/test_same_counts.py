"""The same 20,000 flights through every live door: the same counts, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.server.ingest.media import MEDIA
from tests.support.live_doors import DOORS
from tests.support.live_doors.bodies import with_predictions
from tests.support.live_doors.door import counting
from tests.support.scripts import ROOT
from tests.support.served_rows import ServedRows, served_profile, served_rows

ROWS = 20_000
_ELSEWHERE = {
    "a dataset of MLflow": "it makes profiles",
    "XGBoost, LightGBM, CatBoost": "it names columns",
    "ONNX": "it names columns",
}
"""Rows of the tables that are no way for rows to come in, and why."""


@pytest.fixture(scope="module")
def rows() -> ServedRows:
    return served_rows(50_000, ROWS)


@pytest.fixture(scope="module")
def expected(rows: ServedRows) -> Summary:
    """Count the rows directly; as many as are surely of every kind: missing, unseen, and beyond the reference."""
    profile = served_profile()
    records = with_predictions(rows.features, rows.predictions)
    return Binner(profile).observe(Reader(profile).read_records(records)[0])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.filterwarnings("ignore")  # of the programs
def test_rows_through_any_door_have_the_same_counts(door: str, rows: ServedRows, expected: Summary) -> None:
    needs = DOORS[door].needs
    if needs is not None and find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed: make test-doors")
    with counting() as server:
        DOORS[door].send(server, rows)
        counted = server.counted()
    assert counted.rows == ROWS
    assert counted.counts.tobytes() == expected.counts.tobytes()
    assert counted.unseen == expected.unseen


def documented() -> Iterator[str]:
    """Yield the first cell of each row of the tables of what one runs, or has, and types."""
    text = (ROOT / "docs" / "doors.md").read_text().partition("\n## Logs\n")[0]
    for table in re.findall(r"^\| you (?:run|have) \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE):
        for line in table.splitlines():
            yield re.sub(r"\[(.+?)\]\(.+?\)", r"\1", line.split(" | ")[0].removeprefix("| "))


def test_every_door_of_the_docs_is_among_them() -> None:
    named = {name for door in DOORS.values() for name in door.documented}
    assert set(documented()) == named | _ELSEWHERE.keys()


def test_every_media_type_of_rows_is_among_them() -> None:
    forms = {"json": "JSON", "msgpack": "msgpack", "stream": "Arrow stream", "file": "Arrow file"}
    assert forms.keys() == set(MEDIA.values())
    assert {f"rows, {form}" for form in forms.values()} <= DOORS.keys()
