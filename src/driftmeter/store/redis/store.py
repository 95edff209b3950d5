"""The store that any number of hosts share: Redis or Valkey, one server or a cluster.

Every step that others could see half done is one Lua script (scripts/), and all keys of a model have its name as their
hash tag. A pane's counts lie there per source until the watermark passes its end: from then on they never change, so
that whoever comes first adds them up outside of the server, and puts the sum in their place, once. Rows are added up
in the process that takes them, which is their source and the only one to write that sum. Where the outcome of a write
is not known, the process goes on under another name: what it had written stays, what it had not comes again.

Acknowledged means that the server has it: what it keeps through a restart is its own settings' matter, `appendonly
yes` and `appendfsync always`, and through a failover that of `?replicas=N`.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote, unquote

from driftmeter.counts.summary import Summary
from driftmeter.errors import StoreError, StoreUnavailableError, UnknownModelError, UnknownProfileError
from driftmeter.panes.coverage import SourceRecord
from driftmeter.panes.pane import PaneKey, Slice
from driftmeter.panes.retention import RETENTION, merges_due
from driftmeter.panes.rollover import Rollover
from driftmeter.panes.timing import Timing
from driftmeter.panes.watermark import SOURCE_IDLE, live_after, next_watermark, pulse
from driftmeter.panes.windows import WindowSetting, joined_by_end
from driftmeter.store.records import HISTORY_STEP, LONGEST_LEASE, Fold, ModelRecord, Progress, Receipt, Write
from driftmeter.store.redis.address import RedisAddress
from driftmeter.store.redis.commit_message import Draft, digest_of, packed
from driftmeter.store.redis.compaction import merged, ripe, thinned
from driftmeter.store.redis.connection import RedisConnection
from driftmeter.store.redis.local_sums import MARK, KnownModel, Sums
from driftmeter.store.redis.packing import (
    pack_slice,
    rows_of,
    seal,
    slice_name,
    times_of,
    total,
    unpack_slice,
)
from driftmeter.store.redis.replies import account_of, couples, fields_of, pairs, record_of, slices_of, text_of
from driftmeter.store.redis.server_clock import ServerClock
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Clock, Milliseconds
from driftmeter.verdict.expectation import Expectation

_CHUNK = 100
"""About so many frozen panes are put in their place in one step."""
_CLOSING = ("born", "frozen", "digest", "newest", "leader", "streak")
"""What a close rests on: where any of it has changed meanwhile, it is drawn up anew."""
_SWEEP_EVERY: Milliseconds = HOUR
_DELETING: Milliseconds = 60_000
"""So long the one who deletes a model has to finish: who makes it anew then does."""
_MOST_ROUNDS = 100
"""Changes of a model under a write: each is one pane that closed, or a key that came, while it was on its way."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Look:
    """A model as it is `now`: its own hash, each log's watermark and when it was said, its first open pane's end."""

    now: Milliseconds
    fields: Mapping[str, bytes]
    logs: Sequence[tuple[Milliseconds, Milliseconds]]
    first: Milliseconds | None

    def watermark(self, timing: Timing, halted: Milliseconds) -> Milliseconds:
        live = int(self.fields.get("live", b"0")) > live_after(self.now, timing)
        marks = [mark for mark, at in self.logs if at > self.now - SOURCE_IDLE]
        return next_watermark(self.now, timing, int(self.fields["barrier"]), live, marks, halted)


