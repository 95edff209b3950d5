"""What is kept of a body that passes, by what its headers say."""

from __future__ import annotations

import pytest

from driftmeter.integrations.exchange import TOO_LARGE, KeptBody


@pytest.mark.parametrize("length", [b"1" * 5_000, b"-1", b"many", b"\xb2", b""])
def test_a_length_that_is_none_changes_nothing(length: bytes) -> None:
    body = KeptBody([(b"content-length", length), (b"inference-header-content-length", length)], 100)
    body.look()
    assert (body.reason, body.json_length) == ("", None)


def test_lengths_are_read() -> None:
    body = KeptBody([(b"content-length", b"101"), (b"inference-header-content-length", b"17")], 100)
    body.look()
    assert (body.reason, body.json_length) == (TOO_LARGE, 17)
