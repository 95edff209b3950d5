"""The way to Redis or Valkey: one server, a cluster, or where Sentinel points; scripts; errors as the store's own."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import sha1
from importlib import resources
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit, urlunsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    ConnectionError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)
from redis.retry import Retry
from redis.sentinel import Sentinel

from driftmeter.errors import StoreError, StoreUnavailableError

_OPTIONS = ("prefix", "replicas", "cluster", "master")
_ANSWER = 5.0
"""Seconds to wait for an answer: scripts take milliseconds, whoever takes longer is away."""
_CONNECT = 2.0
_AWAY = ("MISCONF", "NOREPLICAS", "BUSY", "UNBLOCKED")
"""What begins an answer of a server that cannot write just now, and may later; redis-py has names for the others."""


class Link:
    """Runs scripts and commands. Never twice on its own account: what is not known to have been done is the caller's
    to find out."""

    def __init__(self, url: str) -> None:
        """Take an address, `redis://[user:password@]host:port/database[?option=…]`; connects when first used.

        Options of driftmeter's own: `prefix` of all keys, `replicas` that must have a write before it counts as made,
        `cluster=true`, `master` for redis+sentinel://host:port,host:port/database; others are redis-py's. Raises
        StoreError.
        """
        self._closed = False
        parts = _parts(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        own = {name: options.pop(name) for name in _OPTIONS if name in options}
        self.prefix = own.get("prefix", "driftmeter")
        self.replicas = _whole(own.get("replicas", "0"))
        self.address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self.cluster = _yes("cluster", own.get("cluster", "false"))
        plain = urlunsplit(parts._replace(query=urlencode(options)))
        common: dict[str, Any] = {
            "socket_timeout": _ANSWER,
            "socket_connect_timeout": _CONNECT,
            "retry": Retry(NoBackoff(), 0),
        }
        if "{" in self.prefix or not self.prefix:
            raise StoreError(f"store: expected a prefix without braces, got {self.prefix!r}")
        if options and parts.scheme == "redis+sentinel":
            raise StoreError(f"store: expected no options but {', '.join(_OPTIONS)}, got {', '.join(options)}")
        if "decode_responses" in options:
            raise StoreError("store: expected no option decode_responses: what is kept are bytes")
        if self.cluster and parts.path not in ("", "/", "/0"):
            raise StoreError(f"store: expected database 0, which is all that a cluster has, got {parts.path!r}")
        try:
            self._client: Any
            if parts.scheme == "redis+sentinel":
                self._client = _by_sentinel(parts.netloc, parts.path, own.get("master", "mymaster"), common)
            else:
                self._client = redis.Redis.from_url(plain, **common)
                # raises TypeError on options that there are none of, which else the first command would, or nobody
                pool = self._client.connection_pool
                pool.connection_class(**pool.connection_kwargs)
            if self.cluster:
                # connects at once, to learn where the slots are
                with self._reachable():
                    self._client = RedisCluster.from_url(plain, **common)
        except (ValueError, TypeError) as error:
            raise StoreError(f"store: expected redis://host:port/database, got {self.address!r}: {error}") from error

    def script(self, name: str, tag: str, *values: bytes | str | int, writes: bool = True) -> Any:
        """Run a script on the model of `tag`; one that writes returns when enough replicas have it."""
        with self._reachable():
            text, digest = _script(name)
            client = self._node(tag) if self.replicas and writes else self._client
            try:
                answer = self._evaluate(client, "EVALSHA", digest, tag, values, writes)
            except NoScriptError:
                answer = self._evaluate(client, "EVAL", text, tag, values, writes)
            return answer

    def _evaluate(self, client: Any, command: str, script: str, tag: str, values: Sequence[Any], writes: bool) -> Any:
        if not (self.replicas and writes):
            return client.execute_command(command, script, 1, tag, *values)
        pipeline = client.pipeline(transaction=False)
        pipeline.execute_command(command, script, 1, tag, *values)
        pipeline.execute_command("WAIT", self.replicas, int(_ANSWER * 500))
        answer, reached = pipeline.execute(raise_on_error=False)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(reached, ResponseError) and str(reached).startswith("WAIT cannot be used with replica"):
            raise ReadOnlyError(str(reached))
        if isinstance(reached, Exception):
            raise reached
        if reached < self.replicas:
            raise ConnectionError(f"{reached} of {self.replicas} replicas have it")
        return answer

    def _node(self, tag: str) -> Any:
        """Return a client of the one server that has a key: WAIT is of a connection."""
        if isinstance(self._client, RedisCluster):
            return self._client.get_redis_connection(self._client.get_node_from_key(tag))
        return self._client

    def command(self, *parts: bytes | str | int | float) -> Any:
        """Run a command."""
        with self._reachable():
            return self._client.execute_command(*parts)

    def together(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Run commands that need not be one step, in one round trip."""
        if not commands:
            return []
        with self._reachable():
            pipeline = self._client.pipeline(
                **({} if isinstance(self._client, RedisCluster) else {"transaction": False})
            )
            for command in commands:
                pipeline.execute_command(*command)
            return list(pipeline.execute())

    def drop(self, beginning: str) -> None:
        """Drop all keys that begin so, wherever they are."""
        pattern = re.sub(r"[][*?\\]", r"\\\g<0>", beginning) + "*"
        with self._reachable():
            chunk: list[bytes] = []
            for each in self._client.scan_iter(pattern, count=1000):
                chunk.append(each)
                if len(chunk) == 1000:
                    self._client.unlink(*chunk)
                    chunk = []
            if chunk:
                self._client.unlink(*chunk)

    def info(self) -> dict[str, Any]:
        """Return what the server says of itself; empty where it doesn't tell."""
        with self._reachable():
            try:
                found = self._client.info() if not isinstance(self._client, RedisCluster) else {}
            except ResponseError:
                return {}
        return dict(found)

    def close(self) -> None:
        """Close all connections; what is asked afterwards raises StoreUnavailableError."""
        self._closed = True
        client = getattr(self, "_client", None)
        if client is not None:
            client.close()

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        try:
            yield
        except (AuthenticationError, AuthorizationError, NoPermissionError) as error:
            raise StoreError(f"the store {self.address} refuses us: {error}") from error
        except ReadOnlyError as error:  # what was the master is a replica now
            self._client.connection_pool.disconnect() if isinstance(self._client, redis.Redis) else None
            raise self._away(error) from error
        except MovedError as error:
            raise StoreError(f"the store {self.address} is one of a cluster: expected ?cluster=true") from error
        except (
            *(ConnectionError, TimeoutError, RedisClusterException, OSError),
            *(OutOfMemoryError, ClusterDownError, TryAgainError),
        ) as error:
            raise self._away(error) from error
        except RedisError as error:
            if str(error).lstrip("-").startswith(_AWAY):
                raise self._away(error) from error
            raise StoreError(f"the store {self.address} failed: {error}") from error

    def _away(self, error: Exception) -> StoreUnavailableError:
        if self._closed:
            return StoreUnavailableError("the store is closed")
        return StoreUnavailableError(f"the store {self.address} cannot be reached or written now: {error}")


