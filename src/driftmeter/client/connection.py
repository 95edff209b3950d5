"""The connection to the metric tier, by urllib3: it takes as long to import as the rest of the SDK (bench/imports.py).

`transport` imports this file with the first request.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping

import urllib3


class Connection:
    """One connection that is kept alive; no redirects, no retries, no proxies of the environment."""

    def __init__(self) -> None:
        """Prepare; nothing is connected yet."""
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1)

    def request(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        connect_timeout: float,
        timeout: float,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request; return status, headers (names in small letters) and body, whatever the status.

        Times are in seconds. Raises ConnectionError, with the reason in plain words, if no answer came.
        """
        limits = urllib3.Timeout(connect=connect_timeout, read=timeout)
        try:
            response = self._pool.request(
                method, url, body=body, headers=headers, timeout=limits, retries=False, redirect=False
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ConnectionError(_in_plain_words(error)) from error
        return response.status, {name.lower(): value for name, value in response.headers.items()}, response.data

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()


def _in_plain_words(error: BaseException) -> str:
    """Return why a request got no answer; urllib3's own messages name its connection objects."""
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "unknown host"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"no secure connection: {cause.verify_message if hasattr(cause, 'verify_message') else cause.reason}"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        if isinstance(cause, http.client.RemoteDisconnected):
            return "connection closed without an answer"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return "no connection in time"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}"
