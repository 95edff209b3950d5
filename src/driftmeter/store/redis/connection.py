"""A connection to Redis or Valkey: one server, a cluster, or the master that Sentinel names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import (
    ConnectionError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
)
from redis.retry import Retry
from redis.sentinel import Sentinel

from driftmeter.errors import StoreError, StoreUnavailableError
from driftmeter.store.redis.address import RedisAddress
from driftmeter.store.redis.failures import CONNECT_TIMEOUT, RedisFailure, code_of, unfit_options
from driftmeter.store.redis.script_files import script

ANSWER_TIMEOUT = 2.5
"""Seconds to wait for an answer. Scripts take milliseconds: a server that takes longer counts as unreachable. The SDK
waits 3 s for its own answer, and should hear of it before."""
_SCANNED = 1000
"""Keys that are looked at, and unlinked, at a time."""


class RedisConnection:
    """Runs scripts and commands, and raises failures as the store's own errors.

    It never runs anything a second time by itself: after a broken connection only the caller can find out whether the
    command was executed.
    """

    def __init__(self, address: RedisAddress) -> None:
        """Prepare a connection; a cluster is connected to at once, others when they are first used.

        Raises StoreError if redis-py does not take the options, StoreUnavailableError if a cluster cannot be reached.
        """
        self.address = address
        self._closed = False
        self._answer_timeout = ANSWER_TIMEOUT
        self._client: Any
        common: dict[str, Any] = {
            "socket_timeout": ANSWER_TIMEOUT,
            "socket_connect_timeout": CONNECT_TIMEOUT,
            "retry": Retry(NoBackoff(), 0),
        }
        try:
            if address.sentinels:
                self._client = _master(address, common)
            else:
                self._client = redis.Redis.from_url(address.client_url, **common)
                # unknown options raise TypeError here; otherwise the first command would, or none
                pool = self._client.connection_pool
                pool.connection_class(**pool.connection_kwargs)
                self._answer_timeout = pool.connection_kwargs["socket_timeout"]
            if address.cluster:
                # connects at once, to learn where the slots are
                with self._failures():
                    self._client = RedisCluster.from_url(address.client_url, **common)
        except (ValueError, TypeError, RedisError) as error:
            raise unfit_options(error, address) from error

    def script(self, name: str, tag: str, *values: bytes | str | int, writes: bool = True) -> Any:
        """Run a script on the model of `tag`.

        A script that writes returns when `address.replicas` replicas have what it has read and written.
        """
        with self._failures():
            text, digest = script(name)
            run = self._evaluate_and_wait if self.address.replicas and writes else self._evaluate
            try:
                return run("EVALSHA", digest, tag, values)
            except NoScriptError:
                return run("EVAL", text, tag, values)

    def _evaluate(self, command: str, script: str, tag: str, values: Sequence[Any]) -> Any:
        return self._client.execute_command(command, script, 1, tag, *values)

    def _evaluate_and_wait(self, command: str, script: str, tag: str, values: Sequence[Any]) -> Any:
        # Both commands go over one connection in one round trip: WAIT is about the last write of its own connection.
        # Since Redis 8.0 and Valkey 8.1 it is about nothing else: after a script that wrote nothing, such as one that
        # found a duplicate, WAIT says at once that all replicas have it. So every script writes something last: the
        # second key, which it is given here.
        node = self._node(tag)
        pipeline = node.pipeline(transaction=False)
        pipeline.execute_command(command, script, 2, tag, self._waited(tag), *values)
        pipeline.execute_command("WAIT", self.address.replicas, int(ANSWER_TIMEOUT * 500))
        try:
            answer, reached = pipeline.execute(raise_on_error=False)
        except ConnectionError:
            if self.address.cluster:  # its client learns of new slots only from commands that it sends itself
                node.connection_pool.disconnect(inuse_connections=False)
                self._learn_slots()
            raise
        if isinstance(answer, Exception):
            raise answer
        if isinstance(reached, ResponseError) and str(reached).startswith("WAIT cannot be used with replica"):
            raise ReadOnlyError(str(reached))
        if isinstance(reached, Exception):
            raise reached
        if reached < self.address.replicas:
            raise ConnectionError(f"{reached} of {self.address.replicas} replicas have it")
        return answer

    def _waited(self, tag: str) -> str:
        """Return a key of the same slot that begins with the prefix."""
        return f"{tag}:waited" if "{" in tag else f"{self.address.prefix}:{{{tag}}}:waited"

    def _node(self, tag: str) -> Any:
        """Return a client of the one server that has a key."""
        if isinstance(self._client, RedisCluster):
            return self._client.get_redis_connection(self._client.get_node_from_key(tag))
        return self._client

    def _learn_slots(self) -> None:
        """Ask a cluster again which server has which slots."""
        if isinstance(self._client, RedisCluster):
            with suppress(RedisError, RedisClusterException, OSError):
                self._client.nodes_manager.initialize()

    def command(self, *parts: bytes | str | int | float) -> Any:
        """Run a command."""
        with self._failures():
            return self._client.execute_command(*parts)

    def pipeline(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Run commands in one round trip; they are not one atomic step."""
        if not commands:
            return []
        with self._failures():
            options = {} if isinstance(self._client, RedisCluster) else {"transaction": False}
            pipeline = self._client.pipeline(**options)
            for command in commands:
                pipeline.execute_command(*command)
            return list(pipeline.execute())

    def unlink_all(self, beginning: str, allowed: Callable[[], bool]) -> None:
        """Unlink all keys that begin so, on all servers; stops when `allowed`, asked before each chunk, is false."""
        pattern = re.sub(r"[][*?\\]", r"\\\g<0>", beginning) + "*"
        with self._failures():
            chunk: list[bytes] = []
            for key in self._client.scan_iter(pattern, count=_SCANNED):
                chunk.append(key)
                if len(chunk) == _SCANNED:
                    if not allowed():
                        return
                    self._client.unlink(*chunk)
                    chunk = []
            if chunk and allowed():
                self._client.unlink(*chunk)

    def info(self) -> dict[str, Any]:
        """Return the server's INFO; empty for a cluster, and for a server that refuses it."""
        with self._failures():
            try:
                return dict(self._client.info()) if not isinstance(self._client, RedisCluster) else {}
            except ResponseError:
                return {}

    def close(self) -> None:
        """Close all connections; later calls raise StoreUnavailableError."""
        self._closed = True
        client = getattr(self, "_client", None)
        if isinstance(client, RedisCluster):  # its own close leaves connections to the garbage collector
            for node in client.get_nodes():
                if node.redis_connection is not None:
                    node.redis_connection.connection_pool.disconnect()
        if client is not None:
            client.close()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Raise failures of redis-py as the store's own errors, and let go of connections that are of no use now."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        try:
            yield
        except (RedisError, RedisClusterException, OSError) as error:
            code = code_of(error)
            if code == "READONLY" and isinstance(self._client, redis.Redis):
                self._client.connection_pool.disconnect()  # the former master is a replica now
            if self.address.cluster and code in ("MOVED", "ASK"):  # a pipeline does not follow these
                self._learn_slots()
            raise self._store_error(error) from error

    def _store_error(self, error: Exception) -> StoreError:
        failure = RedisFailure(error, self.address, self._answer_timeout).store_error()
        if self._closed and isinstance(failure, StoreUnavailableError):
            return StoreUnavailableError("the store is closed")
        return failure


def _master(address: RedisAddress, common: dict[str, Any]) -> Any:
    """Return a client of the master that Sentinels name."""
    timeouts = {name: value for name, value in common.items() if name != "retry"}
    sentinel = Sentinel(list(address.sentinels), sentinel_kwargs=timeouts)
    login = {"username": address.username, "password": address.password} if address.login else {}
    return sentinel.master_for(address.master, db=address.database, **login, **common)
