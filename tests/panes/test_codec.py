from __future__ import annotations

import json
import random
import struct
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import NO_TEXTS, UnseenTexts
from driftmeter.errors import CodecError
from driftmeter.panes.codec import (
    MAGIC,
    VERSION,
    decode_counts,
    decode_pane,
    decode_texts,
    encode_counts,
    encode_pane,
    header_of,
)
from driftmeter.panes.pane import Pane
from driftmeter.panes.totals import SourceTotals

GOLDEN = Path(__file__).parent / "golden"
COUNTS = np.array([0, 1, 255, 256, 65_536, 2**40, 2**63 - 1], np.int64)
PANE = Pane(
    digest="0123456789abcdef0123456789abcdef",
    start=1_700_000_000_000,
    length=10_000,
    source="model-server-1.k3zq",
    sequence=7,
    summary=Summary(40, COUNTS),
    totals=SourceTotals(50, 40, {"full": 10}),
    watermark=None,
)
HEADER: dict[str, Any] = {
    "digest": "d",
    "start": 0,
    "length": 10,
    "source": "s",
    "sequence": 0,
    "rows": 0,
    "bins": 2,
    "totals": {"observed": 0, "counted": 0, "dropped": {}},
    "watermark": None,
}
ZEROS = encode_counts(np.zeros(2, np.int64))


def forged(header: dict[str, Any] | bytes, body: bytes = ZEROS) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<3sBII", MAGIC, VERSION, len(text), zlib.crc32(text + body)) + text + body


def parts(data: bytes) -> tuple[bytes, bytes]:
    """Return head and header but for the checksum, and the counts inflated: each zlib compresses in its own way."""
    length = 12 + struct.unpack_from("<I", data, 4)[0]
    return data[:8] + data[12:length], zlib.decompress(data[length:])


def test_a_pane_is_written_as_the_golden_one() -> None:
    assert parts(encode_pane(PANE)) == parts((GOLDEN / "pane.bin").read_bytes())


def test_the_golden_pane_is_read() -> None:
    assert decode_pane((GOLDEN / "pane.bin").read_bytes()) == PANE


def test_the_header_of_a_pane_is_its_json_whatever_its_counts_and_checksum() -> None:
    text = json.dumps(HEADER).encode()
    data = forged(HEADER)
    assert header_of(data) == header_of(data[:-1]) == text
    assert json.loads(header_of(encode_pane(PANE)) or b"null")["digest"] == PANE.digest


@pytest.mark.parametrize("data", [b"", b"DMP", b"DMP\x01" + bytes(7), b"DMP\x02" + bytes(20), b"PMD\x01" + bytes(20)])
def test_what_is_no_pane_of_this_version_has_no_header(data: bytes) -> None:
    assert header_of(data) is None


def test_a_pane_carries_unseen_texts_and_without_any_has_the_bytes_of_one_that_knows_none() -> None:
    unseen = UnseenTexts.of({"city": {"Köln": 3, "a\\b": 1}})
    pane = replace(PANE, summary=Summary(40, COUNTS, unseen))
    assert decode_pane(encode_pane(pane)) == pane != PANE
    assert encode_pane(pane.without_texts()) == encode_pane(PANE)
    assert decode_pane(forged(HEADER)).summary.unseen == NO_TEXTS


def test_a_pane_with_unseen_texts_is_written_as_the_golden_one_and_read_back() -> None:
    unseen = UnseenTexts.of({"city": {"Rom": 2, "Ely\x1b": 1}, "größe": {"XXL": 9}})
    pane = replace(PANE, summary=Summary(40, COUNTS, unseen))
    golden = (GOLDEN / "pane_with_texts.bin").read_bytes()
    assert parts(encode_pane(pane)) == parts(golden)
    assert decode_pane(golden).summary.unseen.counts == {"city": {"Ely\ufffd": 1, "Rom": 2}, "größe": {"XXL": 9}}


