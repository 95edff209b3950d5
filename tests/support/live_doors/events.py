"""CloudEvents of requests and answers, as loggers send them: apart, and in any order."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from tests.support.live_doors.bodies import FORMS, SELDON, V1, V2_BINARY, Form, as_json
from tests.support.live_doors.door import AT_ONCE, MODEL, Counting, Door
from tests.support.served_rows import ServedRows

Event = tuple[dict[str, str], bytes]
"""Attributes, and the body of the request or answer."""
Message = tuple[dict[str, str], bytes]
"""Headers and body over HTTP."""
KSERVE, SELDON_CORE = "org.kubeflow.serving.inference", "io.seldon.serving.inference"
OUR_ADDRESS = f"/v1/models/{MODEL}/events"


def events_of(rows: ServedRows, server: Counting, form: Form, *, seldon: bool) -> list[Event]:
    """Return an event a request and one an answer, shuffled."""
    events: list[Event] = []
    for number, (features, answers, _) in enumerate(rows.batches(AT_ONCE)):
        kind = SELDON_CORE if seldon else KSERVE
        ids = {"id": f"{number}-{{}}", "requestid": str(number)} if seldon else {"id": str(number)}
        for side, body in (("request", form.request(features)[0]), ("response", form.answer(answers))):
            attributes = {name: value.format(side) for name, value in ids.items()}
            attributes |= {"specversion": "1.0", "source": "http://localhost:9081/", "type": f"{kind}.{side}"}
            attributes |= {"time": server.now.isoformat(), "inferenceservicename": MODEL}
            events.append((attributes, body))
    random.Random(7).shuffle(events)
    return events


def _in_headers(events: list[Event]) -> Iterator[Message]:
    for attributes, body in events:
        yield {f"ce-{name}": value for name, value in attributes.items()}, body


def _structured(event: Event) -> dict[str, Any]:
    attributes, body = event
    if body[:1] in b"[{":
        try:
            return {**attributes, "datacontenttype": "application/json", "data": json.loads(body)}
        except ValueError:  # binary tensors follow
            pass
    return {**attributes, "data_base64": base64.b64encode(body).decode()}


def _in_bodies(events: list[Event]) -> Iterator[Message]:
    for event in events:
        yield {"content-type": "application/cloudevents+json"}, as_json(_structured(event))


def _in_batches(events: list[Event]) -> Iterator[Message]:
    for first in range(0, len(events), 9):
        batch = [_structured(event) for event in events[first : first + 9]]
        yield {"content-type": "application/cloudevents-batch+json"}, as_json(batch)


def send_events(
    server: Counting,
    rows: ServedRows,
    form: Form,
    messages: Callable[[list[Event]], Iterator[Message]] = _in_headers,
    *,
    address: str = OUR_ADDRESS,
    seldon: bool = False,
) -> None:
    """Send the events of all rows; each request counts, and each answer finds its own."""
    outcomes: Counter[str] = Counter()
    events = events_of(rows, server, form, seldon=seldon)
    with httpx.Client(timeout=30) as client:
        for headers, body in messages(events):
            answer = client.post(f"{server.url}{address}", headers=headers, content=body)
            assert answer.status_code == 200, answer.text
            outcomes.update(answer.json()["outcomes"])
    assert outcomes["rows"] == outcomes["joined"] + outcomes["waiting"] == len(events) / 2
    assert outcomes["joined"] > 5 < outcomes["waiting"]


def _events(form: Form, messages: Callable[[list[Event]], Iterator[Message]], documented: str, **options: Any) -> Door:
    return Door(lambda server, rows: send_events(server, rows, form, messages, **options), (documented,))


KSERVE_FORMS = ("V1 arrays", "V1 columns", "V2", "V2 one tensor", "V2 binary without its length", "V2 gzip")
"""Of the bodies that pass KServe's agent; the middleware has all forms."""
ANY, SELDON_CORE_1 = "anything that sends CloudEvents", "Seldon Core 1"
MODES = {"binary mode": _in_headers, "structured mode": _in_bodies, "batches": _in_batches}
EVENTS: dict[str, Door] = {
    **{f"CloudEvents of KServe, {name}": _events(FORMS[name], _in_headers, "KServe") for name in KSERVE_FORMS},
    **{
        f"CloudEvents in {mode}, {name}": _events(form, messages, ANY)
        for mode, messages in MODES.items()
        for name, form in (("V1", V1), ("V2 binary", V2_BINARY))
    },
    **{
        f"CloudEvents of Seldon in {mode}": _events(SELDON, messages, SELDON_CORE_1, seldon=True)
        for mode, messages in MODES.items()
    },
    "CloudEvents at TrustyAI's addresses": _events(
        V2_BINARY, _in_headers, "TrustyAI's address", address="/consumer/kserve/v2"
    ),
}
