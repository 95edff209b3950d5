"""Events of requests and answers, sent to metric servers that share a store."""

from __future__ import annotations

import datetime as dt
import gzip
import itertools
import json
import logging
import random
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import polars as pl
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.engine.engine import Engine
from driftmeter.panes.windows import WindowSetting
from driftmeter.profile.profile import Profile
from driftmeter.server.options import Settings
from tests.payloads.messages import message
from tests.server.harness import NOW, Client, running
from tests.server.samples import problem_of
from tests.support.clocks import SetClock

FRAME = pl.DataFrame(
    {
        "age": [float(number % 50) for number in range(400)],
        "city": [["Ulm", "Bonn", "Köln"][number % 3] for number in range(400)],
        "risk": [["low", "high"][number % 7 == 0] for number in range(400)],
    }
)
ROWS: list[dict[str, Any]] = [
    {"age": 31.0, "city": "Ulm", "risk": "low"},
    {"age": None, "city": "Rom", "risk": "high"},
    {"age": 8.0, "city": None, "risk": "very high"},
]
KIND = "org.kubeflow.serving.inference"


def iso(time: int) -> str:
    return dt.datetime.fromtimestamp(time / 1000, dt.UTC).isoformat()


def headers_of(side: str, key: str | None, time: int | None = NOW) -> dict[str, str]:
    headers = {"ce-specversion": "1.0", "ce-source": "http://localhost:9081/", "ce-type": f"{KIND}.{side}"}
    headers |= {} if key is None else {"ce-id": key}
    return headers if time is None else {**headers, "ce-time": iso(time)}


