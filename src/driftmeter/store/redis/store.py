"""The store that any number of hosts share: Redis or Valkey, one server or a cluster.

Every step that must not be seen half done is one Lua script (scripts/), and the names of all keys of a model have the
model's name as their hash tag. The store is in these parts:

- commits.py: writes. A pane's counts are kept by source until the watermark passes its end. Rows are added up in the
  process that takes them: that process is their source, and the only one to write their sum. If the outcome of a write
  is not known, the process goes on under another name: what it had written stays, what it had not comes again.
- freezing.py: panes behind the watermark do not change any more. The first process to get there adds them up outside of
  the server, and replaces them by the sum, once.
- folding.py: slices, and the fold of them.
- models.py, queries.py: models and profiles; what else is read.

Acknowledged means that the server has it. What the server keeps through a restart depends on its own settings,
`appendonly yes` and `appendfsync always`; what is kept through a failover, on the option `replicas`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from driftmeter.panes.coverage import SourceRecord
from driftmeter.panes.pane import Slice
from driftmeter.panes.timing import Timing
from driftmeter.panes.windows import WindowSetting
from driftmeter.store.records import Fold, ModelRecord, Progress, Receipt, Write
from driftmeter.store.redis.commits import RedisCommits
from driftmeter.store.redis.folding import RedisFolding
from driftmeter.store.redis.freezing import RedisFreezing
from driftmeter.store.redis.models import RedisModels
from driftmeter.store.redis.queries import RedisQueries
from driftmeter.store.redis.session import RedisSession
from driftmeter.types import Clock, Milliseconds
from driftmeter.verdict.expectation import Expectation


class RedisStore:
    """A Store in Redis or Valkey."""

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        """Take the server's address, as RedisAddress describes it; `clock` replaces the server's time, in tests.

        Raises StoreError if it cannot be an address. Only a cluster has to be reachable by now.
        """
        self._session = RedisSession(url, clock)
        self._models = RedisModels(self._session)
        self._commits = RedisCommits(self._session, self._models)
        self._freezing = RedisFreezing(self._session)
        self._folding = RedisFolding(self._session, self._freezing.born)
        self._queries = RedisQueries(self._session)

    def now(self) -> Milliseconds:
        """See Store."""
        return self._session.now()

    def ping(self) -> None:
        """See Store."""
        self._session.run_shared("ping", "ping")

    def register(self, model: str, digest: str, profile: bytes, timing: Timing, *, reactivate: bool = True) -> None:
        """See Store."""
        self._models.register(model, digest, profile, timing, reactivate=reactivate)

    def configure(self, model: str, settings: bytes | None) -> None:
        """See Store."""
        self._session.put_field(model, "", "settings", settings)

    def models(self) -> list[ModelRecord]:
        """See Store."""
        return self._models.models()

    def model(self, model: str) -> ModelRecord:
        """See Store."""
        return self._models.model(model)

    def digests(self, model: str) -> list[str]:
        """See Store."""
        return self._models.digests(model)

    def profile(self, model: str, digest: str) -> bytes:
        """See Store."""
        return self._models.profile(model, digest)

    def delete(self, model: str) -> None:
        """See Store."""
        if self._models.delete(model):
            self._commits.forget(model)

    def commit(self, writes: Sequence[Write]) -> list[Receipt | Exception]:
        """See Store."""
        return self._commits.commit(writes)

    def freeze(self, model: str) -> Milliseconds:
        """See Store."""
        return self._freezing.freeze(model)

    def pending(self, model: str) -> list[str]:
        """See Store."""
        return self._folding.pending(model)

    def progress(self, model: str, digest: str) -> Progress:
        """See Store."""
        return self._folding.progress(model, digest)

    def unfolded(self, model: str, digest: str, limit: int = 1000) -> list[Slice]:
        """See Store."""
        return self._folding.unfolded(model, digest, limit)

    def recent(self, model: str, digest: str, end: Milliseconds, window: WindowSetting) -> list[Slice]:
        """See Store."""
        return self._folding.recent(model, digest, end, window)

    def slice_rows(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, Milliseconds, int]]:
        """See Store."""
        return self._folding.rows(model, digest, start, end)

    def fold(self, model: str, digest: str, expected: Milliseconds, step: Fold) -> bool:
        """See Store."""
        return self._folding.fold(model, digest, expected, step)

    def verdict(self, model: str, digest: str) -> bytes | None:
        """See Store."""
        return self._queries.verdict(model, digest)

    def history(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, bytes]]:
        """See Store."""
        return self._queries.history(model, digest, start, end)

    def history_heads(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds, length: int
    ) -> list[tuple[Milliseconds, bytes]]:
        """See Store."""
        return self._queries.history_heads(model, digest, start, end, length)

    def sources(self, model: str) -> list[SourceRecord]:
        """See Store."""
        return self._queries.sources(model)

    def acknowledge(self, model: str, incident: str, at: Milliseconds, note: str) -> None:
        """See Store."""
        self._session.put_field(model, "acknowledged", incident, json.dumps([at, note]), only_new=True)

    def acknowledged(self, model: str) -> dict[str, tuple[Milliseconds, str]]:
        """See Store."""
        return self._queries.acknowledged(model)

    def expect(self, model: str, feature: str | None, since: Milliseconds, until: Milliseconds, note: str = "") -> None:
        """See Store."""
        self._queries.expect(model, feature, since, until, note)

    def expected(self, model: str) -> list[Expectation]:
        """See Store."""
        return self._queries.expected(model)

    def notified(self, model: str, key: str) -> bool:
        """See Store."""
        return self._granted("notified", model, key)

    def lease(self, model: str, owner: str, length: Milliseconds) -> bool:
        """See Store."""
        return self._granted("lease", model, owner, length)

    def _granted(self, script: str, model: str, *values: str | int) -> bool:
        """Run a script that answers 1 for yes, 0 for no, -1 for an unknown model."""
        reply = self._session.run(script, model, *values)
        if reply == -1:
            raise self._session.unknown(model)
        return bool(reply)

    def heartbeat(self, owner: str, length: Milliseconds) -> list[str]:
        """See Store."""
        now, owners = self._session.run_shared("heartbeat", "replicas", owner, length)
        self._session.clock.learn(int(now))
        return [name.decode() for name in owners]

    def close(self) -> None:
        """See Store."""
        self._session.connection.close()