@pytest.mark.parametrize("unseen", [[], None, "x", {"city": 1}, {"city": {"x": -1}}, {"city": {"x": "1"}}])
def test_a_pane_with_malformed_unseen_texts_is_refused(unseen: object) -> None:
    with pytest.raises(CodecError):
        decode_pane(forged({**HEADER, "unseen": unseen}))


@pytest.mark.parametrize("data", [b"[]", b"{", b"\xff", b'{"a":{"b":0}}', b"[" * 100_000])
def test_malformed_texts_are_refused(data: bytes) -> None:
    with pytest.raises(CodecError):
        decode_texts(data)


def test_only_a_final_pane_says_whether_it_is() -> None:
    final = replace(PANE, final=True)
    assert b'"final":true}' in encode_pane(final)
    assert b"final" not in encode_pane(PANE)
    assert decode_pane(encode_pane(final)) == final
    assert not decode_pane(forged({**HEADER, "final": False})).final


def test_only_a_pane_after_others_says_what_was_acknowledged_before() -> None:
    later = replace(PANE, acknowledged=40)
    assert b'"acknowledged":40}' in encode_pane(later)
    assert b"acknowledged" not in encode_pane(PANE)
    assert decode_pane(encode_pane(later)) == later
    assert decode_pane(forged({**HEADER, "acknowledged": 0})).acknowledged == 0


def test_more_rows_acknowledged_than_counted_are_refused_with_both() -> None:
    with pytest.raises(CodecError, match=r"pane\.acknowledged: expected at most the 40 rows counted, got 41"):
        decode_pane(encode_pane(replace(PANE, acknowledged=41)))


def test_what_a_later_version_adds_to_the_header_is_ignored() -> None:
    assert decode_pane(forged({**HEADER, "later": [1]})) == decode_pane(forged(HEADER))


def test_counts_are_written_and_read_as_the_golden_ones() -> None:
    golden = (GOLDEN / "counts.bin").read_bytes()
    assert zlib.decompress(encode_counts(COUNTS)) == zlib.decompress(golden)
    assert np.array_equal(decode_counts(golden, len(COUNTS)), COUNTS)


def test_the_lowest_bytes_come_first() -> None:
    assert zlib.decompress(encode_counts(np.array([1, 2, 256], np.int64)))[:6] == bytes([1, 2, 0, 0, 0, 1])


def test_no_counts_survive() -> None:
    assert decode_counts(encode_counts(np.zeros(0, np.int64)), 0).shape == (0,)


def test_decoded_counts_can_be_added_to() -> None:
    counts = decode_counts(encode_counts(COUNTS), len(COUNTS))
    counts += 0
    assert counts.dtype == np.int64


def test_a_pane_of_thirty_features_takes_two_to_four_kilobytes() -> None:
    rng = np.random.default_rng(0)
    counts = np.concatenate([np.bincount(rng.integers(2, 66, 1000), minlength=70) for _ in range(30)])
    data = encode_pane(Pane("d" * 32, 0, 10_000, "source.abcd", 3, Summary(1000, counts)))
    assert 1000 < len(data) < 4000


@pytest.mark.parametrize("bins", [0, 1, 6, 8, 100, -1, 4_000_001])
def test_another_number_of_counts_is_refused(bins: int) -> None:
    with pytest.raises(CodecError):
        decode_counts(encode_counts(COUNTS), bins)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(CodecError, match=r"below 2\*\*63"):
        decode_counts(encode_counts(np.array([-1], np.int64)), 1)


@pytest.mark.parametrize("data", [b"", b"x", ZEROS[:-1], ZEROS + b"x", ZEROS + ZEROS, zlib.compress(b"")])
def test_counts_that_are_cut_short_or_go_on_are_refused(data: bytes) -> None:
    with pytest.raises(CodecError):
        decode_counts(data, 2)


