"""Freezing and closing of panes in Redis.

All times below are event times, in the model's own hash; each of them only grows:

        folded           frozen              barrier                         now
    ──────┼────────────────┼────────────────────┼─────────────────────────────┼──►
     folded     sealed             frozen                    open
     slices     panes and          panes: nothing can        panes: their sources
     and        slices to          change them any more,     replace them with
     verdict    fold               closing adds them up      higher sequences

What happens to a pane:

    open ──freeze──► frozen ──close──► sealed, and part of a slice ──fold──► folded
         end ≤ barrier      end ≤ frozen                        end ≤ folded

`freeze.lua` moves `barrier`, and is the only step that decides: rows that come for a frozen pane are late. To close,
a process reads the frozen panes and adds them up; `close.lua` replaces them by the sums, unless another process was
first. folding.py has the fold.

`beat` is when any server last froze, by the server's clock. A gap means that no process could write: sources have to
catch up first, so live time is halted, and the watermark of live sources stays where it is:

               now - beat > max(2 × lateness, 5 s)
    running ─────────────────────────────────────────► halted = now + lateness
       ▲                                                       │
       └───────────────────────────────────────────────────────┘
                            now ≥ halted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import UnseenTexts
from driftmeter.panes.pane import PaneKey, Slice
from driftmeter.panes.rollover import Rollover
from driftmeter.panes.timing import Timing
from driftmeter.panes.watermark import SOURCE_IDLE, after_round, live_after, next_watermark
from driftmeter.store.redis.packing import (
    lua_bytes,
    pack_argument,
    pack_slice,
    rows_of,
    seal,
    slice_name,
    texts_of,
    total,
)
from driftmeter.store.redis.replies import read_fields, read_hash, read_model, read_rollover
from driftmeter.store.redis.session import RedisSession
from driftmeter.types import Milliseconds

_CHUNK = 100
"""About how many frozen panes are closed in one step."""
_CLOSE_RESTS_ON = ("born", "frozen", "digest", "newest", "leader", "streak")
"""The fields of a model that a close was computed from: if one of them has changed, it is computed again."""


@dataclass(frozen=True)
class FreezeInputs:
    """What the next watermark depends on, read in one step at the time `now`.

    - `fields`: the model's own hash.
    - `logs`: the watermark of each source that reads a log, and when it was last heard of.
    - `first_end`: the end of the first open pane, None if there is none.
    """

    now: Milliseconds
    fields: Mapping[str, bytes]
    logs: Sequence[tuple[Milliseconds, Milliseconds]]
    first_end: Milliseconds | None

    def watermark(self, timing: Timing, halted: Milliseconds) -> Milliseconds:
        """Return the model's new watermark."""
        is_live = int(self.fields.get("live", b"0")) > live_after(self.now, timing)
        logs = [watermark for watermark, heard in self.logs if heard > self.now - SOURCE_IDLE]
        return next_watermark(self.now, timing, int(self.fields["barrier"]), is_live, logs, halted)


