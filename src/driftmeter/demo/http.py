"""One HTTP request, for asking whether a server is up and what it says."""

from __future__ import annotations

import urllib3


def get(url: str, timeout: float = 2.0) -> urllib3.BaseHTTPResponse | None:
    """Send a GET on a connection of its own; return the answer, whatever its status, or None if there is none.

    `timeout` (seconds) is for each of connecting and reading. No proxy, no redirect, no second attempt.
    """
    try:
        return urllib3.request("GET", url, headers={"connection": "close"}, retries=False, timeout=timeout)
    except urllib3.exceptions.HTTPError:
        return None
