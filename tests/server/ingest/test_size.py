"""What is read on the event loop: nothing that takes long there."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from driftmeter.server.ingest.size import is_small
from tests.server.harness import FILE, arrow_bytes

NAMES = 30


def columns(rows: int, count: int = NAMES) -> dict[str, np.ndarray]:
    return {f"feature_{number}": np.random.default_rng(number).normal(size=rows) for number in range(count)}


def packed(rows: int, count: int = NAMES, dtype: str | None = None) -> bytes:
    raw = {name: values.tobytes() for name, values in columns(rows, count).items()}
    if dtype:
        return msgspec.msgpack.encode({"columns": {n: {"dtype": dtype, "data": data} for n, data in raw.items()}})
    return msgspec.msgpack.encode({"timestamp": 5, "columns": raw, "watermark": "2025-01-01"})


def test_a_thousand_rows_of_thirty_columns_are_small_as_raw_bytes_and_as_arrow() -> None:
    assert is_small("msgpack", packed(1_000), NAMES)
    assert is_small("msgpack", packed(1_000, dtype="<f8"), NAMES)
    table = pa.table(columns(1_000))
    assert is_small("stream", arrow_bytes(table), NAMES)
    assert is_small("file", arrow_bytes(table, FILE), NAMES)


def test_few_rows_are_small_in_every_form() -> None:
    rows = [dict.fromkeys(columns(0), 1.25)] * 10
    assert is_small("json", msgspec.json.encode({"rows": rows}), NAMES)
    assert is_small("msgpack", msgspec.msgpack.encode({"rows": rows[:5]}), NAMES)


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("json", b'{"rows":[' + b"{}," * 330_000 + b"{}]}"),
        ("json", b'{"rows":[' + b"{}," * 20_000 + b"{}]}"),
        ("json", b" " * 65_537),
        ("msgpack", msgspec.msgpack.encode({"rows": [{}] * 60_000})),
        ("msgpack", msgspec.msgpack.encode({"columns": {"feature_0": [1] * 60_000}})),
        ("msgpack", packed(10_000, 1)),
        ("msgpack", packed(100, 900) + b"\0" * 1_000_000),
        ("msgpack", msgspec.msgpack.encode({"columns": {"x": {"dtype": "|b1", "data": bytes(50_000)}}})),
        ("msgpack", msgspec.msgpack.encode({"columns": {str(n): b"" for n in range(50_000)}})),
        ("msgpack", msgspec.msgpack.encode({"columns": {"x": {"dtype": "<f0", "data": bytes(70_000)}}})),
        ("msgpack", msgspec.msgpack.encode({"columns": {"x": {"dtype": "", "data": bytes(70_000)}}})),
        ("msgpack", msgspec.msgpack.encode({"columns": {"x": {"data": bytes(70_000)}}})),
        ("msgpack", b"\x81\xa7columns\xdf\xff\xff\xff\xff" + b"\xa1a\xc4" * 3_000),
        ("msgpack", b"\x81" * 6_000),
        ("stream", arrow_bytes(pa.table({"x": np.zeros(200_000)}), compression="zstd")),
        (
            "stream",
            arrow_bytes(pa.table({"x": pa.array(["a"] * 10).dictionary_encode()}).slice(0, 1)) + b"x" * 2_000_000,
        ),
        ("stream", arrow_bytes(pa.table({str(n): np.zeros(1) for n in range(3_000)}))),
        ("stream", b"\xff\xff\xff\xff\x10\x00\x00\x00" + b"\xff" * 70_000),
    ],
)
def test_what_unfolds_to_much_or_cannot_be_told_is_not_small(media: str, body: bytes) -> None:
    assert not is_small(media, body, NAMES)  # type: ignore[arg-type]
