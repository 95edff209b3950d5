"""Stores: where profiles, panes, fold state and verdicts live."""

from __future__ import annotations

from driftmeter.errors import StoreError
from driftmeter.store.protocol import Store


def open_store(url: str) -> Store:
    """Open a store by its URL: `memory://`, or `sqlite:///PATH` (four slashes for an absolute path).

    Raises StoreError on any other URL, StoreUnavailableError where the store can't be opened now.
    """
    from driftmeter.store.sqlite import SQLiteStore

    scheme, separator, rest = url.partition("://")
    if separator and scheme == "memory" and not rest:
        return SQLiteStore(None)
    if separator and scheme == "sqlite" and len(rest) > 1 and rest.startswith("/"):
        return SQLiteStore(rest[1:])
    raise StoreError(f"store: expected memory:// or sqlite:///PATH, got {url!r}")


__all__ = ["Store", "open_store"]
