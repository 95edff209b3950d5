"""The connection to the metric tier, by http.client: half the CPU that urllib3 takes for a request (bench/observe.py).

`transport` imports this file with the first request, since http.client and ssl take as long as the rest of the SDK.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import weakref
import zlib
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, urlsplit

_PLAIN = "!#$%&'()*+,/:;=?@[]~"
"""Characters of a path that stay as they are, besides letters, digits, - . _."""


class Connection:
    """One connection that is kept alive; no redirects, no retries, no proxies of the environment."""

    def __init__(self, base: str) -> None:
        """Prepare; nothing is connected yet. `base` is the start of all addresses: http://host[:port][/path] or https://…"""
        parts = urlsplit(base)
        host = parts.hostname or ""
        self._path = quote(parts.path, safe=_PLAIN)
        self._http: http.client.HTTPConnection
        if parts.scheme == "https":
            self._http = http.client.HTTPSConnection(host, parts.port or 443, context=ssl.create_default_context())
        else:
            self._http = http.client.HTTPConnection(host, parts.port or 80)
        weakref.finalize(self, self._http.close)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        connect_timeout: float,
        timeout: float,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request for a path below the base; return status, headers (names in small letters) and body.

        Times are in seconds. Raises ConnectionError, with the reason in plain words, if no answer came.
        """
        connected = False
        try:
            self._connect(connect_timeout, timeout)
            connected = True
            with suppress(BrokenPipeError):  # a server that refuses a body need not read it before it answers
                self._http.request(method, self._path + path, body, dict(headers))
            with self._http.getresponse() as response:
                named = {name.lower(): value for name, value in response.getheaders()}
                content = _decoded(response.read(), named.get("content-encoding", ""))
        except (OSError, http.client.HTTPException, UnicodeError, zlib.error) as error:
            self._http.close()
            raise ConnectionError(_in_plain_words(error, connected=connected)) from error
        except BaseException:
            self._http.close()  # an answer that was not read whole would be taken for that of the next request
            raise
        return response.status, named, content

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _connect(self, connect_timeout: float, timeout: float) -> None:
        """Connect unless there is a connection that was not dropped while it was idle."""
        if self._http.sock is not None and _is_readable(self._http.sock):
            self._http.close()
        if self._http.sock is None:
            self._http.timeout = connect_timeout
            self._http.connect()
        self._http.sock.settimeout(timeout)


def _is_readable(idle: socket.socket) -> bool:
    """Say whether there is something to read although nothing was asked: most often, that the other end has closed."""
    if not hasattr(select, "poll"):
        return bool(select.select([idle], [], [], 0)[0])
    poll = select.poll()
    poll.register(idle, select.POLLIN)
    return bool(poll.poll(0))


def _decoded(content: bytes, encoding: str) -> bytes:
    """Return a body as it was before a gateway compressed it, which it does although nobody said that it may."""
    if encoding.lower() in ("gzip", "x-gzip", "deflate"):
        try:
            return zlib.decompress(content, zlib.MAX_WBITS | 32)  # of either kind
        except zlib.error:
            return zlib.decompress(content, -zlib.MAX_WBITS)  # deflate without its head, as some servers send it
    return content


def _in_plain_words(error: BaseException, *, connected: bool) -> str:
    """Return why a request got no answer."""
    if isinstance(error, ssl.SSLError) and not isinstance(error, TimeoutError):
        return f"no secure connection: {error.verify_message if hasattr(error, 'verify_message') else error.reason}"
    if isinstance(error, socket.gaierror) or (isinstance(error, UnicodeError) and not connected):
        return "unknown host"
    if isinstance(error, TimeoutError) and not error.errno:
        return "no answer in time" if connected else "no connection in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, zlib.error):
        return "the answer cannot be unpacked"
    if isinstance(error, http.client.RemoteDisconnected):
        return "connection closed without an answer"
    return f"{type(error).__name__}: {error}"
