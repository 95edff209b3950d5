"""Stores: where profiles, panes, fold state and verdicts are kept."""

from __future__ import annotations

from driftmeter.errors import MissingExtraError, StoreError
from driftmeter.store.protocol import Store


def open_store(url: str) -> Store:
    """Open a store by its URL.

    `memory://`, `sqlite:///PATH` (four slashes for an absolute path), or an address of Redis, such as
    `redis://HOST:PORT/DATABASE`, as `driftmeter.store.redis.address` describes it.

    Raises StoreError on any other URL, StoreUnavailableError if the store cannot be opened now, MissingExtraError
    if the URL is one of Redis and its client is not installed.
    """
    scheme, separator, rest = url.partition("://")
    if is_remote(url):
        try:
            from driftmeter.store.redis.store import RedisStore
        except ModuleNotFoundError as error:
            raise MissingExtraError("a store in Redis needs: pip install 'driftmeter[redis]'") from error
        return RedisStore(url)

    from driftmeter.store.sqlite.store import SQLiteStore

    if separator and scheme == "memory" and not rest:
        return SQLiteStore(None)
    if separator and scheme == "sqlite" and len(rest) > 1 and rest.startswith("/"):
        return SQLiteStore(rest[1:])
    # the URL may hold a password
    got = f"{scheme}://…" if separator else url
    raise StoreError(f"store: expected memory://, sqlite:///PATH or redis://HOST:PORT/DATABASE, got {got!r}")


def is_remote(url: str) -> bool:
    """Return whether the URL is that of a server, which can be away while driftmeter runs."""
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme in ("redis", "rediss", "unix", "redis+sentinel")


def redacted(url: str) -> str:
    """Return a store's URL for logs and pages: without user, password and options.

    >>> redacted("redis://driftmeter:secret@redis:6379/0?replicas=1")
    'redis://redis:6379/0'
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme in ("memory", "sqlite"):
        return url
    return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"


__all__ = ["Store", "is_remote", "open_store", "redacted"]
