"""Slices in Redis, and the fold of them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import RETENTION, merges_due
from driftmeter.panes.windows import WindowSetting, joined_by_end
from driftmeter.store.records import HISTORY_STEP, Fold, Progress
from driftmeter.store.redis.compaction import Merges, merge_slices, slices_to_merge, verdicts_to_drop
from driftmeter.store.redis.freezing import slice_content
from driftmeter.store.redis.packing import lua_bytes, pack_argument, rows_in_slice, times_of, unpack_slice
from driftmeter.store.redis.replies import read_pairs, read_slices
from driftmeter.store.redis.session import RedisSession
from driftmeter.types import Milliseconds


class RedisFolding:
    """The slices of a session's models. Its methods do what those of Store do."""

    def __init__(self, session: RedisSession, born: Mapping[str, bytes]) -> None:
        """Work on the models of a session; `born` are the identities of the models that this process froze."""
        self._session, self._connection, self._born = session, session.connection, born

    def pending(self, model: str) -> list[str]:
        """Return the digests of the profiles that have slices to fold."""
        return [digest.decode() for digest in self._session.run("pending", model, writes=False)]

    def progress(self, model: str, digest: str) -> Progress:
        """Return how far a profile's fold is."""
        folded, state = self._connection.command("HMGET", self._session.key(model, "fold", digest), "folded", "state")
        return Progress() if folded is None else Progress(int(folded), zlib.decompress(state))

    def unfolded(self, model: str, digest: str, limit: int) -> list[Slice]:
        """Return the first slices that are not folded yet."""
        return list(joined_by_end(read_slices(self._session.run("slices", model, digest, "", limit, writes=False))))

    def recent(self, model: str, digest: str, end: Milliseconds, window: WindowSetting) -> list[Slice]:
        """Return the slices that end by `end` and reach back far enough for the window."""
        reach = max(0, end - window.length)
        return read_slices(self._session.run("slices", model, digest, end, "", window.rows, reach, writes=False))

    def rows(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, Milliseconds, int]]:
        """Return start, end and rows of the slices that end after `start` and by `end`."""
        key = self._session.key(model, "ends", digest)
        names = self._connection.command("ZRANGE", key, f"({start}", end, "BYSCORE")
        if not names:
            return []
        values = self._connection.command("HMGET", self._session.key(model, "slices", digest), *names)
        pairs = [(times_of(name.decode()), value) for name, value in zip(names, values, strict=True) if value]
        return sorted(
            ((first, last, rows_in_slice(value)) for (first, last), value in pairs), key=lambda row: (row[1], row[0])
        )

    def fold(self, model: str, digest: str, expected: Milliseconds, step: Fold) -> bool:
        """Record a fold if the progress still is `expected`."""
        folded = step.progress.folded
        dropped_slices: list[str] = []
        slices: dict[str, Slice] = {}
        dropped_verdicts: list[str] = []
        if merges := merges_due(expected, folded):
            oldest = folded - RETENTION
            dropped_slices, slices = self._merged(model, digest, merges, oldest)
            times = self._connection.command("ZRANGE", self._session.key(model, "times", digest), 0, -1, "WITHSCORES")
            verdicts = {bucket.decode(): int(float(at)) for bucket, at in read_pairs(times)}
            dropped_verdicts = verdicts_to_drop(verdicts, merges, oldest)
        content = {
            "born": lua_bytes(self._born.get(model, b"")),
            "digest": digest,
            "expected": str(expected),
            "folded": str(folded),
            "state": lua_bytes(zlib.compress(step.progress.state)),
            "bucket": str(step.at // HISTORY_STEP),
            "at": str(step.at),
            "verdict": lua_bytes(zlib.compress(step.verdict)),
            "dropped_slices": dropped_slices,
            "slices": [slice_content(digest, slice_) for slice_ in slices.values()],
            "dropped_verdicts": dropped_verdicts,
        }
        return bool(self._session.run("fold", model, pack_argument(content)))

    def _merged(
        self, model: str, digest: str, merges: Merges, oldest: Milliseconds
    ) -> tuple[list[str], dict[str, Slice]]:
        """Return the names of the slices that go, and the slices that replace them, by name."""
        reply = self._connection.command("ZRANGE", self._session.key(model, "ends", digest), 0, -1)
        names = [name.decode() for name in reply]
        expired = [name for name in names if times_of(name)[1] < oldest]
        parts = self._named_slices(model, digest, slices_to_merge(set(names) - set(expired), merges))
        slices = merge_slices(parts, merges)
        # a slice of the same times may be there already, if it is no part of the merge
        same_times = [name for name in slices if name in names and name not in parts]
        for name, other in self._named_slices(model, digest, same_times).items():
            slices[name] = Slice(other.start, other.length, other.summary + slices[name].summary)
        return expired + [name for name in parts if name not in slices], slices

    def _named_slices(self, model: str, digest: str, names: Sequence[str]) -> dict[str, Slice]:
        """Return slices by their names. If another fold has dropped one of them, this fold will not be recorded."""
        if not names:
            return {}
        values = self._connection.command("HMGET", self._session.key(model, "slices", digest), *names)
        pairs = zip(names, values, strict=True)
        return {name: unpack_slice(name.encode(), value) for name, value in pairs if value is not None}