class RedisStore:
    """A Store in Redis or Valkey."""

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        """Take the server's address, as Link says; `clock` is for who would not wait for the server's own time.

        Raises StoreError where the address can't be one. A server that is away is no error yet.
        """
        self._link = RedisConnection(RedisAddress.parse(url))
        self._time = ServerClock(clock)
        self._sums = Sums()
        self._committing = threading.Lock()
        self._token = secrets.token_hex(8)
        self._swept: dict[str, Milliseconds] = {}
        self._born: dict[str, bytes] = {}
        self._warned = False

    # --- time, keys

    def now(self) -> Milliseconds:
        """Return the server's time; asks the server only if no answer has told it yet."""
        if not self._time.is_set:
            seconds, micro = self._link.command("TIME")
            self._time.learn(int(seconds) * 1000 + int(micro) // 1000)
        return self._time.now()

    def _tag(self, model: str) -> str:
        # no brace can end the tag early
        return f"{self._link.address.prefix}:{{{quote(model, safe='')}}}"

    def _key(self, model: str, *parts: str) -> str:
        return ":".join((self._tag(model), *parts))

    @property
    def _models_key(self) -> str:
        return f"{self._link.address.prefix}:models"

    def _run(self, name: str, model: str, *values: bytes | str | int, writes: bool = True) -> Any:
        return self._link.script(name, self._tag(model), self._time.argument, *values, writes=writes)

    def ping(self) -> None:
        """See Store."""
        self._link.script("ping", f"{self._link.address.prefix}:ping", self._time.argument)

    # --- models and profiles

    def register(self, model: str, digest: str, profile: bytes, timing: Timing, *, again: bool = True) -> None:
        """See Store."""
        self._check_server()
        body = zlib.compress(profile)
        values = (digest, body, timing.pane, timing.lateness, int(again), secrets.token_hex(8))
        # listed before: one that is listed and not there is passed over, one that is there must be seen; and after:
        # one of this name may just have been deleted
        self._list(model)
        if self._run("register", model, *values) == -1:
            self._finish_deleting(model)
            if self._run("register", model, *values) == -1:
                raise StoreUnavailableError(f"model {model!r} is being deleted")
        self._list(model)

    def _list(self, model: str) -> None:
        self._link.script("list", self._models_key, self._time.argument, quote(model, safe=""))

    def configure(self, model: str, settings: bytes | None) -> None:
        """See Store."""
        self._keep(model, "", "settings", settings)

    def _keep(self, model: str, name: str, field: str, value: bytes | str | None, *, first: bool = False) -> None:
        values = (() if value is None else (value,)) + (("1",) if first else ())
        if self._run("keep", model, name, field, *values) == -1:
            raise self._unknown(model)

    def _unknown(self, model: str) -> UnknownModelError:
        return UnknownModelError(model, tuple(record.model for record in self.models()))

    def models(self) -> list[ModelRecord]:
        """See Store."""
        names = sorted(unquote(name.decode()) for name in self._link.command("SMEMBERS", self._models_key))
        found = self._link.pipeline([("HGETALL", self._tag(name)) for name in names])
        now = self.now()
        each_fields = zip(names, map(fields_of, found), strict=True)
        return [record_of(name, fields, now) for name, fields in each_fields if "born" in fields]

    def model(self, model: str) -> ModelRecord:
        """See Store."""
        return record_of(model, self._fields(model), self.now())

    def _fields(self, model: str) -> dict[str, bytes]:
        found = fields_of(self._link.command("HGETALL", self._tag(model)))
        if "born" not in found:
            raise self._unknown(model)
        return found

    def digests(self, model: str) -> list[str]:
        """See Store."""
        return [each.decode() for each in self._link.command("ZRANGE", self._key(model, "known"), 0, -1)]

    def profile(self, model: str, digest: str) -> bytes:
        """See Store."""
        found = self._link.command("HGET", self._key(model, "profiles"), digest)
        if found is None:
            self.model(model)
            raise UnknownProfileError(model, digest, tuple(self.digests(model)))
        return zlib.decompress(found)

    def delete(self, model: str) -> None:
        """See Store."""
        # from here on it is unknown to all, and nobody can make it anew before all that belonged to it is gone; where
        # this process ends in between, the next one that deletes it goes on
        match self._run("delete", model, self._token, _DELETING):
            case -1:
                raise self._unknown(model)
            case 0:
                raise StoreUnavailableError(f"model {model!r} is being deleted")
        self._drop(model)

    def _finish_deleting(self, model: str) -> None:
        """Do what a process left undone that began to delete a model, and ended a while ago."""
        if self._run("delete", model, self._token, _DELETING, "gone") == 1:
            self._drop(model)

    def _drop(self, model: str) -> None:
        def still() -> bool:
            return bool(self._link.command("HGET", self._tag(model), "token") == self._token.encode())

        self._link.unlink_all(self._key(model, ""), still)
        if not still():  # it took so long that another one has gone on with it
            return
        self._link.command("SREM", self._models_key, quote(model, safe=""))
        self._run("deleted", model, self._token)
        with self._committing:
            self._sums.forget(model)

    def _check_server(self) -> None:
        """Warn of a server that may forget what it has acknowledged."""
        if self._warned:
            return
        info = self._link.info()
        self._warned = True
        if info and not info.get("aof_enabled"):
            _log.warning(
                "%s: appendonly is off: what was acknowledged is lost when the server ends; set appendonly yes"
                " and appendfsync always",
                self._link.address,
            )
        policy = info.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            _log.warning("%s: maxmemory-policy is %s: set noeviction, or counts get lost", self._link.address, policy)

    # --- writes

    def commit(self, writes: Sequence[Write]) -> list[Receipt | Exception]:
        """See Store."""
        answers: dict[int, Receipt | Exception] = {}
        by_model: dict[str, dict[int, Write]] = {}
        for place, write in enumerate(writes):
            by_model.setdefault(write.model, {})[place] = write
        with self._committing:
            for model, ours in by_model.items():
                try:
                    answers |= self._commit(model, ours)
                except Exception as error:  # of this model alone: what was made of the others stays made
                    if not isinstance(error, StoreError):
                        _log.exception("model %s: writes failed", model)
                    answers |= dict.fromkeys(ours, error)
                    if isinstance(error, StoreUnavailableError) and not self._link.address.cluster:
                        # the others would wait as long for the same answer
                        answers = dict.fromkeys(range(len(writes)), error) | answers
                        break
        first = answers.get(0)
        if isinstance(first, StoreUnavailableError) and all(each is first for each in answers.values()):
            raise first
        return [answers[place] for place in range(len(writes))]

    def _commit(self, model: str, writes: Mapping[int, Write]) -> dict[int, Receipt | Exception]:
        answers: dict[int, Receipt | Exception] = {}
        left = dict(writes)
        taken: dict[str, bytes] = {}
        for _ in range(_MOST_ROUNDS):
            known = self._sums.of(model)
            draft = Draft(known, self._sums, left, taken)
            if not left:
                return answers
            try:
                found = self._run("commit", model, packed(draft.content))
            except BaseException:
                self._sums.reset()  # nobody knows whether it was made
                raise
            match found[0]:
                case b"unknown":
                    self._sums.forget(model)
                    return answers | dict.fromkeys(left, self._unknown(model))
                case b"profile":
                    digest = found[1].decode()
                    error = UnknownProfileError(model, digest, tuple(self.digests(model)))
                    wrong = [place for place, write in left.items() if digest_of(write) == digest]
                    answers |= dict.fromkeys(wrong, error)
                    left = {place: write for place, write in left.items() if place not in wrong}
                case b"behind":
                    # the store has more of our sums than we do: it was put back to an earlier state, and so were we
                    self._sums.reset()
                case b"again":
                    self._learn(known, found)
                    taken |= {key.decode(): value for key, value in zip(found[5::2], found[6::2], strict=True)}
                case _:
                    # in this order: sums of panes that closed with this very write are done with
                    draft.made()
                    self._learn(known, found)
                    self._sweep(model)
                    return answers | draft.receipts(found[5])
        raise StoreUnavailableError(f"model {model!r} changes faster than anything can be written to it")

    def _learn(self, known: KnownModel, found: Sequence[Any]) -> None:
        self._time.learn(int(found[1]))
        known.learn(found[2], int(found[3]), int(found[4]))

    def _sweep(self, model: str) -> None:
        now = self.now()
        if not 0 <= now - self._swept.get(model, -_SWEEP_EVERY) < _SWEEP_EVERY:
            self._swept[model] = now
            # what this comes after is made, whether it succeeds or not
            try:
                self._run("sweep", model)
            except StoreError as error:
                _log.warning("model %s: what is too old stays for now: %s", model, error)

    # --- closing and folding

    def freeze(self, model: str) -> Milliseconds:
        """See Store."""
        while True:
            look = self._look(model)
            now, fields = look.now, look.fields
            record = record_of(model, fields, now)
            lateness = record.timing.lateness
            beat, halted = pulse(now, int(fields["beat"]), int(fields["halted"]), lateness)
            barrier = int(fields["barrier"])
            after = look.watermark(record.timing, halted)
            closable = look.first is not None and look.first <= after
            # close to the last beat with nothing to close there is nothing to write
            if 0 <= now - beat < lateness // 4 and not closable and record.frozen == barrier:
                return record.frozen
            found = self._run("freeze", model, barrier, after, now, halted)
            if found is None:
                raise self._unknown(model)
            if self._close(model, fields["born"], int(found)):
                return int(found)

    def _look(self, model: str) -> _Look:
        now, found, logs, first = self._run("look", model, writes=False)
        self._time.learn(int(now))
        fields = fields_of(found)
        if "born" not in fields:
            raise self._unknown(model)
        self._born[model] = fields["born"]
        marks = [(int(mark), int(at)) for mark, at in map(bytes.split, logs[1::2])]
        return _Look(int(now), fields, marks, None if first is None else int(first))

    def _close(self, model: str, born: bytes, barrier: Milliseconds) -> bool:
        """Add up what is frozen, and put the sums in its place; say whether all of it is done, or another model of the
        same name is there now."""
        while True:
            fields = fields_of(self._link.command("HGETALL", self._tag(model)))
            if fields.get("born") != born:
                return False
            if int(fields["frozen"]) >= barrier:
                return True
            places = self._frozen_places(model, barrier)
            last = barrier if len(places) < _CHUNK else places[-1].end
            before = {name: fields[name] for name in _CLOSING}
            standing = _standing(fields)
            slices, sealed = [], []
            for _, ended in groupby(places, key=lambda place: place.end):
                held: dict[str, int] = {}
                for place in ended:
                    said, counts = self._link.pipeline(
                        [
                            ("HGETALL", self._key(model, "meta", str(place))),
                            ("HVALS", self._key(model, "counts", str(place))),
                        ]
                    )
                    said = pairs(said)
                    rows = sum(map(rows_of, said.values()))
                    held[place.digest] = held.get(place.digest, 0) + rows
                    sealed.append({"place": str(place), "sealed": seal(said)})
                    if rows:
                        whole = Slice(place.start, place.length, Summary(rows, total(counts)))
                        slices.append(_named(place.digest, whole))
                standing = standing.closed(held)
            after = {
                "frozen": str(last),
                "digest": standing.active,
                "newest": standing.newest,
                "leader": standing.leader,
                "streak": str(standing.streak),
            }
            content = {"expected": before, "after": after, "slices": slices, "places": sealed}
            # where another one was first, the sums may lack what it has taken away already: they are thrown away
            self._run("close", model, packed(content))

    def _frozen_places(self, model: str, barrier: Milliseconds) -> list[PaneKey]:
        """Return the first of the frozen places, in order; all of those that end together."""
        key = self._key(model, "open")
        names = self._link.command("ZRANGE", key, "-inf", barrier, "BYSCORE", "LIMIT", 0, _CHUNK)
        if len(names) == _CHUNK:
            last = PaneKey.parse(names[-1].decode()).end
            names = self._link.command("ZRANGE", key, "-inf", last, "BYSCORE")
        return sorted((PaneKey.parse(name.decode()) for name in names), key=lambda each: (each.end, str(each)))

    def pending(self, model: str) -> list[str]:
        """See Store."""
        return [each.decode() for each in self._run("pending", model, writes=False)]

    def progress(self, model: str, digest: str) -> Progress:
        """See Store."""
        folded, state = self._link.command("HMGET", self._key(model, "fold", digest), "folded", "state")
        return Progress() if folded is None else Progress(int(folded), zlib.decompress(state))

    def unfolded(self, model: str, digest: str, limit: int = 1000) -> list[Slice]:
        """See Store."""
        return list(joined_by_end(slices_of(self._run("slices", model, digest, "", limit, writes=False))))

    def recent(self, model: str, digest: str, end: Milliseconds, window: WindowSetting) -> list[Slice]:
        """See Store."""
        reach = max(0, end - window.length)
        return slices_of(self._run("slices", model, digest, end, "", window.rows, reach, writes=False))

    def fold(self, model: str, digest: str, expected: Milliseconds, step: Fold) -> bool:
        """See Store."""
        after = step.progress.folded
        gone: list[str] = []
        slices: dict[str, Slice] = {}
        old: list[str] = []
        if merges := merges_due(expected, after):
            oldest = after - RETENTION
            names = [name.decode() for name in self._link.command("ZRANGE", self._key(model, "ends", digest), 0, -1)]
            gone = [name for name in names if times_of(name)[1] < oldest]
            parts = self._named_slices(model, digest, ripe(set(names) - set(gone), merges))
            slices = merged(parts, merges)
            # what has that time already, and is no part of it
            there = [name for name in slices if name in names and name not in parts]
            for name, other in self._named_slices(model, digest, there).items():
                slices[name] = Slice(other.start, other.length, other.summary + slices[name].summary)
            gone += [name for name in parts if name not in slices]
            found = self._link.command("ZRANGE", self._key(model, "times", digest), 0, -1, "WITHSCORES")
            old = thinned({text_of(name): int(float(at)) for name, at in couples(found)}, merges, oldest)
        content = {
            "born": self._born.get(model, b""),
            "digest": digest,
            "expected": str(expected),
            "folded": str(after),
            "state": zlib.compress(step.progress.state),
            "bucket": str(step.at // HISTORY_STEP),
            "at": str(step.at),
            "verdict": zlib.compress(step.verdict),
            "merged": gone,
            "slices": [_named(digest, each) for each in slices.values()],
            "thinned": old,
        }
        return bool(self._run("fold", model, packed(content)))

    def _named_slices(self, model: str, digest: str, names: Sequence[str]) -> dict[str, Slice]:
        """Return slices by their names; where another fold has taken one away this one will not be recorded anyway."""
        found = self._link.command("HMGET", self._key(model, "slices", digest), *names) if names else []
        pairs = zip(names, found, strict=True)
        return {name: unpack_slice(name.encode(), value) for name, value in pairs if value is not None}

    # --- reading

    def verdict(self, model: str, digest: str) -> bytes | None:
        """See Store."""
        while last := self._link.command("ZRANGE", self._key(model, "times", digest), -1, -1):
            body = self._link.command("HGET", self._key(model, "verdicts", digest), last[0])
            if body:  # else a newer one has just taken its place
                return zlib.decompress(body)
        return None

    def history(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, bytes]]:
        """See Store."""
        key = self._key(model, "times", digest)
        found = self._link.command("ZRANGE", key, start, end, "BYSCORE", "WITHSCORES")
        times = [(name, int(float(at))) for name, at in couples(found)]
        names = [name for name, _ in times]
        bodies = self._link.command("HMGET", self._key(model, "verdicts", digest), *names) if names else []
        return [(at, zlib.decompress(body)) for (_, at), body in zip(times, bodies, strict=True) if body]

    def sources(self, model: str) -> list[SourceRecord]:
        """See Store."""
        now = self.now()
        found: dict[str, SourceRecord] = {}
        for field, value in pairs(self._link.command("HGETALL", self._key(model, "sources"))).items():
            name = field.decode()
            seen, account = account_of(value)
            if seen < now - DAY:
                continue
            source, between, _ = name.rpartition(MARK)
            each = account.record(source if between else name, seen, now)
            found[each.source] = found[each.source] + each if each.source in found else each
        return [found[source] for source in sorted(found)]

    def acknowledge(self, model: str, incident: str, at: Milliseconds, note: str) -> None:
        """See Store."""
        self._keep(model, "acknowledged", incident, json.dumps([at, note]), first=True)

    def acknowledged(self, model: str) -> dict[str, tuple[Milliseconds, str]]:
        """See Store."""
        found = pairs(self._link.command("HGETALL", self._key(model, "acknowledged")))
        return {incident.decode(): tuple(json.loads(value)) for incident, value in found.items()}

    def expect(self, model: str, feature: str | None, since: Milliseconds, until: Milliseconds, note: str = "") -> None:
        """See Store."""
        oldest = self.now() - RETENTION
        key = self._key(model, "expected")
        for field, kept in pairs(self._link.command("HGETALL", key)).items():
            if int(kept.partition(b" ")[0]) < oldest:
                self._link.command("HDEL", key, field)
        value = f"{until} {json.dumps([since, note])}" if until > since else None
        self._keep(model, "expected", "model" if feature is None else f"feature {feature}", value)

    def expected(self, model: str) -> list[Expectation]:
        """See Store."""
        oldest = self.now() - RETENTION
        marks = []
        for name, value in pairs(self._link.command("HGETALL", self._key(model, "expected"))).items():
            until, _, rest = value.partition(b" ")
            since, note = json.loads(rest)
            kind, _, feature = name.decode().partition(" ")
            if int(until) >= oldest:
                marks.append(Expectation(None if kind == "model" else feature, since, int(until), note))
        return sorted(marks, key=lambda each: (each.feature is not None, each.feature or ""))

    def notified(self, model: str, key: str) -> bool:
        """See Store."""
        found = self._run("notified", model, key, RETENTION)
        if found == -1:
            raise self._unknown(model)
        return bool(found)

    def lease(self, model: str, owner: str, length: Milliseconds) -> bool:
        """See Store."""
        found = self._run("lease", model, owner, length, LONGEST_LEASE)
        if found == -1:
            raise self._unknown(model)
        return bool(found)

    def heartbeat(self, owner: str, length: Milliseconds) -> list[str]:
        """See Store."""
        key = f"{self._link.address.prefix}:replicas"
        now, names = self._link.script("heartbeat", key, self._time.argument, owner, length, LONGEST_LEASE)
        self._time.learn(int(now))
        return [name.decode() for name in names]

    def close(self) -> None:
        """See Store."""
        self._link.close()


def _standing(fields: Mapping[str, bytes]) -> Rollover:
    active, newest, leader = (fields[name].decode() for name in ("digest", "newest", "leader"))
    return Rollover(active, newest, leader, int(fields["streak"]))


def _named(digest: str, each: Slice) -> dict[str, Any]:
    name = slice_name(each.start, each.end)
    return {"digest": digest, "ends": str(each.end), "field": name, "value": pack_slice(each)}
