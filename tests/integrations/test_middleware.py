"""What both kinds of middleware promise, on real servers with a real client."""

from __future__ import annotations

import gzip
import json
import logging
import queue
import random
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import polars
import pytest

from driftmeter.client import Monitor
from driftmeter.counts.summary import Summary
from driftmeter.errors import InputError
from driftmeter.integrations.asgi import DriftMiddleware
from driftmeter.integrations.routes import Routes, WatchedRoute
from driftmeter.integrations.watch import MOST_WAITING, RouteWatch
from driftmeter.integrations.wsgi import WsgiDriftMiddleware
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from tests.client.tier import Tier
from tests.integrations.serving import Answer, Model, asgi_app, on_uvicorn, serve
from tests.support.clocks import SetClock
from tests.support.waiting import eventually

KINDS = pytest.mark.parametrize("kind", ["asgi", "wsgi"])
RNG = random.Random(0)
ROWS: list[dict[str, Any]] = [
    {"age": RNG.choice([None, 41, 30.5, "old"]), "amount": RNG.lognormvariate(3, 1), "city": "Ulm", "member": True}
    for _ in range(20)
]
SCORES = [round(RNG.random(), 3) for _ in ROWS]
NAMES = list(ROWS[0])
LISTS = [list(row.values()) for row in ROWS]
PREDICTIONS = {"predictions": SCORES}
CLIENT = httpx.Client(timeout=20, limits=httpx.Limits(max_keepalive_connections=0))


def observed(profile: Profile, rows: list[dict[str, Any]], scores: list[Any] | None) -> Summary:
    """Count rows by a monitor of their own."""
    tier = Tier(Timing(10_000, 10_000))
    try:
        with Monitor(tier.url, profile=profile) as monitor:
            for row, score in zip(rows, scores or [None] * len(rows), strict=True):
                monitor.observe(row, score)
            assert monitor.flush(20)
        return tier.summary(profile)
    finally:
        tier.stop()


def answering(content: Any) -> Model:
    return lambda path, body: Answer([json.dumps(content).encode()])


def settled(watch: RouteWatch) -> dict[str, int]:
    """Wait until every request was looked at, which is after its answer; return the counts that are not 0."""

    def counts() -> dict[str, int] | None:
        stats = watch.stats()
        left = sum(count for name, count in stats.items() if name.startswith("left_"))
        return stats if stats["requests"] == stats["read"] + left else None

    return {name: count for name, count in eventually(counts, "all requests read or left").items() if count}


def post(url: str, content: Any, path: str = "/predict", **options: Any) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {"content-type": "application/json", **options.pop("headers", {})}
    return CLIENT.post(f"{url}{path}", content=body, headers=headers, **options)


FORMS: dict[str, tuple[WatchedRoute | str | None, Any, Any]] = {
    "V1 by name": (None, {"instances": ROWS}, PREDICTIONS),
    "V1 by position": (None, {"instances": LISTS}, PREDICTIONS),
    "V1 columns": (None, {"inputs": {name: [row[name] for row in ROWS] for name in NAMES}}, {"outputs": SCORES}),
    "MLflow split": (None, {"dataframe_split": {"columns": NAMES, "data": LISTS}}, PREDICTIONS),
    "MLflow records": (None, {"dataframe_records": ROWS}, PREDICTIONS),
    "rows": (None, ROWS, SCORES),
    "rows with named scores": (None, ROWS, [{"late": True, "score": score} for score in SCORES]),
    "a path": ("$.data", {"data": ROWS}, PREDICTIONS),
    "a path of items": ("$.data[*].row", {"data": [{"row": row} for row in ROWS]}, PREDICTIONS),
    "paths": (
        WatchedRoute("$.in", "$.out[*][1]"),
        {"in": LISTS, "more": 1},
        {"out": [[1 - score, score] for score in SCORES]},
    ),
    "NaN": (None, [{**row, "age": float("nan")} if row["age"] is None else row for row in ROWS], SCORES),
}


