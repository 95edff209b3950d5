from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.notify import Destination, Notice, Webhook, notices, receiver_of, reminder
from driftmeter.notify.webhook import event_of
from tests.notify.receiver import EventReceiver, serving

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@pytest.fixture
def receiver() -> Iterator[EventReceiver]:
    with serving(EventReceiver()) as receiver:
        yield receiver


def is_signed(message: dict[str, Any], key: bytes) -> bool:
    """Check a message as a receiver by Standard Webhooks does."""
    headers = message["headers"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + message["body"]
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split(" ")


def test_an_incident_arrives_as_a_cloud_event_that_is_signed(receiver: EventReceiver, notice: Notice) -> None:
    webhook = Webhook(receiver.url(f"hook?team=a%20b&secret={SECRET}"), clock=lambda: 1_700_000_100.9)
    assert webhook.deliver(replace(notice, url="https://drift.example.com")) is None
    (message,) = receiver.got
    assert message["path"] == "/hook?team=a+b"
    assert message["headers"]["content-type"].startswith("application/cloudevents+json")
    assert message["headers"]["webhook-timestamp"] == "1700000100"
    assert is_signed(message, KEY)
    assert not is_signed({**message, "body": message["body"] + b" "}, KEY)
    event = json.loads(message["body"])
    assert event == {
        "specversion": "1.0",
        "type": "io.driftmeter.incident.opened",
        "source": "https://drift.example.com",
        "id": message["headers"]["webhook-id"],
        "time": notice.incident_json["opened"],
        "subject": "flights",
        "datacontenttype": "application/json",
        "data": {"model": "flights", "url": "https://drift.example.com", "title": notice.title, **notice.incident_json},
    }


def test_each_kind_of_notice_has_a_type_and_an_id_of_its_own(notice: Notice) -> None:
    incident = notice.incident_json
    closed = {**incident, "state": "closed", "closed": "2023-11-14T22:30:00.000Z"}
    told = [*notices("flights", [], [incident]), *notices("flights", [incident], [closed])]
    reminding = reminder("flights", [incident], "2023-11-16T00:00:00.000Z")
    assert reminding is not None
    events = [event_of(one) for one in (*told, reminding)]
    assert [event["type"] for event in events] == [
        f"io.driftmeter.incident.{name}" for name in ("opened", "closed", "reminder")
    ]
    assert len({event["id"] for event in events}) == 3
    assert events == [event_of(one) for one in (*told, reminding)]  # the same on every replica


def test_without_a_secret_nothing_is_signed_and_a_password_is_sent_as_such(
    receiver: EventReceiver, notice: Notice
) -> None:
    url = receiver.url().replace("://", "://ann:p%20w@")
    webhook = Webhook(url)
    assert webhook.deliver(notice) is None
    headers = receiver.got[0]["headers"]
    assert "webhook-signature" not in headers
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == b"ann:p w"
    assert webhook.name == f"events+http://127.0.0.1:{receiver.server_port}"


def test_a_model_of_any_name_is_sent(receiver: EventReceiver, notice: Notice) -> None:
    assert Webhook(receiver.url(f"?secret={SECRET}")).deliver(replace(notice, model="Prüfung\r\nx: y 模型")) is None
    (message,) = receiver.got
    assert is_signed(message, KEY)
    assert json.loads(message["body"])["subject"] == "Prüfung\r\nx: y 模型"
    assert "x" not in message["headers"]


def test_why_it_failed_is_told_without_the_path(receiver: EventReceiver, notice: Notice) -> None:
    receiver.statuses = [500]
    assert Webhook(receiver.url("secret-path")).deliver(notice) == "it answered 500 Internal Server Error"
    gone = receiver.url("secret-path").replace(str(receiver.server_port), "1")
    assert Webhook(gone).deliver(notice) == "ConnectionRefusedError: Connection refused"


def test_a_test_arrives_too(receiver: EventReceiver) -> None:
    assert Webhook(receiver.url()).test() is None
    assert json.loads(receiver.got[0]["body"])["type"] == "io.driftmeter.test"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("https:///path", "events+https://host/path"),
        ("https://host:port/", "events+https://host/path"),
        ("https://host/?secret=abc", "24 to 64 bytes in Base64"),
        ("https://host/?secret=whsec_abc", "24 to 64 bytes in Base64"),
        (f"https://host/?secret={SECRET}&secret={SECRET}", "events+https://host/path"),
    ],
)
def test_a_wrong_url_is_refused_without_showing_it(rest: str, expected: str) -> None:
    with pytest.raises(InputError, match=re.escape(expected)) as caught:
        receiver_of(f"events+{rest}", 3)
    assert "3" in caught.value.got
    assert SECRET not in str(caught.value)


def test_other_urls_are_those_of_apprise() -> None:
    assert isinstance(receiver_of("json://localhost/hook"), Destination)
    assert isinstance(receiver_of(" Events+HTTPS://localhost/hook "), Webhook)
