from __future__ import annotations

import json

import pytest

from driftmeter.demo.request import MAX_ROWS, parse
from driftmeter.errors import InputError


def asked(body: bytes) -> object:
    return parse(body, ("temp", "hour"), ("carrier",))


def test_an_object_is_one_row() -> None:
    request = parse(b'{"temp": 70.5, "carrier": "B6"}', ("temp",), ("carrier",))
    assert request.rows == [{"temp": 70.5, "carrier": "B6"}]
    assert not request.listed


def test_a_list_is_its_rows() -> None:
    request = parse(b'[{"temp": 70}, {}]', ("temp",), ("carrier",))
    assert request.rows == [{"temp": 70}, {}]
    assert request.listed


def test_an_empty_list_is_no_rows() -> None:
    assert parse(b"[]", (), ()).rows == []


def test_an_unknown_feature_may_hold_anything() -> None:
    assert asked(b'{"gate": {"letter": "B"}}')


@pytest.mark.parametrize(
    ("body", "field", "expected", "got"),
    [
        (b"7", "body", "an object of features, or a list of them", "a number, 7"),
        (b"null", "body", "an object of features, or a list of them", "null"),
        (b'"JFK"', "body", "an object of features, or a list of them", "a string, 'JFK'"),
        (b"[{}, []]", "[1]", "an object of features", "a list"),
        (b'{"temp": "warm"}', "temp", "a number within float64 or null", "a string, 'warm'"),
        (b'{"temp": true}', "temp", "a number within float64 or null", "true"),
        (b'{"temp": {}}', "temp", "a number within float64 or null", "an object"),
        (b'[{}, {}, {"hour": [5]}]', "[2].hour", "a number within float64 or null", "a list"),
        (b'{"carrier": 9}', "carrier", "a string or null", "a number, 9"),
        (b'{"carrier": false}', "carrier", "a string or null", "false"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, field: str, expected: str, got: str) -> None:
    with pytest.raises(InputError) as caught:
        asked(body)
    assert (caught.value.field, caught.value.expected, caught.value.got) == (field, expected, got)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"temp": NaN}',
        b'{"temp": Infinity}',
        b'{"temp": 1e999}',
        b"\xff\xfe",
        b'{"a": "\xff"}',
        b"[" * 100_000,
    ],
    ids=["empty", "truncated", "NaN", "infinity", "1e999", "bytes", "bytes in a string", "deep"],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        asked(body)
    assert (caught.value.field, caught.value.expected) == ("body", "JSON")


@pytest.mark.parametrize("digits", [400, 5_000])
def test_an_integer_beyond_float64_is_refused(digits: int) -> None:
    with pytest.raises(InputError):
        asked(b'{"temp": 1' + b"0" * digits + b"}")


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(InputError) as caught:
        asked(json.dumps({"temp": "x" * 10_000}).encode())
    assert len(caught.value.got) < 60


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(InputError, match=f"at most {MAX_ROWS} rows"):
        asked(json.dumps([{}] * (MAX_ROWS + 1)).encode())