@KINDS
@pytest.mark.parametrize("form", FORMS)
def test_rows_and_predictions_count_as_the_monitor_would(
    kind: str, form: str, tier: Tier, profile: Profile, monitor: Monitor
) -> None:
    route, request, answer = FORMS[form]
    watch = RouteWatch(monitor, {"/predict": route})
    with serve(kind, answering(answer), watch) as url:
        assert post(url, request).json() == answer
        assert settled(watch) == {"requests": 1, "read": 1}
    assert monitor.flush(20)
    assert tier.summary(profile) == observed(profile, ROWS, SCORES)


SINGLE: dict[str, tuple[WatchedRoute | str | None, Any, Any]] = {
    "an object, a number": (None, ROWS[0], SCORES[0]),
    "an object, an object": (None, ROWS[0], {"score": SCORES[0]}),
    "an object, named": (None, ROWS[0], {"late": False, "score": SCORES[0]}),
    "values at a path": ("$.features", {"features": LISTS[0]}, {"prediction": SCORES[0]}),
    "a path to a number": (WatchedRoute("$", "$.result.p"), ROWS[0], {"result": {"p": SCORES[0], "q": [1, 2]}}),
}


@KINDS
@pytest.mark.parametrize("form", SINGLE)
def test_one_row_counts_as_the_monitor_would(
    kind: str, form: str, tier: Tier, profile: Profile, monitor: Monitor
) -> None:
    route, request, answer = SINGLE[form]
    watch = RouteWatch(monitor, {"/predict": route})
    with serve(kind, answering(answer), watch) as url:
        assert post(url, request).json() == answer
        settled(watch)
    assert monitor.flush(20)
    assert tier.summary(profile) == observed(profile, ROWS[:1], SCORES[:1])


def tensors(rows: list[dict[str, Any]], *, binary: bool) -> tuple[bytes, dict[str, str]]:
    """Return rows as a request of the Open Inference Protocol, and its headers."""
    types = {"age": ("FP64", "<f8"), "amount": ("FP64", "<f8"), "city": ("BYTES", ""), "member": ("BOOL", "?")}
    inputs, tail = [], b""
    for name, (datatype, dtype) in types.items():
        values = [row[name] for row in rows]
        tensor: dict[str, Any] = {"name": name, "shape": [len(rows), 1], "datatype": datatype}
        if binary and dtype:
            raw = np.array(values, dtype).tobytes()
        else:
            raw = b"".join(struct.pack("<I", len(text)) + text for text in (str(value).encode() for value in values))
        if binary:
            tensor["parameters"], tail = {"binary_data_size": len(raw)}, tail + raw
        else:
            tensor["data"] = values
        inputs.append(tensor)
    head = json.dumps({"id": "1", "inputs": inputs}).encode()
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))}
    return head + tail, headers if binary else {}


SOUND = [{**row, "age": float(number)} for number, row in enumerate(ROWS)]
V2_ANSWER = {
    "model_name": "m",
    "outputs": [{"name": "score", "shape": [len(ROWS)], "datatype": "FP64", "data": SCORES}],
}
SELDON = {"data": {"names": NAMES, "ndarray": [list(row.values()) for row in SOUND]}, "meta": {}}
BODIES: dict[str, tuple[bytes, dict[str, str], Any]] = {
    "V2": (*tensors(SOUND, binary=False), V2_ANSWER),
    "V2 binary": (*tensors(SOUND, binary=True), V2_ANSWER),
    "V2 binary, without the length": (tensors(SOUND, binary=True)[0], {}, V2_ANSWER),
    "Seldon": (json.dumps(SELDON).encode(), {}, {"data": {"names": ["score"], "ndarray": [[one] for one in SCORES]}}),
    "gzip": (gzip.compress(json.dumps(SOUND).encode()), {"content-encoding": "gzip"}, SCORES),
}


