"""What all parts of the store in Redis share: the connection, the time, and the names of keys."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

from driftmeter.errors import UnknownModelError
from driftmeter.store.redis.address import RedisAddress
from driftmeter.store.redis.connection import RedisConnection
from driftmeter.store.redis.replies import read_fields
from driftmeter.store.redis.server_clock import ServerClock
from driftmeter.types import Clock, Milliseconds


class RedisSession:
    """A connection to the server, with its time and the keys of its models."""

    def __init__(self, url: str, clock: Clock | None) -> None:
        """Take the server's address; `clock` replaces the server's time, in tests."""
        self.connection = RedisConnection(RedisAddress.parse(url))
        self.clock = ServerClock(clock)

    def now(self) -> Milliseconds:
        """Return the server's time; asks the server only if no reply has told it yet."""
        if not self.clock.is_set:
            seconds, microseconds = self.connection.command("TIME")
            self.clock.learn(int(seconds) * 1000 + int(microseconds) // 1000)
        return self.clock.now()

    def shared_key(self, name: str) -> str:
        """Return the name of a key that belongs to no model."""
        return f"{self.connection.address.prefix}:{name}"

    def tag(self, model: str) -> str:
        """Return the name of a model's own hash, with which the names of all its keys begin."""
        # quoted, so that no brace in the name ends the hash tag
        return self.shared_key(f"{{{quote(model, safe='')}}}")

    def key(self, model: str, *parts: str) -> str:
        """Return the name of another key of a model."""
        return ":".join((self.tag(model), *parts))

    def run(self, script: str, model: str, *values: bytes | str | int, writes: bool = True) -> Any:
        """Run a script on a model."""
        return self.connection.script(script, self.tag(model), self.clock.argument, *values, writes=writes)

    def run_shared(self, script: str, name: str, *values: bytes | str | int) -> Any:
        """Run a script on a key that belongs to no model."""
        return self.connection.script(script, self.shared_key(name), self.clock.argument, *values)

    def fields(self, model: str) -> dict[str, bytes]:
        """Return a model's own hash; raises UnknownModelError."""
        fields = read_fields(self.connection.command("HGETALL", self.tag(model)))
        if "born" not in fields:
            raise self.unknown(model)
        return fields

    def models(self) -> dict[str, dict[str, bytes]]:
        """Return the own hash of each model, by name."""
        quoted = self.connection.command("SMEMBERS", self.shared_key("models"))
        names = sorted(unquote(name.decode()) for name in quoted)
        replies = self.connection.pipeline([("HGETALL", self.tag(name)) for name in names])
        hashes = zip(names, map(read_fields, replies), strict=True)
        # the set may name a model that is being registered or deleted just now
        return {name: fields for name, fields in hashes if "born" in fields}

    def unknown(self, model: str) -> UnknownModelError:
        """Return the error for an unknown model."""
        return UnknownModelError(model, tuple(self.models()))

    def put_field(
        self, model: str, hash_name: str, field: str, value: bytes | str | None, *, only_new: bool = False
    ) -> None:
        """Set a field of one of a model's hashes, its own for an empty name; None removes the field.

        With `only_new` a field that is there stays as it is. Raises UnknownModelError.
        """
        values = (() if value is None else (value,)) + (("1",) if only_new else ())
        if self.run("put_field", model, hash_name, field, *values) == -1:
            raise self.unknown(model)
