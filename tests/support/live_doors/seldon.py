"""Seldon Core 1: its Python wrapper around a model, watched in its process, or by the events of its logger."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np

from driftmeter.integrations.watch import RouteWatch
from driftmeter.integrations.wsgi import WsgiDriftMiddleware
from tests.integrations.serving import on_waitress
from tests.support.live_doors.bodies import JSON_TYPE, SELDON, Form
from tests.support.live_doors.door import AT_ONCE, Counting, Door
from tests.support.live_doors.events import SELDON_CORE_1, send_events
from tests.support.live_doors.middleware import all_read
from tests.support.served_rows import FEATURES, ServedRows, lateness, served_profile

PATH = "/api/v1.0/predictions"


class Flights:
    """A stand-in for a model, as the wrapper takes it."""

    def predict(self, rows: Any, names: Any, meta: Any = None) -> Any:
        """Return a number a row; texts in a batch make its numbers texts."""
        delays = [row[list(names).index("dep_delay")] for row in rows]
        return np.array([lateness(None if delay in (None, "None") else float(delay)) for delay in delays])


def _app() -> Any:
    from seldon_core.metrics import SeldonMetrics
    from seldon_core.wrapper import get_rest_microservice

    return get_rest_microservice(Flights(), SeldonMetrics())


def _watched(server: Counting, rows: ServedRows) -> None:
    app, requests = _app(), 0
    with server.monitor(profile=served_profile(), columns=FEATURES) as monitor:
        watch = RouteWatch(monitor, [PATH])
        app.wsgi_app = WsgiDriftMiddleware(app.wsgi_app, watch=watch)
        with on_waitress(app) as url, httpx.Client(timeout=30) as client:
            for features, answers, _ in rows.batches(AT_ONCE):
                answer = client.post(f"{url}{PATH}", content=SELDON.request(features)[0], headers=JSON_TYPE)
                assert answer.json()["data"]["ndarray"] == answers
                requests += 1
            all_read(watch, requests)


def _logged(server: Counting, rows: ServedRows) -> None:
    bodies = {}
    client = _app().test_client()
    for features, answers, _ in rows.batches(AT_ONCE):
        answer = client.post(PATH, data=SELDON.request(features)[0], headers=JSON_TYPE).data
        assert json.loads(answer)["data"]["ndarray"] == answers
        bodies[tuple(answers)] = answer
    send_events(server, rows, Form(SELDON.request, lambda answers: bodies[tuple(answers)]), seldon=True)


WRAPPER: dict[str, Door] = {
    "Seldon's wrapper, WSGI": Door(_watched, needs="seldon_core"),
    "Seldon's wrapper, CloudEvents": Door(_logged, (SELDON_CORE_1,), "seldon_core"),
}