@KINDS
@pytest.mark.parametrize("form", BODIES)
def test_tensors_and_compressed_bodies_count_as_the_monitor_would(
    kind: str, form: str, tier: Tier, profile: Profile, monitor: Monitor
) -> None:
    body, headers, answer = BODIES[form]
    watch = RouteWatch(monitor, ["/v2/models/{name}/infer"])
    with serve(kind, answering(answer), watch) as url:
        assert post(url, body, "/v2/models/credit/infer", headers=headers).json() == answer
        assert settled(watch) == {"requests": 1, "read": 1}
    assert monitor.flush(20)
    assert tier.summary(profile) == observed(profile, SOUND, SCORES)


@pytest.mark.parametrize("form", ["within", "around"])
def test_an_answer_that_other_middleware_compresses_counts_too(
    form: str, tier: Tier, profile: Profile, monitor: Monitor
) -> None:
    from starlette.middleware.gzip import GZipMiddleware

    app, watch = asgi_app(answering([SCORES[0]] * 200)), RouteWatch(monitor, ["/predict"])
    for middleware in (GZipMiddleware, DriftMiddleware) if form == "within" else (DriftMiddleware, GZipMiddleware):
        app.add_middleware(middleware, **({"watch": watch} if middleware is DriftMiddleware else {}))
    with on_uvicorn(app) as url:
        answer = post(url, ROWS[:1] * 200)
        assert (answer.headers["content-encoding"], answer.json()) == ("gzip", [SCORES[0]] * 200)
        assert settled(watch) == {"requests": 1, "read": 1}
    assert monitor.flush(20)
    assert tier.summary(profile) == observed(profile, ROWS[:1] * 200, [SCORES[0]] * 200)


@KINDS
def test_many_connections_lose_no_row(kind: str, tier: Tier, profile: Profile, monitor: Monitor) -> None:
    def model(path: str, body: bytes) -> Answer:
        rows = json.loads(body)["instances"]
        return Answer([json.dumps({"predictions": [row["amount"] % 1 for row in rows]}).encode()])

    def ask(number: int) -> None:
        answer = post(url, {"instances": ROWS[: number % 20 + 1]})
        assert answer.json() == {"predictions": [row["amount"] % 1 for row in ROWS[: number % 20 + 1]]}

    watch = RouteWatch(monitor, ["/predict"])
    with serve(kind, model, watch) as url, ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(200)))
        assert settled(watch) == {"requests": 200, "read": 200}
    assert monitor.flush(20)
    rows = [row for number in range(200) for row in ROWS[: number % 20 + 1]]
    assert tier.summary(profile) == observed(profile, rows, [row["amount"] % 1 for row in rows])


@KINDS
def test_a_streamed_answer_of_2_mb_passes_part_by_part_as_it_is(kind: str, tier: Tier, monitor: Monitor) -> None:
    """The server makes no further part until the client has the one before: none is held back."""
    parts = [random.Random(number).randbytes(65_536) for number in range(32)]
    seen: queue.SimpleQueue[None] = queue.SimpleQueue()

    def stream() -> Iterator[bytes]:
        for part in parts:
            yield part
            seen.get(timeout=10)

    watch = RouteWatch(monitor, ["/predict"])
    with serve(kind, lambda path, body: Answer(stream(), headers={"content-type": "application/json"}), watch) as url:
        received = bytearray()
        with httpx.stream("POST", f"{url}/predict", json=ROWS, timeout=20) as answer:
            for chunk in answer.iter_raw():
                received += chunk
                if len(received) % 65_536 == 0:
                    seen.put(None)
        assert bytes(received) == b"".join(parts)
        assert settled(watch) == {"requests": 1, "read": 1, "read_without_predictions": 1, "answer_too_large": 1}
    assert monitor.stats()["observed"] == len(ROWS)


