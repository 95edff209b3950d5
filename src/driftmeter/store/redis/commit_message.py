"""What one script writes of a model, as far as this process knows the model; and what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import PaneKey
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.records import AddRows, PutPane, Receipt, Write
from driftmeter.store.redis.local_sums import KnownModel, Sum, Sums
from driftmeter.store.redis.packing import mark, pack, sequence_of
from driftmeter.types import Milliseconds


class Draft:
    """The writes of one model that are made together."""

    def __init__(self, known: KnownModel, sums: Sums, writes: Mapping[int, Write], taken: Mapping[str, bytes]) -> None:
        """Draw it up; `taken` are the idempotency keys that the store is known to hold."""
        self._known, self._own = known, sums
        self._receipts: dict[int, Receipt] = {}
        self._panes: list[tuple[int, PutPane]] = []
        self._added: dict[tuple[PaneKey, str], list[Summary]] = {}
        self._sources: dict[str, tuple[SourceTotals, int, int, Milliseconds | None]] = {}
        self._keys: dict[str, tuple[bytes, int]] = {}
        for place, write in writes.items():
            if isinstance(write, PutPane):
                self._panes.append((place, write))
            else:
                self._receipts[place] = self._add(write, taken)
        self._new = {key: self._summed(key, parts) for key, parts in self._added.items()}
        self._totals = {
            source: (known.totals.get(source, SourceTotals()) + totals).bounded()
            for source, (totals, *_) in self._sources.items()
        }
        self.content = {
            "born": known.born,
            "barrier": known.barrier,
            "length": str(known.length),
            "digests": list(dict.fromkeys(map(digest_of, writes.values()))),
            "panes": [_pane(write) for _, write in self._panes],
            "sums": [self._sum(*each) for each in self._new.items()],
            "sources": [
                self._source(source, added, late, mark) for source, (_, added, late, mark) in self._sources.items()
            ],
            "keys": [
                {"key": key, "fingerprint": fingerprint, "late": late}
                for key, (fingerprint, late) in self._keys.items()
            ],
        }

    def _add(self, write: AddRows, taken: Mapping[str, bytes]) -> Receipt:
        known = self._known
        if write.key is not None:
            late = fingerprint = None
            if write.key in self._keys:
                fingerprint, late = self._keys[write.key]
            elif write.key in taken:
                late, fingerprint = int.from_bytes(taken[write.key][8:16], "big"), taken[write.key][16:]
            if late is not None:
                same = fingerprint == write.fingerprint
                return Receipt(late if same else 0, duplicate=same, conflict=not same)
        late = 0
        length = known.length if write.length is None else write.length
        for start, summary in write.parts:
            place = PaneKey(start, length, write.digest)
            if place.end <= known.barrier:
                late += summary.rows
            elif summary.rows:
                self._added.setdefault((place, write.source), []).append(summary)
        if write.key is not None:
            self._keys[write.key] = (write.fingerprint, late)
        added = sum(summary.rows for _, summary in write.parts)
        totals, more, lost, mark = self._sources.get(write.source, (SourceTotals(), 0, 0, None))
        later = max((each for each in (mark, write.watermark) if each is not None), default=None)
        self._sources[write.source] = (totals + write.totals, more + added, lost + late, later)
        return Receipt(late, added=added, added_late=late)

    def _summed(self, key: tuple[PaneKey, str], parts: list[Summary]) -> Sum:
        before = self._known.sums.get(key)
        if before is None:
            return Sum(0, Summary.sum(parts, parts[0].counts.size))
        return Sum(before.sequence + 1, Summary.sum([before.summary, *parts], parts[0].counts.size))

    def _sum(self, key: tuple[PaneKey, str], each: Sum) -> dict[str, Any]:
        place, source = key
        return {
            "place": str(place),
            "ends": place.end,
            "source": self._own.field(source),
            "sequence": sequence_of(each.sequence),
            "rows": each.summary.rows,
            "counts": pack(each.summary.counts),
        }

    def _source(self, source: str, added: int, late: int, mark: Milliseconds | None) -> dict[str, Any]:
        content = {
            "field": self._own.field(source),
            "source": source,
            "continues": source in self._known.totals,
            "totals": _totals(self._totals[source]),
            "added": added,
            "late": late,
        }
        return content if mark is None else {**content, "watermark": mark}

    def made(self) -> None:
        """Take note that all of it was written."""
        self._known.sums |= self._new
        self._known.totals |= self._totals

    def receipts(self, answers: Sequence[Sequence[Any]]) -> dict[int, Receipt | Exception]:
        """Return what became of each write, given what the script says of the panes."""
        found: dict[int, Receipt | Exception] = {**self._receipts}
        for (place, write), (duplicate, late, added, added_late, before) in zip(self._panes, answers, strict=True):
            totals = SourceTotals.from_json(json.loads(before)) if before else SourceTotals()
            newer = totals.followed_by(write.pane.totals)
            found[place] = Receipt(
                late,
                bool(duplicate),
                added=added,
                added_late=added_late,
                dropped=newer.dropped_since(totals),
                unreadable=newer.unreadable_since(totals),
            )
        return found


def packed(content: Mapping[str, Any]) -> bytes:
    """Write what a script is given. Lua knows no bytes apart from text, and Redis's msgpack none either."""
    return msgspec.msgpack.encode(_without_bytes(content))


def _without_bytes(value: Any) -> Any:
    if isinstance(value, bytes):
        return msgspec.Raw(b"\xdb" + len(value).to_bytes(4, "big") + value)
    if isinstance(value, dict):
        return {name: _without_bytes(each) for name, each in value.items()}
    return list(map(_without_bytes, value)) if isinstance(value, list) else value


def digest_of(write: Write) -> str:
    """Return by which profile a write was counted."""
    return write.digest if isinstance(write, AddRows) else write.pane.digest


def _pane(write: PutPane) -> dict[str, Any]:
    pane = write.pane
    content = {
        "place": str(PaneKey(pane.start, pane.length, pane.digest)),
        "ends": pane.end,
        "source": pane.source,
        "hash": mark(pane.source),
        "sequence": sequence_of(pane.sequence),
        "rows": pane.summary.rows,
        "counts": pack(pane.summary.counts),
        "totals": {**_totals(pane.totals), "acknowledged": pane.acknowledged},
        "final": pane.final,
    }
    return content if pane.watermark is None else {**content, "watermark": pane.watermark}


def _totals(totals: SourceTotals) -> dict[str, Any]:
    return {"observed": totals.observed, "counted": totals.counted, "json": json.dumps(totals.bounded().to_json())}