def _parts(url: str) -> SplitResult:
    """Return the parts of an address; shows nothing of one whose password may have ended up in any of them."""
    scheme = url.partition(":")[0]
    try:
        parts = urlsplit(url)
        whole = scheme == "redis+sentinel" or parts.port != 0  # raises ValueError where it is no number
        database = parts.path.removeprefix("/")
        known = scheme == "unix" or not database or database.isdecimal()
        if whole and known and "@" not in parts.path + parts.query + parts.fragment:
            return parts
    except ValueError:
        pass
    raise StoreError(
        f"store: expected {scheme}://[user:password@]host:port/database, and in a password %40 for @, %2F for /,"
        f" %3F for ?, %23 for #, got {scheme}://…"
    ) from None


def _yes(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise StoreError(f"store: expected {name}=true or {name}=false, got {text!r}")
    return text == "true"


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise StoreError(f"store: expected a number of replicas, got {text!r}")
    return int(text)


def _by_sentinel(hosts: str, path: str, master: str, common: dict[str, Any]) -> Any:
    user, _, places = hosts.rpartition("@")
    name, _, password = user.partition(":")
    addresses = []
    for place in places.split(","):
        host, _, port = place.rpartition(":")
        addresses.append((host, int(port)))
    timeouts = {name: value for name, value in common.items() if name != "retry"}
    sentinel = Sentinel(addresses, sentinel_kwargs=timeouts)
    login = {"username": name or None, "password": password or None} if user else {}
    return sentinel.master_for(master, db=int(path.strip("/") or 0), **login, **common)


@cache
def _script(name: str) -> tuple[str, str]:
    """Return a script and the digest that servers know it by."""
    folder = resources.files("driftmeter.store").joinpath("scripts")
    text = "\n".join(folder.joinpath(f"{part}.lua").read_text("utf-8") for part in ("prelude", name))
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()


def stopwatch() -> float:
    """Return seconds that only grow."""
    return time.monotonic()