@pytest.mark.parametrize("length", [True, False])
def test_a_request_passes_part_by_part_as_it_comes(
    length: bool, tier: Tier, profile: Profile, monitor: Monitor
) -> None:
    """The client sends the second part once the app has the first one."""
    from starlette.requests import Request
    from starlette.responses import JSONResponse

    has_first, body = threading.Event(), json.dumps(ROWS).encode()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        received = b""
        async for part in Request(scope, receive).stream():
            received += part
            has_first.set()
        assert received == body
        await JSONResponse(SCORES)(scope, receive, send)

    def parts() -> Iterator[bytes]:
        yield body[:100]
        assert has_first.wait(10)
        yield body[100:]

    with on_uvicorn(DriftMiddleware(app, monitor=monitor, routes=["/predict"])) as url:
        headers = {"content-length": str(len(body))} if length else {}
        answer = httpx.post(f"{url}/predict", content=parts(), headers=headers, timeout=20)
        assert answer.json() == SCORES
        eventually(lambda: monitor.stats()["observed"], "the rows")
        assert monitor.flush(20)
    assert tier.summary(profile) == observed(profile, ROWS, SCORES)


LEFT: dict[str, tuple[Any, dict[str, str], Answer]] = {
    "left_no_success": (ROWS, {}, Answer([b"[]"], 422)),
    "left_too_large": (b" " * 5_000, {}, Answer([b"[1]"])),
    "left_binary": (b"\x89PNG", {"content-type": "image/png"}, Answer([b"[1]"])),
    "left_streamed": (b"{}\n{}", {"content-type": "application/x-ndjson"}, Answer([b"[1]"])),
    "left_unreadable": (b"{", {}, Answer([b"[1]"])),
}