def request(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({"instances": [[row["age"], row["city"]] for row in rows]}).encode()


def answer(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({"predictions": [row["risk"] for row in rows]}).encode()


def without_risk(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "risk": None} for row in rows]


@pytest.fixture(scope="module")
def credit() -> Profile:
    return Profile.fit(FRAME, model="credit", prediction="risk")


@pytest.fixture
def engine(engine: Engine, credit: Profile) -> Engine:
    engine.register(credit)
    return engine


@pytest.fixture
def other(engine: Engine) -> Iterator[Client]:
    """Another server on the same store."""
    with running(engine, Settings()) as other:
        yield other


def send(
    client: Client, headers: dict[str, str], body: bytes, path: str = "/v1/models/credit/events"
) -> httpx.Response:
    return client.post(path, headers=headers, content=body)


def outcome(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    ((outcome, number),) = response.json()["outcomes"].items()
    assert number == 1
    return str(outcome)


def counted(client: Client, clock: SetClock, model: str = "credit") -> Summary:
    """Close all panes of a model, and return the sum of its slices."""
    engine = client.engine
    for _ in range(6):
        clock.now += 500
        engine.advance(model)
    record = engine.store.model(model)
    bins = engine.compiled(model, record.digest).profile.bins
    slices = engine.store.recent(model, record.digest, record.frozen, WindowSetting(10**12, 0))
    return Summary.sum((part.summary for part in slices), bins)


def expected(client: Client, rows: list[dict[str, Any]], model: str = "credit") -> Summary:
    """Return what `POST rows` would count."""
    compiled = client.engine.compiled(model, client.engine.store.model(model).newest)
    summary: Summary = compiled.binner.observe(compiled.reader.read_records(rows)[0])
    return summary


@pytest.mark.parametrize("order", [("request", "response"), ("response", "request")])
@pytest.mark.parametrize("through", ["one", "two"])
def test_request_and_answer_count_as_their_rows_in_any_order_and_through_any_server(
    client: Client, other: Client, clock: SetClock, order: tuple[str, str], through: str
) -> None:
    bodies = {"request": request(ROWS), "response": answer(ROWS)}
    servers = (client, client if through == "one" else other)
    got = [
        outcome(send(server, headers_of(side, "7"), bodies[side])) for server, side in zip(servers, order, strict=True)
    ]
    assert got == (["rows", "joined"] if order[0] == "request" else ["waiting", "rows"])
    assert counted(client, clock) == expected(client, ROWS)
    assert [server.metric("driftmeter_rows_total") for server in {client, servers[1]}].count(
        {'{model="credit"}': 3}
    ) == 1


def test_events_that_are_sent_again_change_nothing(client: Client, other: Client, clock: SetClock) -> None:
    events = [(headers_of("request", "7"), request(ROWS)), (headers_of("response", "7"), answer(ROWS))]
    assert [outcome(send(client, *event)) for event in events] == ["rows", "joined"]
    for server, event in itertools.product((client, other), events * 2):
        assert outcome(send(server, *event)) == "duplicate"
    assert counted(client, clock) == expected(client, ROWS)


def test_events_without_a_time_are_known_again_too(client: Client, other: Client, clock: SetClock) -> None:
    assert outcome(send(client, headers_of("request", "7", None), request(ROWS))) == "rows"
    clock.now += 100
    assert outcome(send(other, headers_of("request", "7", None), request(ROWS))) == "duplicate"
    assert counted(client, clock) == expected(client, without_risk(ROWS))


def test_many_calls_in_any_order_through_two_servers_count_as_all_their_rows(
    client: Client, other: Client, clock: SetClock
) -> None:
    chance = random.Random(5)
    calls = [[{**row, "age": float(chance.randrange(50))} for row in ROWS[: chance.randrange(1, 4)]] for _ in range(60)]
    times = [NOW + chance.randrange(900) for _ in calls]
    events = [(headers_of("request", str(n), times[n]), request(rows)) for n, rows in enumerate(calls)]
    events += [(headers_of("response", str(n), times[n] + 50), answer(rows)) for n, rows in enumerate(calls)]
    events += chance.sample(events, 30)
    chance.shuffle(events)
    for event in events:
        assert send(chance.choice((client, other)), *event).status_code == 200
    assert counted(client, clock) == expected(client, list(itertools.chain.from_iterable(calls)))


def test_a_batch_holds_requests_and_answers_at_once(client: Client, clock: SetClock) -> None:
    def structured(side: str, key: str, body: bytes) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": key,
            "source": "s",
            "type": side,
            "time": iso(NOW),
            "data": json.loads(body),
        }

    batch = [structured("response", "1", answer(ROWS)), structured("request", "1", request(ROWS))]
    batch += [structured("request", "2", b'{"instances": [[1]]}'), structured("feedback", "3", b"{}")]
    response = send(
        client, {"content-type": "application/cloudevents-batch+json"}, gzip.compress(json.dumps(batch).encode())
    )
    content, others = response.json(), {"rows": 1, "unfit": 1, "unreadable": 1}
    assert content["outcomes"] in ({"waiting": 1, **others}, {"joined": 1, **others})
    assert (content["accepted"], content["late"]) == (3, 0)
    assert [(one["event"], one["where"]) for one in content["refused"]] == [(2, "body[2].data"), (3, "ce-type")]
    assert content["refused"][0]["expected"] == "2 values a row (age, city)"
    assert counted(client, clock) == expected(client, ROWS)


def test_an_answer_belongs_to_the_pane_of_its_request(client: Client, clock: SetClock) -> None:
    send(client, headers_of("request", "7", NOW + 400), request(ROWS))
    assert outcome(send(client, headers_of("response", "7", NOW + 30_000), answer(ROWS))) == "joined"
    assert counted(client, clock) == expected(client, ROWS)


def test_an_answer_whose_pane_was_closed_is_late_and_its_rows_stay(client: Client, clock: SetClock) -> None:
    send(client, headers_of("request", "7"), request(ROWS))
    assert counted(client, clock) == expected(client, without_risk(ROWS))
    assert outcome(send(client, headers_of("response", "7"), answer(ROWS))) == "late"
    late = send(client, headers_of("request", "8"), request(ROWS)).json()
    assert (late["outcomes"], late["late"]) == ({"rows": 1}, 3)
    assert counted(client, clock) == expected(client, without_risk(ROWS))


def test_a_client_that_uses_one_id_for_all_its_calls_loses_no_rows(client: Client, clock: SetClock) -> None:
    for number in range(3):
        assert outcome(send(client, headers_of("request", "same", NOW + number), request(ROWS))) == "rows"
        assert outcome(send(client, headers_of("response", "same", NOW + number), answer(ROWS))) == (
            "alone" if number else "joined"
        )
    assert counted(client, clock) == expected(client, [*ROWS, *without_risk(ROWS * 2)])


def test_events_without_an_id_are_rows_and_answers_alone(client: Client, clock: SetClock) -> None:
    assert outcome(send(client, headers_of("request", None), request(ROWS))) == "rows"
    assert outcome(send(client, headers_of("response", None), answer(ROWS))) == "alone"
    assert counted(client, clock) == expected(client, without_risk(ROWS))


def test_a_profile_without_a_prediction_needs_no_answers(client: Client, engine: Engine, clock: SetClock) -> None:
    engine.register(Profile.fit(FRAME.drop("risk"), model="plain"))
    path = "/v1/models/plain/events"
    assert outcome(send(client, headers_of("response", "7"), answer(ROWS), path)) == "not_needed"
    assert outcome(send(client, headers_of("request", "7"), request(ROWS), path)) == "rows"
    assert counted(client, clock, "plain") == expected(client, ROWS, "plain")


def test_a_profile_of_the_prediction_alone_needs_no_requests(client: Client, engine: Engine, clock: SetClock) -> None:
    engine.register(Profile.fit(FRAME.select("risk"), model="alone", prediction="risk"))
    path = "/v1/models/alone/events"
    assert outcome(send(client, headers_of("request", "7"), request(ROWS), path)) == "not_needed"
    assert outcome(send(client, headers_of("response", "7"), answer(ROWS), path)) == "rows"
    assert outcome(send(client, headers_of("response", "7"), answer(ROWS), path)) == "duplicate"
    assert counted(client, clock, "alone") == expected(client, ROWS, "alone")


def test_a_profile_that_comes_between_request_and_answer_splits_no_call(
    client: Client, engine: Engine, clock: SetClock
) -> None:
    send(client, headers_of("request", "7"), request(ROWS))
    right = expected(client, ROWS)
    engine.register(Profile.fit(FRAME.head(300), model="credit", prediction="risk"))
    assert outcome(send(client, headers_of("response", "7"), answer(ROWS))) == "joined"
    assert counted(client, clock) == right


@pytest.mark.parametrize("path", ["/", "/consumer/kserve/v2"])
def test_without_a_model_in_the_address_the_event_names_it(client: Client, clock: SetClock, path: str) -> None:
    named = headers_of("request", "7") | {"ce-inferenceservicename": "credit"}
    assert outcome(send(client, named, request(ROWS), path)) == "rows"
    tensors = [{"name": "risk", "shape": [3], "datatype": "BYTES", "data": [row["risk"] for row in ROWS]}]
    body = json.dumps({"model_name": "credit", "outputs": tensors}).encode()
    assert outcome(send(client, headers_of("response", "7"), body, path)) == "joined"
    assert counted(client, clock) == expected(client, ROWS)
    problem = problem_of(send(client, headers_of("request", "8"), request(ROWS), path), 400, "unreadable")
    assert problem["where"] == "ce-inferenceservicename"
    unknown = headers_of("request", "8") | {"ce-inferenceservicename": "nope"}
    problem = problem_of(send(client, unknown, request(ROWS), path), 400, "unreadable")
    assert problem["got"] == "'nope'"
    assert client.metric("driftmeter_call_events_total")['{model="",outcome="unknown_model"}'] == 2


def test_events_for_an_unknown_model_are_refused(client: Client) -> None:
    problem_of(send(client, headers_of("request", "7"), request(ROWS), "/v1/models/nope/events"), 404, "unknown_model")


@pytest.mark.parametrize(
    ("headers", "body", "where", "reason"),
    [
        (headers_of("request", "7"), b"{", "body", "unreadable"),
        (headers_of("request", "7"), b'{"instances": [[1]]}', "body", "unfit"),
        (headers_of("request", "7"), b'{"instances": [{"pixel": 1}]}', "body", "unfit"),
        (headers_of("request", "7", NOW + 120_000), request(ROWS), "ce-time", "future"),
        (headers_of("feedback", "7"), request(ROWS), "ce-type", "unreadable"),
        (headers_of("response", "7"), b'{"predictions": [[0.1, 0.9]]}', "body", "unfit"),
        ({}, request(ROWS), "ce-type", ""),
    ],
)
def test_what_cannot_be_counted_is_refused_and_told_once_a_minute(
    client: Client, caplog: pytest.LogCaptureFixture, headers: dict[str, str], body: bytes, where: str, reason: str
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert problem_of(send(client, headers, body), 400, "unreadable")["where"] == where
    if headers:
        assert [record.getMessage()[:14] for record in caplog.records] == ["model credit: "]
        refused = client.metric("driftmeter_call_events_total")
        assert refused == {f'{{model="credit",outcome="{reason}"}}': 3}


def test_an_answer_of_another_length_than_its_request_is_refused(client: Client, clock: SetClock) -> None:
    send(client, headers_of("request", "7"), request(ROWS))
    problem = problem_of(send(client, headers_of("response", "7"), answer(ROWS[:2])), 400, "unreadable")
    assert (problem["expected"], problem["got"]) == ("3 predictions, one for each row of the request", "2")
    assert counted(client, clock) == expected(client, without_risk(ROWS))


def test_health_checks_that_the_agent_logs_are_no_rows(client: Client, clock: SetClock) -> None:
    for name in ("request-health-empty", "response-health"):
        headers, body = message(f"kserve-agent-0.20.0-ce-{name}")
        assert outcome(send(client, {**headers, "host": "x"}, body)) == "no_rows"
    assert counted(client, clock).rows == 0


def test_the_real_agents_events_of_one_call_count_as_its_row(client: Client, engine: Engine, clock: SetClock) -> None:
    frame = pl.DataFrame({"x": [float(number) for number in range(100)], "y": [number / 100 for number in range(100)]})
    engine.register(Profile.fit(frame, model="real", prediction="y"))
    for name in ("json", "v2-binary"):
        for side in ("request", "response"):
            headers, body = message(f"kserve-agent-0.20.0-ce-{side}-{name}")
            headers = {**headers, "ce-time": iso(NOW)}  # the clock of these tests stands in another year
            assert outcome(send(client, headers, body, "/v1/models/real/events")) in ("rows", "joined")
    assert counted(client, clock, "real") == expected(client, [{"x": 1.0, "y": 0.5}] * 2, "real")


def test_unreadable_values_count_and_are_described(client: Client, clock: SetClock) -> None:
    body = json.dumps({"instances": [{"age": "old", "city": "Ulm", "extra": 1}]}).encode()
    content = send(client, headers_of("request", "7"), body).json()
    assert (content["unreadable"], content["ignored"], content["accepted"]) == ({"age": 1}, 1, 1)
    assert content["rejected"][0]["got"] == "text ('old')"
    name = next(iter(client.metric("driftmeter_values_unreadable_total")))
    assert "age" in name


def test_large_events_are_read_off_the_event_loop_with_the_same_counts(client: Client, clock: SetClock) -> None:
    rows = [{"age": float(number % 50), "city": "Ulm", "risk": "low"} for number in range(20_000)]
    assert len(request(rows)) > 64_000
    assert outcome(send(client, headers_of("request", "7"), request(rows))) == "rows"
    assert outcome(send(client, headers_of("response", "7"), gzip.compress(answer(rows)))) == "joined"
    assert counted(client, clock) == expected(client, rows)


def test_a_body_that_inflates_too_far_is_refused(client: Client) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    problem = problem_of(send(client, headers_of("request", "7"), bomb), 400, "unreadable")
    assert problem["expected"] == "at most 5000000 bytes after decompression"


@pytest.mark.parametrize("sides", [("request", "response"), ("response", "request")])
def test_an_unreadable_prediction_is_told_of_whichever_half_comes_first(client: Client, sides: tuple[str, str]) -> None:
    bodies = {"request": request(ROWS[:1]), "response": b'{"predictions": [[["low"]]]}'}
    for side in sides:
        send(client, headers_of(side, "7"), bodies[side])
    assert client.metric("driftmeter_values_unreadable_total") == {'{feature="risk",model="credit"}': 1}
    (source,) = client.engine.store.sources("credit")
    assert source.totals.unreadable == {"risk": 1}


def test_what_is_no_event_is_not_of_an_unknown_model(client: Client) -> None:
    content = send(client, {}, json.dumps([5, {"specversion": "1.0", "data_base64": 5}]).encode(), "/").json()
    assert content["outcomes"] == {"unreadable": 2}
    assert [refused["expected"] for refused in content["refused"]] == ["an event as an object", "base64"]
    assert client.metric("driftmeter_call_events_total") == {'{model="",outcome="unreadable"}': 2}


def test_large_messages_are_decoded_two_at_a_time(client: Client) -> None:
    rows = b"[1]," * 100_000
    body = b'{"specversion": "1.0", "type": "a.request", "data": {"instances": [' + rows + b"[1]]}}"

    def peak_of(messages: int) -> int:
        tracemalloc.start()
        with ThreadPoolExecutor(messages) as senders:
            answers = list(senders.map(lambda _: send(client, {}, body).status_code, range(messages)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert answers == [400] * messages
        return peak

    assert peak_of(12) < 8 * peak_of(1)  # all at once, it would be twelve; bodies wait as they came


def test_one_reason_with_other_figures_is_told_once_a_minute(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for rows in range(2, 6):
            body = {"inputs": [{"name": "age", "shape": [rows], "datatype": "FP64", "data": [1.0]}]}
            problem_of(send(client, headers_of("request", "7"), json.dumps(body).encode()), 400, "unreadable")
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("of_class", "body"), [("1", "V1"), ("probabilities[1]", "V2"), ("yes", "named")])
def test_of_probabilities_that_of_a_class_is_the_prediction(
    of_class: str, body: str, client: Client, engine: Engine, clock: SetClock
) -> None:
    scores = [0.25, 0.5, 0.75]
    frame = FRAME.select("age", pl.Series("p", [number / 400 for number in range(400)]))
    engine.register(Profile.fit(frame, model="proba", prediction="p"))
    both = [value for score in scores for value in (1 - score, score)]
    label = {"name": "label", "shape": [3], "datatype": "INT64", "data": [1, 1, 0]}
    wide = {"name": "probabilities", "shape": [3, 2], "datatype": "FP64", "data": both}
    answers = {
        "V1": {"predictions": [[1 - score, score] for score in scores]},
        "V2": {"outputs": [label, wide]},
        "named": {"predictions": [{"no": 1 - score, "yes": score} for score in scores]},
    }
    path = "/v1/models/proba/events"
    asked = json.dumps({"instances": [[row["age"]] for row in ROWS]}).encode()
    assert outcome(send(client, headers_of("request", "7"), asked, path)) == "rows"
    answered = json.dumps(answers[body]).encode()
    refused = send(client, headers_of("response", "7"), answered, path)
    assert problem_of(refused, 400, "unreadable")["expected"].endswith("say which (?of_class=1 in the address)")
    other = send(client, headers_of("response", "7"), answered, f"{path}?of_class=9")
    assert problem_of(other, 400, "unreadable")["got"].endswith(", of_class 9")
    joined = send(client, headers_of("response", "7"), answered, f"{path}?of_class={of_class}")
    assert outcome(joined) == "joined"
    rows = [{"age": row["age"], "p": score} for row, score in zip(ROWS, scores, strict=True)]
    assert counted(client, clock, "proba") == expected(client, rows, "proba")
