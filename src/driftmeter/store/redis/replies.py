"""What Redis answers, read as the records of the protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from driftmeter.panes.coverage import Account, RowTally
from driftmeter.panes.pane import Slice
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.records import LONGEST_LEASE, ModelRecord
from driftmeter.store.redis.packing import unpack_slice
from driftmeter.types import Milliseconds


def account_of(value: bytes) -> tuple[Milliseconds, Account]:
    """Read what commit.lua wrote of a source: when it was heard of, and its account."""
    head, _, totals = value.partition(b"\n")
    seen, added, late, final, place, _, _, *bases = map(int, head.split())
    account = Account(
        SourceTotals.from_json(json.loads(totals)),
        added,
        late,
        bool(final),
        place,
        RowTally(*bases[:4]),
        RowTally(*bases[4:]),
    )
    return seen, account


def record_of(model: str, fields: Mapping[str, bytes], now: Milliseconds) -> ModelRecord:
    """Read a model's own hash, at the server's time `now`."""
    digest = fields["digest"].decode()
    held = "owner" in fields and now < int(fields["until"]) <= now + LONGEST_LEASE
    return ModelRecord(
        model,
        digest,
        Timing(int(fields["pane"]), int(fields["lateness"])),
        int(fields["frozen"]),
        fields["newest"].decode(),
        fields.get("settings"),
        int(fields.get(f"folded:{digest}", b"0")),
        fields["owner"].decode() if held else None,
        max(0, int(fields["halted"]) - int(fields["lateness"])),
    )


def slices_of(found: Sequence[bytes]) -> list[Slice]:
    """Read names and slices in turn, and sort them."""
    slices = [unpack_slice(name, value) for name, value in zip(found[::2], found[1::2], strict=True)]
    return sorted(slices, key=lambda each: (each.end, each.start))


def couples(found: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Read pairs, which the protocol's version 3 has as pairs already."""
    if found and isinstance(found[0], list | tuple):
        return [tuple(each) for each in found]
    return list(zip(found[::2], found[1::2], strict=True))


def pairs(found: Any) -> dict[bytes, bytes]:
    """Read a hash, which some answers give as names and values in turn."""
    return dict(found) if isinstance(found, Mapping) else dict(zip(found[::2], found[1::2], strict=True))


def fields_of(found: Any) -> dict[str, bytes]:
    """Read a hash whose names are plain text."""
    return {name.decode(): value for name, value in pairs(found).items()}


def text_of(name: bytes | str) -> str:
    """Read a plain text."""
    return name.decode() if isinstance(name, bytes) else name
