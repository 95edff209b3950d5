"""The address of a store in Redis: `redis://[user:password@]host:port/database[?option=…]`, taken apart and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlencode, urlsplit

from driftmeter.errors import StoreError

OPTIONS = ("prefix", "replicas", "cluster", "master")
"""The options of driftmeter. All others are those of redis-py."""

Scheme = Literal["redis", "rediss", "unix", "redis+sentinel"]


@dataclass(frozen=True)
class RedisAddress:
    """Where a store in Redis is, and how it is used.

    - `scheme`: redis, rediss (TLS), unix (a socket of this host) or redis+sentinel.
    - `location`: host and port, several of them for Sentinel, as they were given; `path`: the database or the socket.
    - `prefix`: how all keys begin.
    - `replicas`: how many replicas must have a write before it counts as made.
    - `cluster`: whether the address is that of a node of a cluster.
    - `sentinels`: the Sentinels to ask for the server called `master`; empty for other schemes.
    - `client_options`: options for redis-py, such as socket_timeout.

    `str` gives the address without login and options, for logs and errors; `repr` does not show the login either.
    """

    scheme: Scheme
    location: str
    path: str
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    login: str = field(default="", repr=False)
    prefix: str = "driftmeter"
    replicas: int = 0
    cluster: bool = False
    master: str = "mymaster"
    sentinels: tuple[tuple[str, int], ...] = ()
    client_options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the address as it may be shown and logged."""
        return f"{self.scheme}://{self.location}{self.path}"

    @property
    def client_url(self) -> str:
        """The URL for redis-py, with login and redis-py's own options."""
        # urlunsplit would write unix:/path
        return f"{self.scheme}://{self.login}{self.location}{self.path}?{urlencode(self.client_options)}".rstrip("?")

    @property
    def database(self) -> int:
        """The number of the database; 0 if the address names none."""
        return int(self.path.strip("/") or 0) if self.scheme != "unix" else 0

    @classmethod
    def parse(cls, url: str) -> RedisAddress:
        """Read an address; raises StoreError if it cannot be one, without showing what may be a password.

        Options of redis-py are not checked here.

        >>> RedisAddress.parse("redis+sentinel://one:26379,two:26379/2?master=main&replicas=1").sentinels
        (('one', 26379), ('two', 26379))
        """
        parts = _split(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        ours = {name: options.pop(name) for name in OPTIONS if name in options}
        login, at, location = parts.netloc.rpartition("@")
        username, _, password = login.partition(":")
        address = cls(
            parts.scheme,  # type: ignore[arg-type] # only these four come here
            location,
            parts.path,
            unquote(username) or None,
            unquote(password) or None,
            login + at,
            ours.get("prefix", cls.prefix),
            _number_of_replicas(ours.get("replicas", "0")),
            _flag("cluster", ours.get("cluster", "false")),
            ours.get("master", cls.master),
            tuple(map(_host_and_port, location.split(","))) if parts.scheme == "redis+sentinel" else (),
            options,
        )
        address._check()
        return address

    def _check(self) -> None:
        """Raise StoreError for options that do not go together."""
        if "{" in self.prefix or not self.prefix:
            raise StoreError(f"store: expected a prefix without braces, got {self.prefix!r}")
        if self.client_options and self.sentinels:
            got = ", ".join(self.client_options)
            raise StoreError(f"store: expected no options but {', '.join(OPTIONS)}, got {got}")
        if "decode_responses" in self.client_options:
            raise StoreError("store: expected no option decode_responses: what is kept are bytes")
        if self.cluster and self.path not in ("", "/", "/0"):
            raise StoreError(f"store: expected database 0, which is all that a cluster has, got {self.path!r}")


def _split(url: str) -> SplitResult:
    """Return the parts of an address; raises StoreError if one of them cannot be what it should be."""
    scheme = url.partition(":")[0]
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that do not match
        parts = None
    # an @ further on belongs to a password, and so may all that stands before it
    if parts is None or "@" in parts.path + parts.query + parts.fragment:
        raise StoreError(
            f"store: expected {scheme}://[user:password@]host:port/database, and in a password %40 for @, %2F for /,"
            f" %3F for ?, %23 for #, got {scheme}://…"
        ) from None
    if scheme == "unix":
        if not parts.path:
            raise StoreError("store: expected unix:///path/of/the/socket, got 'unix://'")
        return parts
    location = parts.netloc.rpartition("@")[2] if scheme == "redis+sentinel" else parts.netloc
    for host in location.split(",") if scheme == "redis+sentinel" else [location]:
        _check_host(scheme, host, parts)
    if parts.path not in ("", "/") and not parts.path[1:].isdecimal():
        raise StoreError(f"store: expected a database that is a number, as in {scheme}://host:port/0, got {scheme}://…")
    return parts


def _check_host(scheme: str, host: str, parts: SplitResult) -> None:
    example = f"{scheme}://host:port/database"
    try:
        single = urlsplit(f"//{host}")
        name, port = single.hostname, single.port
    except ValueError:
        name, port = "?", 0
    if not name:
        got = f"{scheme}://…" if parts.netloc else repr(f"{scheme}://{parts.path}")
        raise StoreError(f"store: expected {example}, got {got}")
    if port == 0 or (port is None and scheme == "redis+sentinel"):
        # the port may be a password without its @host, so it is not shown
        raise StoreError(f"store: expected a port that is a number from 1 to 65535, as in {example}, got {scheme}://…")


def _flag(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise StoreError(f"store: expected {name}=true or {name}=false, got {text!r}")
    return text == "true"


def _number_of_replicas(text: str) -> int:
    if not text.isdecimal():
        raise StoreError(f"store: expected a number of replicas, got {text!r}")
    return int(text)


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)
