"""Stores: where profiles, panes, fold state and verdicts live."""

from __future__ import annotations

from driftmeter.errors import MissingExtraError, StoreError
from driftmeter.store.protocol import Store


def open_store(url: str) -> Store:
    """Open a store by its URL: `memory://`, `sqlite:///PATH` (four slashes for an absolute path), or
    `redis://HOST:PORT/DATABASE`, as `store.link` says.

    Raises StoreError on any other URL, StoreUnavailableError where the store can't be opened now, MissingExtraError
    where Redis is asked for and its client is not installed.
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
    # it may hold a password
    got = f"{scheme}://…" if separator else url
    raise StoreError(f"store: expected memory://, sqlite:///PATH or redis://HOST:PORT/DATABASE, got {got!r}")


def is_remote(url: str) -> bool:
    """Say whether a URL names a store of a server of its own, which may come and go."""
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme in ("redis", "rediss", "unix", "redis+sentinel")


def shown(url: str) -> str:
    """Return a store's URL as it may be shown and logged: without user and password, and without options.

    >>> shown("redis://driftmeter:secret@redis:6379/0?replicas=1")
    'redis://redis:6379/0'
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme in ("memory", "sqlite"):
        return url
    return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"


__all__ = ["Store", "is_remote", "open_store", "shown"]
