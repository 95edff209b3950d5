"""Print every alert that Alertmanager sends, in one line each: the receiver where no other is set up."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def lines(notification: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines to print for a notification of Alertmanager's webhook, version 4."""
    for alert in notification["alerts"]:
        labels, annotations = alert.get("labels", {}), alert.get("annotations", {})
        words = [alert["status"].upper(), labels.get("severity", ""), labels.get("alertname", "")]
        yield f"{' '.join(words)}: {annotations.get('summary', '')}"
        if alert["status"] == "firing" and "description" in annotations:
            yield f"    {annotations['description']}"


class Handler(BaseHTTPRequestHandler):
    """Takes notifications by POST; GET is for health checks."""

    def do_POST(self) -> None:
        """Print the alerts of one notification."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            text = "\n".join(lines(json.loads(body)))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            self.send_error(400, f"expected a notification of Alertmanager, got {error!r}")
            return
        print(text, flush=True)
        self._answer()

    def do_GET(self) -> None:
        """Answer a health check."""
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Do not log requests: the log holds the alerts alone."""

    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9095)
    options = parser.parse_args()
    with ThreadingHTTPServer((options.host, options.port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
