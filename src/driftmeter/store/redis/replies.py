"""What Redis answers, read as the records of the store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from driftmeter.panes.coverage import Account, RowTally
from driftmeter.panes.pane import Slice
from driftmeter.panes.rollover import Rollover
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.records import LONGEST_LEASE, ModelRecord
from driftmeter.store.redis.packing import unpack_slice
from driftmeter.types import Milliseconds


class StoredAccount(msgspec.Struct):
    """An account of a source as commit.lua writes it; `totals` is JSON, and empty before the source reported any."""

    seen: Milliseconds
    observed: int
    counted: int
    added: int
    late: int
    final: bool
    span: int
    earlier: tuple[int, int, int, int]
    latest: tuple[int, int, int, int]
    totals: str


_accounts = msgspec.msgpack.Decoder(StoredAccount)


def read_account(value: bytes) -> tuple[Milliseconds, Account]:
    """Return when a source was last heard of, and its account."""
    stored = _accounts.decode(value)
    account = Account(
        SourceTotals.from_json(json.loads(stored.totals)) if stored.totals else SourceTotals(),
        stored.added,
        stored.late,
        stored.final,
        stored.span,
        RowTally(*stored.earlier),
        RowTally(*stored.latest),
    )
    return stored.seen, account


def read_model(model: str, fields: Mapping[str, bytes], now: Milliseconds) -> ModelRecord:
    """Read a model's own hash, at the server's time `now`."""
    digest = fields["digest"].decode()
    is_held = "owner" in fields and now < int(fields["until"]) <= now + LONGEST_LEASE
    return ModelRecord(
        model,
        digest,
        Timing(int(fields["pane"]), int(fields["lateness"])),
        int(fields["frozen"]),
        fields["newest"].decode(),
        fields.get("settings"),
        int(fields.get(f"folded:{digest}", b"0")),
        fields["owner"].decode() if is_held else None,
        max(0, int(fields["halted"]) - int(fields["lateness"])),
    )


def read_rollover(fields: Mapping[str, bytes]) -> Rollover:
    """Read the rollover of a model from its own hash."""
    active, newest, leader = (fields[name].decode() for name in ("digest", "newest", "leader"))
    return Rollover(active, newest, leader, int(fields["streak"]))


def read_slices(reply: Sequence[bytes]) -> list[Slice]:
    """Read names and values of slices in turn; returns the slices ascending by end, then start."""
    slices = [unpack_slice(name, value) for name, value in zip(reply[::2], reply[1::2], strict=True)]
    return sorted(slices, key=lambda slice_: (slice_.end, slice_.start))


def read_pairs(reply: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Read pairs: version 2 of the protocol sends them as one flat list, version 3 as pairs.

    >>> read_pairs([b"a", 1, b"b", 2]) == read_pairs([[b"a", 1], [b"b", 2]])
    True
    """
    if reply and isinstance(reply[0], list | tuple):
        return [tuple(pair) for pair in reply]
    return list(zip(reply[::2], reply[1::2], strict=True))


def read_hash(reply: Any) -> dict[bytes, bytes]:
    """Read a hash; replies of scripts, and of version 2 of the protocol, have names and values in turn."""
    return dict(reply) if isinstance(reply, Mapping) else dict(zip(reply[::2], reply[1::2], strict=True))


def read_fields(reply: Any) -> dict[str, bytes]:
    """Read a hash, with its names as text."""
    return {name.decode(): value for name, value in read_hash(reply).items()}
