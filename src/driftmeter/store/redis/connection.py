"""The way to Redis or Valkey: one server, a cluster, or where Sentinel points; scripts; errors as the store's own."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha1
from importlib import resources
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ConnectionError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from driftmeter.errors import StoreError, StoreUnavailableError
from driftmeter.store.redis.failures import code_of, text_of

_OPTIONS = ("prefix", "replicas", "cluster", "master")
_ANSWER = 2.5
"""Seconds to wait for an answer: scripts take milliseconds, whoever takes longer is away. The SDK waits 3 s for its
own answer, and should hear of it before."""
_CONNECT = 2.0
_AWAY = frozenset(
    {"OOM", "READONLY", "MISCONF", "NOREPLICAS", "BUSY", "UNBLOCKED"}
    | {"LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"}
)
"""Codes of a server that cannot do what it is asked just now, and may later."""
_KILLED = "Script killed by user"
"""The same of a script that somebody stopped, which has no code of its own. It had written nothing: else nobody can."""
_AWAY_ERRORS = (ConnectionError, TimeoutError, RedisClusterException)


class RedisConnection:
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
        self._master = own.get("master", "mymaster")
        self._patience = _ANSWER
        # urlunsplit would write unix:/path
        plain = f"{parts.scheme}://{parts.netloc}{parts.path}?{urlencode(options)}".rstrip("?")
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
                self._client = _by_sentinel(parts.netloc, parts.path, self._master, common)
            else:
                self._client = redis.Redis.from_url(plain, **common)
                # raises TypeError on options that there are none of, which else the first command would, or nobody
                pool = self._client.connection_pool
                pool.connection_class(**pool.connection_kwargs)
                self._patience = pool.connection_kwargs["socket_timeout"]
            if self.cluster:
                # connects at once, to learn where the slots are
                with self._reachable():
                    self._client = RedisCluster.from_url(plain, **common)
        except (ValueError, TypeError, RedisError) as error:
            raise _misfit(error, options, self.address) from error

    def script(self, name: str, tag: str, *values: bytes | str | int, writes: bool = True) -> Any:
        """Run a script on the model of `tag`; one that writes returns when enough replicas have what it has found and
        written."""
        with self._reachable():
            text, digest = _script(name)
            run = self._evaluate_and_wait if self.replicas and writes else self._evaluate
            try:
                return run("EVALSHA", digest, tag, values)
            except NoScriptError:
                return run("EVAL", text, tag, values)

    def _evaluate(self, command: str, script: str, tag: str, values: Sequence[Any]) -> Any:
        return self._client.execute_command(command, script, 1, tag, *values)

    def _evaluate_and_wait(self, command: str, script: str, tag: str, values: Sequence[Any]) -> Any:
        # on one connection, and in one go: WAIT speaks of what its own connection last wrote. From Redis 8.0 and Valkey
        # 8.1 on that is all: to who found a duplicate, and wrote nothing, it says at once that all replicas have it.
        # So every script writes something, the key that it is given, after what it has found of others'
        node = self._node(tag)
        pipeline = node.pipeline(transaction=False)
        pipeline.execute_command(command, script, 2, tag, self._waited(tag), *values)
        pipeline.execute_command("WAIT", self.replicas, int(_ANSWER * 500))
        try:
            answer, reached = pipeline.execute(raise_on_error=False)
        except ConnectionError:
            if self.cluster:  # whose client only looks around for what it sends itself
                node.connection_pool.disconnect(inuse_connections=False)
                self._look_around()
            raise
        if isinstance(answer, Exception):
            raise answer
        if isinstance(reached, ResponseError) and str(reached).startswith("WAIT cannot be used with replica"):
            raise ReadOnlyError(str(reached))
        if isinstance(reached, Exception):
            raise reached
        if reached < self.replicas:
            raise ConnectionError(f"{reached} of {self.replicas} replicas have it")
        return answer

    def _waited(self, tag: str) -> str:
        """Return a key of the same slot, whose name begins as all do."""
        return f"{tag}:waited" if "{" in tag else f"{self.prefix}:{{{tag}}}:waited"

    def _node(self, tag: str) -> Any:
        """Return a client of the one server that has a key."""
        if isinstance(self._client, RedisCluster):
            return self._client.get_redis_connection(self._client.get_node_from_key(tag))
        return self._client

    def _look_around(self) -> None:
        """Learn anew where a cluster's slots are."""
        if isinstance(self._client, RedisCluster):
            with suppress(RedisError, RedisClusterException, OSError):
                self._client.nodes_manager.initialize()

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

    def drop(self, beginning: str, still: Callable[[], bool]) -> None:
        """Drop all keys that begin so, wherever they are, for as long as that is `still` ours to do."""
        pattern = re.sub(r"[][*?\\]", r"\\\g<0>", beginning) + "*"
        with self._reachable():
            chunk: list[bytes] = []
            for each in self._client.scan_iter(pattern, count=1000):
                chunk.append(each)
                if len(chunk) == 1000:
                    if not still():
                        return
                    self._client.unlink(*chunk)
                    chunk = []
            if chunk and still():
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
        if isinstance(client, RedisCluster):  # which leaves connections to the garbage collector
            for node in client.get_nodes():
                if node.redis_connection is not None:
                    node.redis_connection.connection_pool.disconnect()
        if client is not None:
            client.close()

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        try:
            yield
        except (RedisError, RedisClusterException) as error:
            if code_of(error) == "READONLY" and isinstance(self._client, redis.Redis):
                self._client.connection_pool.disconnect()  # what was the master is a replica now
            raise self._failed(error) from error
        except OSError as error:
            raise self._away(error) from error

    def _failed(self, error: Exception) -> StoreError:
        """Say what an error means: that the store is away for now, or that it never will do as it is asked."""
        code, text = code_of(error), text_of(error)
        chain = list(_chain(error))
        if any(isinstance(each, AuthenticationError) for each in chain):
            if "HELLO must be called" in text or "uthentication required" in text:
                scheme = self.address.partition(":")[0]
                return StoreError(f"the store {self.address} needs a password: {scheme}://:password@host:port/0")
            return StoreError(f"the store {self.address} refuses us: {text_of(chain[-1])}")
        if isinstance(error, AuthorizationError) or code == "NOPERM":
            return StoreError(f"the store {self.address} refuses us: {text}")
        if self.cluster and code in ("MOVED", "ASK"):  # we went past the one who follows
            self._look_around()
            return self._away(error)
        if code == "MOVED":
            return StoreError(f"the store {self.address} is one of a cluster: expected ?cluster=true")
        if "Cluster mode is not enabled" in text or "cluster support disabled" in text:
            return StoreError(f"the store {self.address} is no cluster: leave out cluster=true")
        if re.search("unknown command .SENTINEL", text, re.IGNORECASE):
            return StoreError(f"the store {self.address} is no Sentinel: expected Sentinels, or redis://host:port/0")
        if isinstance(error, _AWAY_ERRORS) or code in _AWAY or text.startswith(_KILLED):
            return self._away(error)
        return StoreError(f"the store {self.address} failed: {text}")

    def _away(self, error: Exception) -> StoreUnavailableError:
        if self._closed:
            return StoreUnavailableError("the store is closed")
        return StoreUnavailableError(
            f"the store {self.address} cannot be reached or written now: {self._reason(error)}"
        )

    def _reason(self, error: Exception) -> str:
        """Return in a few words why a server is away."""
        code, text = code_of(error), text_of(error)
        if code == "OOM":
            return "Redis is full (maxmemory)"
        if code == "READONLY":
            return "it is a replica, which takes no writes"
        if isinstance(error, MasterNotFoundError):
            # the name is followed by what each Sentinel that could not be asked is, at length
            return "no Sentinel can be asked" if " : " in text else f"no Sentinel knows the master {self._master!r}"
        for each in reversed(list(_chain(error))):
            if isinstance(each, socket.gaierror):
                return "unknown host"
            if isinstance(each, ssl.SSLError):
                return f"TLS: {re.sub(r'^.SSL[^]]*. | .[(]?_ssl[.]c.*$', '', str(each))}"
            if isinstance(each, ConnectionRefusedError):
                return "connection refused"
            if isinstance(each, TimeoutError | socket.timeout):
                return f"no answer within {_CONNECT if 'connecting' in text else self._patience:g} s"
            if isinstance(each, OSError) and each.strerror:
                return each.strerror.lower()
        return text


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and what led to it, the first last, but none of an earlier call that has been told of."""
    while error is not None and not isinstance(error, StoreError):
        yield error
        error = error.__cause__ or error.__context__


def _misfit(error: Exception, options: Mapping[str, str], address: str) -> StoreError:
    """Say which option of redis-py's is none, or has a value that it can't have."""
    if found := re.search(r"unexpected keyword argument '(\w+)'", str(error)):
        others = "those of redis-py, such as socket_timeout, and ssl_ca_certs with rediss://"
        return StoreError(f"store: unknown option {found[1]!r}; known: {', '.join(_OPTIONS)} and {others}")
    if (found := re.search(r"Invalid value for '(\w+)'", str(error))) and found[1] in options:
        return StoreError(f"store: option {found[1]!r} cannot be {options[found[1]]!r}")
    return StoreError(f"store: expected redis://host:port/database with options that fit, got {address!r}")


def _parts(url: str) -> SplitResult:
    """Return the parts of an address; shows nothing of one whose password may have ended up in any of them."""
    scheme = url.partition(":")[0]
    example = f"{scheme}://host:port/database"
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets
        parts = None
    if parts is None or "@" in parts.path + parts.query + parts.fragment:
        raise StoreError(
            f"store: expected {scheme}://[user:password@]host:port/database, and in a password %40 for @, %2F for /,"
            f" %3F for ?, %23 for #, got {scheme}://…"
        ) from None
    if scheme == "unix":
        if not parts.path:
            raise StoreError("store: expected unix:///path/of/the/socket, got 'unix://'")
        return parts
    places = parts.netloc.rpartition("@")[2].split(",") if scheme == "redis+sentinel" else [parts.netloc]
    for place in places:
        try:
            host, port = (single := urlsplit(f"//{place}")).hostname, single.port
        except ValueError:
            port, host = 0, "?"
        if not host:
            got = f"{scheme}://…" if parts.netloc else repr(f"{scheme}://{parts.path}")
            raise StoreError(f"store: expected {example}, got {got}")
        if port == 0 or (port is None and scheme == "redis+sentinel"):
            # what stands there may be a password that lacks its @host, and is not shown
            raise StoreError(
                f"store: expected a port that is a number from 1 to 65535, as in {example}, got {scheme}://…"
            )
    if parts.path not in ("", "/") and not parts.path[1:].isdecimal():
        raise StoreError(f"store: expected a database that is a number, as in {scheme}://host:port/0, got {scheme}://…")
    return parts


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
    folder = resources.files("driftmeter.store.redis").joinpath("scripts")
    prelude, main, coda = (folder.joinpath(f"{part}.lua").read_text("utf-8") for part in ("prelude", name, "coda"))
    text = f"{prelude}\nlocal function main()\n{main}end\n{coda}"
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()


def host_time() -> float:
    """Return this host's time in seconds, which may be put forward and back."""
    return time.time()


def stopwatch() -> float:
    """Return seconds that only grow."""
    return time.monotonic()
