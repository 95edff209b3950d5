from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from driftmeter.errors import InputError
from driftmeter.notify import Destination, destinations
from tests.notify.receiver import MailServer, Webhook, serving


def test_a_text_arrives_at_a_webhook(webhook: Webhook) -> None:
    assert Destination(webhook.url()).send("a title", "a body\nof two lines", "warning") is None
    (got,) = webhook.got
    assert (got["title"], got["message"], got["type"]) == ("a title", "a body\nof two lines", "warning")


def test_a_text_arrives_by_mail() -> None:
    with serving(MailServer()) as server:
        assert Destination(server.url).send("a title", "a body", "failure") is None
    (mail,) = server.mails
    assert "Subject: a title" in mail
    assert "To: oncall@example.com" in mail
    assert "a body" in mail


def test_a_failure_is_told_with_its_reason(webhook: Webhook) -> None:
    webhook.statuses = [503]
    assert "503" in (Destination(webhook.url()).send("t", "b") or "")


def test_nobody_there_is_a_failure() -> None:
    with serving(Webhook()) as webhook:
        url = webhook.url()
    assert "onnection" in (Destination(url).send("t", "b") or "")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("json://user:hunter22@example.com:8080/path7?+Authorization=Bearer%20abc", "json://example.com:8080"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", "slack://T...2"),
        ("ntfy://tk_secrettoken@ntfy.sh/topic", "ntfy://ntfy.sh"),
        ("mailto://me:hunter22@gmail.com", "mailtos://gmail.com"),
    ],
)
def test_a_name_is_no_more_than_scheme_and_host(url: str, name: str) -> None:
    assert Destination(url).name == name


@pytest.mark.parametrize(
    ("url", "got"),
    [
        ("nonsense://hunter22@example.com/token7", "nonsense://… as number 2"),
        ("hunter22token7", "one without a scheme as number 2"),
        ("", "one without a scheme as number 2"),
        ("signal://hunter22@localhost/token7", "signal://… as number 2"),
    ],
)
def test_what_is_no_url_of_apprise_is_said_without_what_it_holds(
    url: str, got: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(InputError) as caught:
        destinations(["json://localhost", url])
    assert str(caught.value).startswith("notify: expected an apprise URL such as slack://…")
    assert caught.value.got.startswith(got)
    assert "hunter22" not in str(caught.value) + caplog.text
    assert "token7" not in str(caught.value) + caplog.text


def test_neither_a_log_nor_a_reason_holds_what_is_secret(webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    url = webhook.url("path7secret", "?+Authorization=Bearer%20header7secret&-key=query7secret")
    url = url.replace("://", "://me:word7secret@")
    webhook.statuses = [200, 404]
    with caplog.at_level(1):
        there = Destination(url)
        reasons = [there.send("t", "b"), there.send("t", "b")]
        webhook.shutdown()
        webhook.server_close()
        reasons.append(there.send("t", "b"))
        logging.getLogger("urllib3.connectionpool").debug("still heard")
    assert reasons[0] is None
    assert None not in reasons[1:]
    assert "7secret" not in f"{caplog.text}{reasons}{there.name}"
    assert caplog.messages[-1] == "still heard"


def test_a_plugin_that_raises_is_a_failure_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    there = Destination("json://example.com/path7secret")

    def fail(**arguments: str) -> bool:
        raise ValueError("no such path: /path7secret, see https://example.com/path7secret")

    monkeypatch.setattr(there._sender, "notify", fail)
    assert there.send("t", "b") == "ValueError: no such path: /…, see …"


def test_without_apprise_it_says_what_to_install() -> None:
    code = """
import sys
sys.modules["apprise"] = None  # as if it were not installed
from driftmeter.errors import MissingExtraError
from driftmeter.notify import Notifier
try:
    Notifier(["json://localhost"], claim=lambda model, key: True)
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "notices need apprise: pip install 'driftmeter[notify]'\n"
