"""What commit.lua is given: the writes of one model, for the state in which this process knows the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from driftmeter.counts.summary import Summary
from driftmeter.panes.codec import encode_texts
from driftmeter.panes.pane import PaneKey
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.records import AddRows, PutPane, Receipt, Write
from driftmeter.store.redis.commit_reply import PaneReply, UsedKey
from driftmeter.store.redis.local_sums import LocalModel, LocalSums, PaneSum
from driftmeter.store.redis.packing import lua_bytes, pack, sequence_bytes, source_hash
from driftmeter.types import Milliseconds


@dataclass(frozen=True)
class _SourceRows:
    """The rows of a message that come from one source."""

    totals: SourceTotals = field(default_factory=SourceTotals)
    added: int = 0
    late: int = 0
    watermark: Milliseconds | None = None

    def add(self, write: AddRows, rows: int, late: int) -> _SourceRows:
        watermarks = [time for time in (self.watermark, write.watermark) if time is not None]
        return _SourceRows(
            self.totals + write.totals, self.added + rows, self.late + late, max(watermarks, default=None)
        )


class CommitMessage:
    """Writes of one model that are made together. Keys of `writes` are the positions of the caller's writes."""

    def __init__(
        self, model: LocalModel, sums: LocalSums, writes: Mapping[int, Write], used_keys: Mapping[str, UsedKey]
    ) -> None:
        """Draw up the message; batches under one of `used_keys` get their receipt without being sent."""
        self._model, self._local = model, sums
        self._receipts: dict[int, Receipt] = {}
        self._panes: list[tuple[int, PutPane]] = []
        self._added: dict[tuple[PaneKey, str], list[Summary]] = {}
        self._sources: dict[str, _SourceRows] = {}
        self._keys: dict[str, UsedKey] = {}
        for position, write in writes.items():
            if isinstance(write, PutPane):
                self._panes.append((position, write))
            else:
                self._receipts[position] = self._add(write, used_keys)
        self._sums = {key: self._sum(key, parts) for key, parts in self._added.items()}
        self._totals = {
            source: (model.totals.get(source, SourceTotals()) + rows.totals).bounded()
            for source, rows in self._sources.items()
        }
        self.content = {
            "born": lua_bytes(model.born),
            "barrier": model.barrier,
            "length": str(model.length),
            "digests": list(dict.fromkeys(map(digest_of, writes.values()))),
            "panes": [_pane_content(write) for _, write in self._panes],
            "sums": [self._sum_content(*key, total) for key, total in self._sums.items()],
            "sources": [self._source_content(source, rows) for source, rows in self._sources.items()],
            "keys": [
                {"key": key, "fingerprint": lua_bytes(used.fingerprint), "late": used.late, "life": used.life}
                for key, used in self._keys.items()
            ],
        }

    def _add(self, write: AddRows, used_keys: Mapping[str, UsedKey]) -> Receipt:
        """Gather the rows of a batch, if its key was not used before; return what becomes of it."""
        if write.key is not None:
            used = self._keys.get(write.key) or used_keys.get(write.key)
            if used is not None:
                same = used.fingerprint == write.fingerprint
                return Receipt(used.late if same else 0, duplicate=same, conflict=not same, used=used.fingerprint)
        late = unmoved = 0
        length = self._model.length if write.length is None else write.length
        for start, summary in write.parts:
            pane = PaneKey(start, length, write.digest)
            if pane.end <= self._model.barrier:
                late, unmoved = late + summary.rows, unmoved + summary.moved
            elif summary.rows or summary.moved:
                self._added.setdefault((pane, write.source), []).append(summary)
        if write.key is not None:
            self._keys[write.key] = UsedKey(write.fingerprint, late + unmoved, write.key_life)
        rows = sum(summary.rows for _, summary in write.parts)
        self._sources[write.source] = self._sources.get(write.source, _SourceRows()).add(write, rows, late)
        return Receipt(late + unmoved, added=rows, added_late=late)

    def _sum(self, key: tuple[PaneKey, str], parts: list[Summary]) -> PaneSum:
        before = self._model.sums.get(key)
        if before is None:
            return PaneSum(0, Summary.sum(parts, parts[0].counts.size))
        return PaneSum(before.sequence + 1, Summary.sum([before.summary, *parts], parts[0].counts.size))

    def _sum_content(self, pane: PaneKey, source: str, total: PaneSum) -> dict[str, Any]:
        return {
            "pane": str(pane),
            "end_time": pane.end,
            "source": self._local.field(source),
            "sequence": lua_bytes(sequence_bytes(total.sequence)),
            **_summary_content(total.summary),
        }

    def _source_content(self, source: str, rows: _SourceRows) -> dict[str, Any]:
        content = {
            "field": self._local.field(source),
            "source": source,
            "continues": source in self._model.totals,
            "totals": _totals_content(self._totals[source]),
            "added": rows.added,
            "late": rows.late,
        }
        return content if rows.watermark is None else {**content, "watermark": rows.watermark}

    def mark_written(self) -> None:
        """Take the new sums into what this process knows of the model."""
        self._model.sums |= self._sums
        self._model.totals |= self._totals

    def receipts(self, panes: Sequence[PaneReply]) -> dict[int, Receipt | Exception]:
        """Return the receipt of each write; `panes` are the replies to those of the message."""
        receipts: dict[int, Receipt | Exception] = {**self._receipts}
        for (position, write), reply in zip(self._panes, panes, strict=True):
            receipts[position] = _receipt(reply, write.pane.totals)
        return receipts


def _receipt(reply: PaneReply, reported: SourceTotals) -> Receipt:
    dropped: Mapping[str, int] = {}
    unreadable: Mapping[str, int] = {}
    if reported.dropped or reported.unreadable:  # otherwise none of them can have grown
        before = reply.totals_before
        totals = before.followed_by(reported)
        dropped, unreadable = totals.dropped_since(before), totals.unreadable_since(before)
    return Receipt(reply.late, reply.duplicate, False, reply.added, reply.added_late, dropped, unreadable)


def digest_of(write: Write) -> str:
    """Return the digest of the profile that a write was counted by."""
    return write.digest if isinstance(write, AddRows) else write.pane.digest


def _pane_content(write: PutPane) -> dict[str, Any]:
    pane = write.pane
    content = {
        "pane": str(PaneKey(pane.start, pane.length, pane.digest)),
        "end_time": pane.end,
        "source": pane.source,
        "source_hash": lua_bytes(source_hash(pane.source)),
        "sequence": lua_bytes(sequence_bytes(pane.sequence)),
        **_summary_content(pane.summary),
        "totals": {**_totals_content(pane.totals), "acknowledged": pane.acknowledged},
        "final": pane.final,
    }
    return content if pane.watermark is None else {**content, "watermark": pane.watermark}


def _summary_content(summary: Summary) -> dict[str, Any]:
    content = {"rows": summary.rows, "counts": lua_bytes(pack(summary.counts))}
    return {**content, "texts": lua_bytes(encode_texts(summary.unseen))} if summary.unseen else content


def _totals_content(totals: SourceTotals) -> dict[str, Any]:
    return {"observed": totals.observed, "counted": totals.counted, "json": _totals_text(totals.bounded())}


def _totals_text(totals: SourceTotals) -> str:
    """Write totals as JSON; most have no reasons and no columns, and `json.dumps` takes ten times as long for them."""
    if totals.dropped or totals.unreadable:
        return json.dumps(totals.to_json())
    return f'{{"observed": {totals.observed}, "counted": {totals.counted}, "dropped": {{}}}}'
