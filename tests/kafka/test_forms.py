from __future__ import annotations

import msgspec
import pytest

from driftmeter.errors import InputError
from driftmeter.kafka.forms import FormOptions, decoder_of, form_of
from tests.kafka.runs import COUNTING, run_of


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (b' {"a": 1}', "json"),
        (b"[1]", "json"),
        (b'\0\0\0\0\1{"a": 1}', "json"),
        (b"\0\0\0\0\1\x02ab", "avro"),
        (b"ARROW1\0\0", "arrow"),
        (b"\xff\xff\xff\xff\x10", "arrow"),
        (msgspec.msgpack.encode({"a": 1}), "msgpack"),
        (msgspec.msgpack.encode(dict.fromkeys(map(str, range(100)))), "msgpack"),
    ],
)
def test_the_first_value_tells_the_form(value: bytes, form: str) -> None:
    assert form_of(run_of([None, b"", value]), FormOptions()) == form


def test_with_descriptors_a_schema_is_one_of_protobuf() -> None:
    assert form_of(run_of([b"\0\0\0\0\1\x00ab"]), FormOptions(protobuf="a:b")) == "protobuf"
    assert form_of(run_of([b"x"], headers={"__value_schema_id": "7"}), FormOptions()) == "avro"


def test_tombstones_tell_nothing_and_other_bytes_are_named() -> None:
    assert form_of(run_of([None, None]), FormOptions()) is None
    with pytest.raises(InputError, match="--format"):
        form_of(run_of([b"age=41"]), FormOptions())


def test_what_a_form_needs_is_asked_for() -> None:
    with pytest.raises(InputError, match="--registry"):
        decoder_of("avro", FormOptions(), COUNTING.reader)
    with pytest.raises(InputError, match="--protobuf"):
        decoder_of("protobuf", FormOptions(registry="mock://x"), COUNTING.reader)
    with pytest.raises(InputError, match="one of auto, json"):
        decoder_of("xml", FormOptions(), COUNTING.reader)
