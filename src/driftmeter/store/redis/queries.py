"""What Redis holds for readers: verdicts, sources, acknowledgements, expectations."""

from __future__ import annotations

import json
import zlib

from driftmeter.panes.coverage import SourceRecord
from driftmeter.panes.retention import RETENTION
from driftmeter.store.heads import compressed_head, inflated_head
from driftmeter.store.redis.local_sums import SEPARATOR
from driftmeter.store.redis.replies import read_account, read_hash, read_pairs
from driftmeter.store.redis.session import RedisSession
from driftmeter.timestamps import DAY
from driftmeter.types import Milliseconds
from driftmeter.verdict.expectation import Expectation


class RedisQueries:
    """Reads the models of a session. Its methods do what those of Store do."""

    def __init__(self, session: RedisSession) -> None:
        """Read the models of a session."""
        self._session, self._connection = session, session.connection

    def verdict(self, model: str, digest: str) -> bytes | None:
        """Return the newest verdict, or None before the first."""
        while last := self._connection.command("ZRANGE", self._session.key(model, "times", digest), -1, -1):
            body = self._connection.command("HGET", self._session.key(model, "verdicts", digest), last[0])
            if body:  # otherwise a newer verdict has just replaced it
                return zlib.decompress(body)
        return None

    def history(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, bytes]]:
        """Return the verdicts of the event times from `start` to `end`."""
        return [(at, zlib.decompress(body)) for at, body in self._verdicts(model, digest, start, end)]

    def history_heads(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds, length: int
    ) -> list[tuple[Milliseconds, bytes]]:
        """Return the first `length` bytes, at least, of the same verdicts."""
        most = compressed_head(length)
        return [(at, inflated_head(body[:most])) for at, body in self._verdicts(model, digest, start, end)]

    def _verdicts(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, bytes]]:
        """Return the time and the compressed bytes of each verdict."""
        key = self._session.key(model, "times", digest)
        times = read_pairs(self._connection.command("ZRANGE", key, start, end, "BYSCORE", "WITHSCORES"))
        if not times:
            return []
        buckets = [bucket for bucket, _ in times]
        bodies = self._connection.command("HMGET", self._session.key(model, "verdicts", digest), *buckets)
        return [(int(float(at)), body) for (_, at), body in zip(times, bodies, strict=True) if body]

    def sources(self, model: str) -> list[SourceRecord]:
        """Return the sources that have sent something in the last day; parts of one source are added up."""
        now = self._session.now()
        records: dict[str, SourceRecord] = {}
        for field, value in read_hash(self._connection.command("HGETALL", self._session.key(model, "sources"))).items():
            seen, account = read_account(value)
            if seen < now - DAY:
                continue
            source = field.decode().partition(SEPARATOR)[0]
            record = account.record(source, seen, now)
            records[source] = records[source] + record if source in records else record
        return [records[source] for source in sorted(records)]

    def acknowledged(self, model: str) -> dict[str, tuple[Milliseconds, str]]:
        """Return the time and the note of each incident's acknowledgement."""
        values = read_hash(self._connection.command("HGETALL", self._session.key(model, "acknowledged")))
        return {incident.decode(): tuple(json.loads(value)) for incident, value in values.items()}

    def expected(self, model: str) -> list[Expectation]:
        """Return the expectations that ended at most 90 days ago."""
        oldest = self._session.now() - RETENTION
        values = read_hash(self._connection.command("HGETALL", self._session.key(model, "expected")))
        expectations = [_expectation(name, value) for name, value in values.items()]
        return sorted(
            (expectation for expectation in expectations if expectation.until >= oldest),
            key=lambda expectation: (expectation.feature is not None, expectation.feature or ""),
        )

    def expect(self, model: str, feature: str | None, since: Milliseconds, until: Milliseconds, note: str) -> None:
        """Record that a feature, or the whole model, is expected to drift; drops expectations that are too old."""
        oldest = self._session.now() - RETENTION
        key = self._session.key(model, "expected")
        for name, value in read_hash(self._connection.command("HGETALL", key)).items():
            if _expectation(name, value).until < oldest:
                self._connection.command("HDEL", key, name)
        field = "model" if feature is None else f"feature {feature}"
        body = f"{until} {json.dumps([since, note])}" if until > since else None
        self._session.put_field(model, "expected", field, body)


def _expectation(name: bytes, value: bytes) -> Expectation:
    kind, _, feature = name.decode().partition(" ")
    until, _, body = value.partition(b" ")
    since, note = json.loads(body)
    return Expectation(None if kind == "model" else feature, since, int(until), note)
