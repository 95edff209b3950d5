from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet

from driftmeter.client.intake import Intake
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.files.for_profile import read_data
from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from driftmeter.server.ingest.alike import decode_alike
from driftmeter.server.ingest.media import Media
from driftmeter.server.ingest.rows import read_batch
from tests.server.harness import FILE, NOW, STREAM, arrow_bytes

VALUES = [1.5, None, -0.25, 2.0]
# whatever UTF-8 can write and an address can name
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: name.strip() and name not in (".", "..")
)
ESCAPED = ['screen 15"', "C:\\temp", "net\nweight", "nul\x00", "\x1f", "tab\t", '"', "\\", "\\u0041"]


@given(name=names, other=names)
@example(name='screen 15"', other="x")
@example(name="timestamp", other="rows")
@example(name="columns", other="watermark")
@example(name="C:\\temp", other="net\nweight")
@example(name="a\x00b", other="a")
@example(name="\x7f\u2028\ufffe", other="😀" * 250)
@example(name="A", other="a ")
def test_whatever_features_are_called_each_door_counts_the_same(
    tmp_path_factory: pytest.TempPathFactory, name: str, other: str
) -> None:
    reference = pa.table({column: np.linspace(-3, 3, 50) for column in (name, other)})
    fitted = Profile.fit(reference, model="shop", independent=True, residuals=False)
    profile = Profile.loads(fitted.dumps())
    reader, binner = Reader(profile), Binner(profile)
    columns = dict.fromkeys(reader.names, VALUES)
    assert set(columns) == {name, other}
    records = [dict.fromkeys(columns, value) for value in VALUES]
    table = pa.table({column: pa.array(values, pa.float64()) for column, values in columns.items()})
    counted = compare(profile, table).verdict.window.summary

    bodies: list[tuple[Media, bytes]] = [
        ("json", json.dumps({"rows": records}, ensure_ascii=True).encode()),
        ("json", json.dumps({"rows": records}, ensure_ascii=False).encode()),
        ("json", json.dumps({"rows": [*records[:3], {**records[3], "strange": 1}]}).encode()),
        ("json", msgspec.json.encode({"columns": columns})),
        ("msgpack", msgspec.msgpack.encode({"rows": records})),
        ("msgpack", msgspec.msgpack.encode({"columns": columns})),
        ("stream", arrow_bytes(table, STREAM)),
        ("file", arrow_bytes(table, FILE)),
    ]
    for media, body in bodies:
        batch = read_batch(media, body, reader, NOW, most=10_000_000)
        assert (batch.sent, batch.rejected, batch.times) == (len(VALUES), (), NOW)
        assert binner.observe(batch.rows) == counted
    path = tmp_path_factory.getbasetemp() / "rows.parquet"
    parquet.write_table(table, path)
    for frame in (pd.DataFrame(columns), read_data(path, profile)):
        assert compare(profile, frame).verdict.window.summary == counted
    intake = Intake(profile)
    observed = intake.read([(dict(record), None, None, 0.0) for record in records])
    assert binner.observe(observed.rows) == counted


@pytest.mark.parametrize("name", ESCAPED)
@pytest.mark.parametrize("msgpack", [False, True])
def test_names_that_msgspec_refuses_are_left_to_the_general_way(name: str, msgpack: bool) -> None:
    body: dict[str, Any] = {"rows": [{name: 1.0}]}
    written = msgspec.msgpack.encode(body) if msgpack else msgspec.json.encode(body)
    for _ in range(2):
        assert decode_alike(msgpack, written, (name, "x")) is None


@pytest.mark.parametrize("name", ["größe", "😀", "\u2028", "a/b", "'", "", " ", "rate (%)", "\x7f"])
def test_other_names_are_read_without_a_dictionary_for_each_row(name: str) -> None:
    for body in (msgspec.json.encode({"rows": [{name: 1.0}]}), json.dumps({"rows": [{name: 1.0}]}).encode()):
        alike = decode_alike(False, body, (name, "x"))
        assert alike is not None
        assert alike.columns() == [[1.0], [None]]
        assert alike.numbers() is None


@pytest.mark.parametrize("msgpack", [False, True])
def test_rows_of_numbers_alone_become_one_array(msgpack: bool) -> None:
    encode = msgspec.msgpack.encode if msgpack else msgspec.json.encode
    names = ("a", "b")

    def numbers(*rows: dict[str, Any]) -> list[list[float]] | None:
        alike = decode_alike(msgpack, encode({"rows": rows}), names)
        assert alike is not None
        array = alike.numbers()
        return None if array is None else array.tolist()

    assert numbers({"a": 1.5, "b": 2}, {"b": True, "a": -(2**53) - 1}) == [[1.5, 2.0], [float(-(2**53) - 1), 1.0]]
    assert numbers() == []
    assert numbers({"a": 1.5, "b": 2}, {"a": 1.5}) is None
    assert numbers({"a": 1.5, "b": "2"}) is None