@KINDS
@pytest.mark.parametrize("reason", LEFT)
def test_what_is_not_read_passes_untouched_and_is_counted_by_reason(
    kind: str, reason: str, tier: Tier, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    body, headers, answer = LEFT[reason]
    watch = RouteWatch(monitor, ["/predict"], most_bytes=4_000)
    bodies: list[bytes] = []

    def model(path: str, body: bytes) -> Answer:
        bodies.append(body)
        return answer

    with serve(kind, model, watch) as url, caplog.at_level(logging.WARNING, "driftmeter"):
        for _ in range(3):
            received = post(url, body, headers=headers)
            assert (received.status_code, received.content) == (answer.status, b"".join(answer.parts))
        assert settled(watch) == {"requests": 3, reason: 3}
        assert monitor.flush(20)
    assert bodies == [body if isinstance(body, bytes) else json.dumps(body).encode()] * 3
    lost = 0 if reason == "left_no_success" else 3
    assert {key: monitor.stats()[key] for key in ("observed", "dropped_invalid")} == {
        "observed": lost,
        "dropped_invalid": lost,
    }
    warnings = [text for text in caplog.messages if "route /predict: a request is not counted" in text]
    assert len(warnings) == (1 if lost else 0)


ANSWERS: dict[str, tuple[Answer, str]] = {
    "answer_too_large": (Answer([b" " * 3_000, b" " * 3_000]), "at most 4,000 bytes"),
    "answer_binary": (Answer([b"\x89"], headers={"content-type": "image/png"}), "another media type"),
    "answer_streamed": (Answer([b"data: 1\n\n"], headers={"content-type": "text/event-stream"}), "a stream of events"),
    "answer_unreadable": (Answer([b"<"]), "answer: expected JSON"),
}


@KINDS
@pytest.mark.parametrize("reason", ANSWERS)
def test_rows_count_without_predictions_that_are_not_read(
    kind: str, reason: str, tier: Tier, profile: Profile, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    answer, message = ANSWERS[reason]
    watch = RouteWatch(monitor, ["/predict"], most_bytes=4_000)
    with serve(kind, lambda path, body: answer, watch) as url, caplog.at_level(logging.WARNING, "driftmeter"):
        for _ in range(2):
            assert post(url, ROWS).content == b"".join(answer.parts)
        assert settled(watch) == {"requests": 2, "read": 2, "read_without_predictions": 2, reason: 2}
        assert monitor.flush(20)
    assert tier.summary(profile) == observed(profile, ROWS * 2, None)
    [warning] = [text for text in caplog.messages if "predictions are not counted" in text]
    assert message in warning


MISFITS: dict[str, tuple[Any, Any, str, str]] = {
    "width": ([[1, 2]], [0.5], "left_unreadable", "expected 4 values a row (age, amount, city, member), got 2"),
    "other columns": (
        {"data": ROWS},
        [0.5],
        "left_unreadable",
        "expected some of the columns 'age', 'amount', 'city', 'member', got 'data'",
    ),
    "kinds of rows": ([{"age": 1}, [2]], [0.5, 1], "left_unreadable", "rows of one kind"),
    "fewer predictions": (ROWS[:2], [0.5], "answer_unreadable", "expected 2 predictions, one for each row, got 1"),
    "probabilities": (
        ROWS[:1],
        [[0.5, 0.5]],
        "answer_unreadable",
        "of several classes say which (of_class), got 2 values without names",
    ),
    "other names": (ROWS[0], {"a": 1, "b": 2}, "answer_unreadable", "(of_class), got 2 values: 'a', 'b'"),
}


@KINDS
@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_the_profile_is_refused_with_what_was_expected_and_what_came(
    kind: str, case: str, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    request, answer, reason, message = MISFITS[case]
    watch = RouteWatch(monitor, ["/predict"])
    with serve(kind, answering(answer), watch) as url:
        assert post(url, request).json() == answer
        assert settled(watch)[reason] == 1
    assert any(message in text for text in caplog.messages), caplog.messages


@KINDS
def test_one_warning_a_minute_for_each_reason(kind: str, monitor: Monitor, caplog: pytest.LogCaptureFixture) -> None:
    clock = SetClock(0)
    watch = RouteWatch(monitor, ["/predict"], clock=lambda: clock.now)
    with serve(kind, answering([0.5]), watch) as url, caplog.at_level(logging.WARNING, "driftmeter"):
        for now in (0, 30, 59, 61):
            clock.now = now
            for body in (b"{", [{"age": 1}, {"age": 2}]):
                post(url, body)
                settled(watch)  # each is looked at after its answer, perhaps by another thread than the next
    texts = [text for text in caplog.messages if "route /predict" in text]
    assert [("request is not" in text, "2 more like it" in text) for text in texts] == [
        (True, False),
        (False, False),
        (True, True),
        (False, True),
    ]


@KINDS
@pytest.mark.parametrize("request_", [ROWS[0], ROWS[:1]], ids=["object", "array"])
def test_a_profile_without_a_prediction_needs_no_answer(
    kind: str, request_: Any, tier: Tier, monitor_of: Callable[..., Monitor]
) -> None:
    rng = np.random.default_rng(0)
    bare = Profile.fit(polars.DataFrame({"age": rng.normal(40, 12, 500), "amount": rng.random(500)}), model="m")
    watch = RouteWatch(monitor_of(bare), ["/predict"])
    with serve(kind, lambda path, body: Answer([b"<"]), watch) as url:
        post(url, request_)
        assert settled(watch) == {"requests": 1, "read": 1}
    assert watch.monitor.flush(20)
    assert tier.summary(bare) == observed(bare, ROWS[:1], None)


@KINDS
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("readable", [False, True])
def test_what_a_request_calls_a_prediction_is_none(
    kind: str, many: bool, readable: bool, tier: Tier, profile: Profile, monitor: Monitor
) -> None:
    row = {**ROWS[0], "score": 0.9}
    watch = RouteWatch(monitor, ["/predict"])
    with serve(kind, answering({"score": 0.1} if readable else {"detail": 1, "more": 2}), watch) as url:
        post(url, [row] if many else row)
        settled(watch)
    assert monitor.flush(20)
    assert tier.summary(profile) == observed(profile, ROWS[:1], [0.1] if readable else None)


@KINDS
def test_other_routes_and_methods_are_not_looked_at(kind: str, monitor: Monitor) -> None:
    watch = RouteWatch(monitor, ["/predict"])
    with serve(kind, answering([0.5]), watch) as url:
        assert post(url, ROWS, "/other").json() == [0.5]
        assert httpx.get(f"{url}/predict").json() == [0.5]
        assert httpx.options(f"{url}/predict").status_code == 200
    assert watch.stats()["requests"] == monitor.stats()["observed"] == 0


class FailingMonitor(Monitor):
    """Fails where it never should."""

    def observe(self, features: Any, prediction: object = None, timestamp: object = None) -> None:
        raise RuntimeError("no")

    def reject(self, expected: str, got: str, rows: int = 1) -> None:
        raise RuntimeError("no")

    def start(self) -> None:
        raise RuntimeError("no")

    def observe_many(self, records: Any, predictions: Any = None, timestamp: Any = None) -> None:
        raise RuntimeError("no")


@KINDS
@pytest.mark.parametrize("rows", [ROWS[:1], ROWS])
def test_a_fault_of_the_monitor_never_touches_the_answer(
    kind: str, rows: list[Any], tier: Tier, profile: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    watch = RouteWatch(FailingMonitor(tier.url, profile=profile), ["/predict"])
    with serve(kind, answering(SCORES[: len(rows)]), watch) as url:
        for _ in range(3):
            assert post(url, rows).json() == SCORES[: len(rows)]
        assert settled(watch) == {"requests": 3, "left_failed": 3}
    assert sum("is not counted: no" in text for text in caplog.messages) == 1


@KINDS
def test_a_fault_of_the_model_is_the_servers_own_and_counts_nothing(kind: str, monitor: Monitor) -> None:
    def fail(path: str, body: bytes) -> Answer:
        raise RuntimeError("the model fails")

    watch = RouteWatch(monitor, ["/predict"])
    with serve(kind, fail, watch) as url:
        assert post(url, ROWS).status_code == 500
        assert settled(watch) == {"requests": 1, "left_no_success": 1}
    assert monitor.stats()["observed"] == 0


@KINDS
def test_values_without_names_wait_for_the_servers_profile_which_gives_their_order(
    kind: str, tier: Tier, profile: Profile, monitor_of: Callable[..., Monitor]
) -> None:
    monitor = monitor_of()  # the tier has no profile yet
    watch = RouteWatch(monitor, ["/predict"])
    with serve(kind, answering(PREDICTIONS), watch) as url:
        for _ in range(2):
            post(url, {"instances": LISTS})
        eventually(lambda: len(watch._waiting) == 2, "both wait")
        assert {name: count for name, count in watch.stats().items() if count} == {"requests": 2}
        tier.register(profile)
        eventually(lambda: monitor.profile is not None, "the profile is known")
        post(url, {"instances": LISTS})
        assert settled(watch) == {"requests": 3, "read": 3}
        assert monitor.flush(20)
    assert tier.summary(profile) == observed(profile, ROWS * 3, SCORES * 3)
    assert monitor.stats()["dropped_invalid"] == 0


@KINDS
def test_no_more_than_some_small_requests_wait_for_the_profile(kind: str, monitor_of: Callable[..., Monitor]) -> None:
    watch = RouteWatch(monitor_of(), ["/predict"])
    with serve(kind, answering(PREDICTIONS), watch) as url:
        post(url, {"instances": LISTS * 200})
        for _ in range(MOST_WAITING + 2):
            post(url, {"instances": LISTS})
        eventually(lambda: watch.stats()["left_unordered"] == 3, "those that are too large or too many are left")
    assert len(watch._waiting) == MOST_WAITING


PROBABILITIES: dict[str, tuple[int | str, Any]] = {
    "V1": (1, {"predictions": [[round(1 - score, 3), score] for score in SCORES]}),
    "V2, one tensor": (
        1,
        {
            "outputs": [
                {
                    "name": "p",
                    "shape": [len(ROWS), 2],
                    "datatype": "FP64",
                    "data": [value for score in SCORES for value in (round(1 - score, 3), score)],
                }
            ]
        },
    ),
    "V2, label and probabilities": (
        "probabilities[1]",
        {
            "outputs": [
                {"name": "label", "shape": [len(ROWS)], "datatype": "INT64", "data": [1] * len(ROWS)},
                {
                    "name": "probabilities",
                    "shape": [len(ROWS), 2],
                    "datatype": "FP64",
                    "data": [[round(1 - score, 3), score] for score in SCORES],
                },
            ]
        },
    ),
    "by name": ("yes", [{"no": round(1 - score, 3), "yes": score} for score in SCORES]),
}


@pytest.mark.parametrize("form", PROBABILITIES)
def test_of_probabilities_that_of_a_class_is_the_prediction(
    form: str, tier: Tier, profile: Profile, monitor: Monitor
) -> None:
    of_class, answer = PROBABILITIES[form]
    watch = RouteWatch(monitor, {"/predict": WatchedRoute(of_class=of_class), "/plain": None})
    with serve("asgi", answering(answer), watch) as url:
        post(url, ROWS)
        assert settled(watch) == {"requests": 1, "read": 1}
        assert monitor.flush(20)
        assert tier.summary(profile) == observed(profile, ROWS, SCORES)
        post(url, ROWS, "/plain")  # nobody says which: rows count without predictions, and a warning says how to say
        assert settled(watch)["answer_unreadable"] == 1


@pytest.mark.parametrize("of_class", [-1, 1.5, True, ["a"]])
def test_a_class_is_a_position_or_a_name(of_class: Any) -> None:
    with pytest.raises(InputError, match="of_class: expected a position from 0, or a name"):
        WatchedRoute(of_class=of_class)


@KINDS
def test_several_named_predictions_wait_for_the_profile_to_name_theirs(
    kind: str, tier: Tier, profile: Profile, monitor_of: Callable[..., Monitor]
) -> None:
    monitor = monitor_of()
    watch = RouteWatch(monitor, ["/predict"])
    with serve(kind, answering({"late": True, "score": 0.25}), watch) as url:
        post(url, ROWS[0])
        settled(watch)
        tier.register(profile)
        assert monitor.flush(10)
    assert tier.summary(profile) == observed(profile, ROWS[:1], [0.25])


def test_fastapi_takes_it_with_models_of_pydantic(tier: Tier, profile: Profile, monitor: Monitor) -> None:
    fastapi, pydantic = pytest.importorskip("fastapi"), pytest.importorskip("pydantic")
    applicant = pydantic.create_model("Applicant", age=(float, ...), amount=(float, ...), city=(str, ...))

    def predict(row: Any) -> float:
        return float(row.amount) % 1

    predict.__annotations__["row"] = applicant
    app = fastapi.FastAPI()
    app.post("/models/{name}/predict")(predict)
    app.add_middleware(DriftMiddleware, monitor=monitor, routes=["/models/{name}/predict"])
    with on_uvicorn(app) as url:
        for row in SOUND:
            assert post(url, row, "/models/credit/predict").json() == row["amount"] % 1
        assert post(url, {"age": "old"}, "/models/credit/predict").status_code == 422
        eventually(lambda: monitor.stats()["observed"] == len(SOUND), "the rows")
    assert monitor.flush(20)
    assert tier.summary(profile) == observed(profile, SOUND, [row["amount"] % 1 for row in SOUND])


@pytest.mark.parametrize("make", [DriftMiddleware, WsgiDriftMiddleware])
def test_a_middleware_takes_monitor_and_routes_or_a_watch(make: Any, monitor: Monitor) -> None:
    routes: Routes = {"/predict": None}
    watch = RouteWatch(monitor, routes)
    assert make(None, watch=watch).watch is watch
    assert make(None, monitor=monitor, routes=routes).watch.monitor is monitor
    for given in ({}, {"monitor": monitor}, {"routes": routes}, {"watch": watch, "routes": routes}):
        with pytest.raises(InputError, match="middleware: expected monitor and routes, or a watch, got"):
            make(None, **given)
    with pytest.raises(InputError, match="most_bytes"):
        make(None, monitor=monitor, routes=routes, most_bytes=10)
