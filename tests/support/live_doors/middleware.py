"""Middleware of both kinds: bodies over sockets in every form, and plain objects in the calls of an app."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable
from typing import Any

import httpx

from driftmeter.integrations.asgi import DriftMiddleware
from driftmeter.integrations.watch import RouteWatch
from driftmeter.integrations.wsgi import WsgiDriftMiddleware
from tests.integrations.serving import Answer, serve
from tests.support.live_doors.bodies import FORMS, Form, as_json
from tests.support.live_doors.door import AT_ONCE, Counting, Door
from tests.support.served_rows import FEATURES, PREDICTION, ServedRows, served_profile
from tests.support.waiting import eventually

PATH = "/v2/models/flights/infer"
ASGI = ("FastAPI, Starlette", "Litestar", "Ray Serve", "LitServe", "KServe's custom models")
WSGI = ("Flask", "Django")
"""Servers whose apps are of this kind; tests/doors/test_servers.py has each of them as a program."""


def all_read(watch: RouteWatch, requests: int) -> None:
    """Wait until every request was looked at, which is after its answer, and assert that all were read."""
    eventually(lambda: watch.stats()["read"] == requests or sum(_left(watch).values()), "all requests read")
    assert _left(watch) == {}
    assert watch.stats()["read_without_predictions"] == 0


def _left(watch: RouteWatch) -> dict[str, int]:
    return {name: count for name, count in watch.stats().items() if name.startswith("left_") and count}


def _bodies(kind: str, form: Form) -> Door:
    def send(server: Counting, rows: ServedRows) -> None:
        calls = [(form.request(features), form.answer(answers)) for features, answers, _ in rows.batches(AT_ONCE)]
        answers = {body: answer for (body, _), answer in calls}

        def model(path: str, body: bytes) -> Answer:
            return Answer([answers[body]])

        # the columns in the order of the profile, as the bodies without names have them
        with server.monitor(profile=served_profile(), columns=FEATURES) as monitor:
            watch = RouteWatch(monitor, ["/v2/models/{name}/infer"])
            with serve(kind, model, watch) as url, httpx.Client(timeout=30) as client:
                for (body, headers), answer in calls:
                    assert client.post(f"{url}{PATH}", content=body, headers=headers).content == answer
                all_read(watch, len(calls))

    return Door(send, ASGI if kind == "asgi" else WSGI)


Call = Callable[[bytes, bytes], None]
"""Asks an app with the body of a request; it answers with the second."""


def _plain(app_of: Callable[[RouteWatch], Call], documented: tuple[str, ...]) -> Door:
    def send(server: Counting, rows: ServedRows) -> None:
        with server.monitor(profile=served_profile()) as monitor:
            watch = RouteWatch(monitor, ["/predict"])
            call = app_of(watch)
            for row, prediction in zip(rows.features, rows.predictions, strict=True):
                call(as_json(row), as_json({PREDICTION: prediction}))
            all_read(watch, len(rows))

    return Door(send, documented)


def _asgi_calls(watch: RouteWatch) -> Call:
    loop = asyncio.new_event_loop()
    answer = b""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer})

    watched = DriftMiddleware(app, watch=watch)
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}

    async def ignore(message: Any) -> None:
        pass

    def call(request: bytes, answered: bytes) -> None:
        nonlocal answer
        answer = answered

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": request, "more_body": False}

        loop.run_until_complete(watched(scope, receive, ignore))

    return call


_written: list[object] = []
"""What an app writes rather than returns: nothing does so here."""


def _wsgi_calls(watch: RouteWatch) -> Call:
    answer = b""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start_response("200 OK", [("Content-Type", "application/json")])
        return [answer]

    watched = WsgiDriftMiddleware(app, watch=watch)

    def call(request: bytes, answered: bytes) -> None:
        nonlocal answer
        answer = answered
        about = {"REQUEST_METHOD": "POST", "PATH_INFO": "/predict", "CONTENT_LENGTH": str(len(request))}
        response = watched({**about, "wsgi.input": io.BytesIO(request)}, lambda *head: _written.append)
        assert b"".join(response) == answered
        response.close()  # type: ignore[attr-defined]

    return call


WSGI_FORMS = ("V1 arrays", "V1 columns", "MLflow split", "Seldon", "V2", "V2 one tensor", "V2 binary", "V2 gzip")
"""One of each kind: both kinds of middleware hand the bodies to the same watch."""
MIDDLEWARE: dict[str, Door] = {
    "ASGI, objects": _plain(_asgi_calls, ASGI),
    "WSGI, objects": _plain(_wsgi_calls, WSGI),
    **{f"ASGI, {name}": _bodies("asgi", form) for name, form in FORMS.items()},
    **{f"WSGI, {name}": _bodies("wsgi", FORMS[name]) for name in WSGI_FORMS},
}
