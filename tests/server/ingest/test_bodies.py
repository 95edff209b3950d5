from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.server.ingest.bodies import Budget, gunzip
from driftmeter.server.problems import OverloadedError, TooLargeError


def test_members_are_joined_and_zeros_between_them_skipped() -> None:
    body = gzip.compress(b"a" * 100_000) + b"\0" * 7 + gzip.compress(b"") + gzip.compress(b"b")
    assert gunzip(body, 1_000_000) == b"a" * 100_000 + b"b"
    with pytest.raises(TooLargeError):
        gunzip(body, 100_000)


class Counted:
    """zlib.decompressobj, which counts the members that are begun and the bytes that they are given."""

    def __init__(self) -> None:
        self.members = self.given = 0
        self._real = zlib.decompressobj

    def decompressobj(self, wbits: int) -> Counted:
        self.members += 1
        self._member = self._real(wbits)
        return self

    def decompress(self, data: memoryview, most: int) -> bytes:
        self.given += len(data)
        return self._member.decompress(data, most)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._member, name)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    monkeypatch.setattr(zlib, "decompressobj", counted.decompressobj)
    return counted


def test_so_many_members_as_no_honest_sender_makes_are_refused_soon(counted: Counted) -> None:
    body = gzip.compress(b"") * 500_000
    with pytest.raises(InputError, match="1000 members"):
        gunzip(body, 1_000_000)
    assert counted.members == 1_000


def test_a_thousand_large_members_are_each_given_little_of_what_follows_them(counted: Counted) -> None:
    member = gzip.compress(bytes(range(256)) * 100, 0)
    assert len(gunzip(member * 1_000, 100_000_000)) == 25_600_000
    assert counted.given <= 1_000 * 64 * 1024


@pytest.mark.parametrize("cut", [1, 9, 15, 40, -9, -1])
def test_a_truncated_member_is_unreadable(cut: int) -> None:
    whole = gzip.compress(bytes(range(256)))
    with pytest.raises(InputError):
        gunzip(whole[:cut], 1_000)


def test_a_budget_is_given_back() -> None:
    budget = Budget(100)
    with budget.hold() as one, budget.hold() as other:
        one.grow(60)
        with pytest.raises(OverloadedError):
            other.grow(50)
        other.grow(40)
    assert budget.held == 0