def test_a_bomb_is_refused_without_inflating_it() -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    tracemalloc.start()
    with pytest.raises(CodecError, match="more than that"):
        decode_counts(bomb, 10)
    with pytest.raises(CodecError):
        decode_pane(forged(HEADER, bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_claim_to_endless_counts_is_refused_at_once() -> None:
    with pytest.raises(CodecError, match=r"pane\.bins"):
        decode_pane(forged({**HEADER, "bins": 2**60}))


def test_every_truncation_is_refused() -> None:
    data = encode_pane(PANE)
    for length in range(len(data)):
        with pytest.raises(CodecError):
            decode_pane(data[:length])


def test_every_flipped_bit_is_refused() -> None:
    data = bytearray(encode_pane(PANE))
    for at in range(len(data)):
        for bit in range(8):
            data[at] ^= 1 << bit
            with pytest.raises(CodecError):
                decode_pane(bytes(data))
            data[at] ^= 1 << bit


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    for damaged in (data, b"DMP\x01" + data, forged(data), forged(HEADER, data)):
        with pytest.raises(CodecError):
            decode_pane(damaged)


def test_several_damages_at_once_are_refused() -> None:
    chance = random.Random(5)
    data = encode_pane(PANE)
    for _ in range(3000):
        broken = bytearray(data)
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(broken))
            broken[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        if broken != data:
            with pytest.raises(CodecError):
                decode_pane(bytes(broken))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([*sorted(HEADER), "final", "acknowledged"]), anything)
def test_a_header_with_anything_in_it_is_refused_or_read_as_it_stands(key: str, value: Any) -> None:
    data = forged({**HEADER, key: value})
    try:
        pane = decode_pane(data)
    except CodecError:
        return
    assert decode_pane(encode_pane(pane)) == pane
    if key != "totals":
        read = {"rows": pane.summary.rows, "bins": len(pane.summary.counts)}.get(key, getattr(pane, key, None))
        assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize("key", sorted(HEADER))
def test_a_header_that_lacks_something_is_refused(key: str) -> None:
    with pytest.raises(CodecError, match=f"KeyError: '{key}'"):
        decode_pane(forged({name: value for name, value in HEADER.items() if name != key}))


WRONG = [
    ("start", -10),
    ("start", 5),
    ("start", 2**63),
    ("start", float("inf")),
    ("start", "0"),
    ("length", 0),
    ("length", -10),
    ("length", 86_400_001),
    ("length", 10.0),
    ("source", ""),
    ("source", None),
    ("source", "\ud800"),
    ("digest", 5),
    ("sequence", -1),
    ("sequence", 2**63),
    ("sequence", True),
    ("rows", -1),
    ("rows", 1.5),
    ("watermark", -1),
    ("watermark", 2**63),
    ("watermark", float("nan")),
    ("final", None),
    ("final", 1),
    ("final", "true"),
    ("acknowledged", None),
    ("acknowledged", -1),
    ("acknowledged", False),
    ("acknowledged", 0.0),
    ("acknowledged", "0"),
    ("acknowledged", 2**53 + 1),
    ("totals", None),
    ("totals", {"observed": -1, "counted": 0, "dropped": {}}),
    ("totals", {"observed": float("inf"), "counted": 0, "dropped": {}}),
    ("totals", {"observed": 0, "counted": 0, "dropped": []}),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_header_that_no_store_could_keep_is_refused(key: str, value: object) -> None:
    with pytest.raises(CodecError):
        decode_pane(forged({**HEADER, key: value}))


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"5", b'"x"', b"\xff", b"[" * 100_000, b"9" * 5000])
def test_a_header_that_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(CodecError):
        decode_pane(forged(text))


def test_another_version_is_refused_with_both() -> None:
    data = bytearray(encode_pane(PANE))
    data[3] = 9
    with pytest.raises(CodecError, match="expected version 1 of the format, got version 9"):
        decode_pane(bytes(data))


def test_bytes_of_something_else_are_refused_with_how_they_start() -> None:
    with pytest.raises(CodecError, match=r"expected a driftmeter pane, got 9 bytes starting b'\{\"rows\":"):
        decode_pane(b'{"rows":1')