class RedisFreezing:
    """Freezes and closes the panes of a session's models."""

    def __init__(self, session: RedisSession) -> None:
        """Work on the models of a session."""
        self._session = session
        self.born: dict[str, bytes] = {}
        """The identity of each model when it was last frozen here."""

    def freeze(self, model: str) -> Milliseconds:
        """Advance the model's watermark, close the panes that end by then, and return the watermark."""
        while True:
            inputs = self._read_inputs(model)
            now, fields = inputs.now, inputs.fields
            record = read_model(model, fields, now)
            lateness = record.timing.lateness
            beat, halted = after_round(now, int(fields["beat"]), int(fields["halted"]), lateness)
            barrier = int(fields["barrier"])
            watermark = inputs.watermark(record.timing, halted)
            is_closable = inputs.first_end is not None and inputs.first_end <= watermark
            # soon after the last beat, and with nothing to close, there is nothing to write
            if 0 <= now - beat < lateness // 4 and not is_closable and record.frozen == barrier:
                return record.frozen
            reply = self._session.run("freeze", model, barrier, watermark, now, halted)
            if reply is None:
                raise self._session.unknown(model)
            if self._close(model, fields["born"], int(reply)):
                return int(reply)

    def _read_inputs(self, model: str) -> FreezeInputs:
        now, fields, logs, first_end = self._session.run("read_freeze_inputs", model, writes=False)
        self._session.clock.learn(int(now))
        fields = read_fields(fields)
        if "born" not in fields:
            raise self._session.unknown(model)
        self.born[model] = fields["born"]
        times = [(int(watermark), int(heard)) for watermark, heard in map(bytes.split, read_hash(logs).values())]
        return FreezeInputs(int(now), fields, times, None if first_end is None else int(first_end))

    def _close(self, model: str, born: bytes, barrier: Milliseconds) -> bool:
        """Close the panes that end by the barrier; return False if another model has the name now."""
        while True:
            fields = read_fields(self._session.connection.command("HGETALL", self._session.tag(model)))
            if fields.get("born") != born:
                return False
            if int(fields["frozen"]) >= barrier:
                return True
            panes = self._frozen_panes(model, barrier)
            closed_by = barrier if len(panes) < _CHUNK else panes[-1].end
            # if another process is first, panes may be gone while they are read: the script then refuses the sums
            content = self._closed(model, fields, panes, closed_by)
            self._session.run("close", model, pack_argument(content))

    def _frozen_panes(self, model: str, barrier: Milliseconds) -> list[PaneKey]:
        """Return the first frozen panes, ascending by end; all panes of the last end are among them."""
        key = self._session.key(model, "open")
        names = self._session.connection.command("ZRANGE", key, "-inf", barrier, "BYSCORE", "LIMIT", 0, _CHUNK)
        if len(names) == _CHUNK:
            last = PaneKey.parse(names[-1].decode()).end
            names = self._session.connection.command("ZRANGE", key, "-inf", last, "BYSCORE")
        return sorted((PaneKey.parse(name.decode()) for name in names), key=lambda pane: (pane.end, str(pane)))

    def _closed(
        self, model: str, fields: Mapping[str, bytes], panes: Sequence[PaneKey], closed_by: Milliseconds
    ) -> dict[str, Any]:
        """Add up frozen panes; return what close.lua is given."""
        rollover = read_rollover(fields)
        slices, sealed = [], []
        for _, ended in groupby(panes, key=lambda pane: pane.end):
            rows_by_digest: dict[str, int] = {}
            for pane in ended:
                reports, summary = self._read_pane(model, pane)
                rows_by_digest[pane.digest] = rows_by_digest.get(pane.digest, 0) + summary.rows
                sealed.append({"pane": str(pane), "sealed": lua_bytes(seal(reports))})
                if summary.rows:
                    slices.append(slice_content(pane.digest, Slice(pane.start, pane.length, summary)))
            rollover = rollover.closed(rows_by_digest)
        expected = {name: lua_bytes(fields[name]) for name in _CLOSE_RESTS_ON}
        after = {"frozen": str(closed_by), **_rollover_fields(rollover)}
        return {"expected": expected, "after": after, "slices": slices, "panes": sealed}

    def _read_pane(self, model: str, pane: PaneKey) -> tuple[dict[bytes, bytes], Summary]:
        """Return what each source has reported of a pane, and the sum over the sources."""
        meta, counts = self._session.connection.pipeline(
            [
                ("HGETALL", self._session.key(model, "meta", str(pane))),
                ("HVALS", self._session.key(model, "counts", str(pane))),
            ]
        )
        reports = read_hash(meta)
        texts = UnseenTexts.sum(map(texts_of, reports.values()))
        return reports, Summary(sum(map(rows_of, reports.values())), total(counts), texts)


def slice_content(digest: str, slice_: Slice) -> dict[str, Any]:
    """Return a slice as scripts are given it."""
    name = slice_name(slice_.start, slice_.end)
    return {"digest": digest, "end_time": str(slice_.end), "name": name, "value": lua_bytes(pack_slice(slice_))}


def _rollover_fields(rollover: Rollover) -> dict[str, str]:
    return {
        "digest": rollover.active,
        "newest": rollover.newest,
        "leader": rollover.leader,
        "streak": str(rollover.streak),
    }
