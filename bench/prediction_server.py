"""Servers of bench/prediction_path.py and bench/middleware.py: the flights model server, watched or not."""

from __future__ import annotations

import argparse
import json
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

import httpx
import uvicorn
from starlette.background import BackgroundTasks

from turns import check_version

App = Callable[[Any, Any, Any], Awaitable[None]]
Row = Mapping[str, object]
HOST = "127.0.0.1"


class NoMonitor:
    """Counts nothing."""

    def observe(self, features: Row, prediction: float | None = None, timestamp: float | None = None) -> None:
        """Do nothing."""

    def stats(self) -> Mapping[str, int]:
        """Return no counts."""
        return {}

    def close(self) -> None:
        """Do nothing."""


class RowPoster(NoMonitor):
    """Posts each row as JSON, in a background task of the request that it came with."""

    def __init__(self, url: str, *, shared: bool) -> None:
        """Use one client for all rows, or else a new one for each."""
        self._url, self._shared = url, shared
        self._client: httpx.AsyncClient | None = None
        self._tasks: ContextVar[BackgroundTasks] = ContextVar("tasks")

    def observe(self, features: Row, prediction: float | None = None, timestamp: float | None = None) -> None:
        """Post a row after the answer."""
        self._tasks.get().add_task(self._post, {**features, "prediction": prediction})

    def around(self, app: App) -> App:
        """Return an app that runs the tasks of a request once it is answered, as a Starlette response does."""

        async def with_tasks(scope: Any, receive: Any, send: Any) -> None:
            tasks = BackgroundTasks()
            self._tasks.set(tasks)
            await app(scope, receive, send)
            await tasks()

        return with_tasks

    async def _post(self, row: dict[str, object]) -> None:
        if not self._shared:
            async with httpx.AsyncClient() as client:
                (await client.post(self._url, json=row)).raise_for_status()
            return
        if self._client is None:
            self._client = httpx.AsyncClient()
        (await self._client.post(self._url, json=row)).raise_for_status()


def row_sink() -> App:
    """Return an app that reads the rows that are posted to a path; a GET of that path answers how many came."""
    rows: dict[str, int] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path, body, more = scope["path"], b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if scope["method"] == "POST":
            json.loads(body)
            rows[path] = rows.get(path, 0) + 1
        answer = str(rows.get(path, 0)).encode()
        head = [(b"content-type", b"text/plain"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": answer})

    return app


def model_server(mode: str, target: str, profile: str) -> App:
    from driftmeter import Monitor
    from driftmeter.demo.model_server import create_app
    from driftmeter.demo.predictor import Predictor

    if mode in ("shared", "each"):
        poster = RowPoster(target, shared=mode == "shared")
        return poster.around(create_app(poster, Predictor.load()))
    if mode == "middleware":
        from driftmeter.integrations.asgi import DriftMiddleware

        watched = Monitor(target, model="flights", profile=profile)
        return DriftMiddleware(create_app(NoMonitor(), Predictor.load()), monitor=watched, routes=["/get-prediction"])
    monitor = Monitor(target, model="flights", profile=profile) if mode == "monitor" else NoMonitor()
    return create_app(monitor, Predictor.load())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=["none", "monitor", "middleware", "shared", "each", "sink"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--target", default="", help="URL of the metric server, or of the endpoint")
    parser.add_argument("--profile", default="", help="file")
    options = parser.parse_args()
    check_version()
    app = row_sink() if options.mode == "sink" else model_server(options.mode, options.target, options.profile)
    # as in driftmeter.demo.model_server
    uvicorn.run(
        app, host=HOST, port=options.port, access_log=False, log_level="warning", timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )  # fmt: skip


if __name__ == "__main__":
    main()
