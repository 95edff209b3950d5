from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from driftmeter.cli.notify_test import notify_test
from tests.notify.receiver import Webhook, serving


def run(*urls: str, **variables: str) -> Any:
    return CliRunner().invoke(notify_test, list(urls), env=variables)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with serving(Webhook()) as webhook:
        yield webhook


def test_one_notice_is_sent_to_each_url(webhook: Webhook) -> None:
    with serving(Webhook()) as other:
        result = run(webhook.url("token7secret"), other.url())
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"ok      json://127.0.0.1:{webhook.server_port}",
        f"ok      json://127.0.0.1:{other.server_port}",
    ]
    (got,) = webhook.got
    assert got["title"] == "driftmeter: a test, nothing drifts"
    assert len(other.got) == 1


def test_each_failure_is_said_and_the_others_are_tried(webhook: Webhook) -> None:
    webhook.statuses = [403]
    result = run("nonsense://token7secret", webhook.url("token7secret"), webhook.url())
    assert result.exit_code == 2
    first, second, third = result.stdout.splitlines()
    assert first.startswith("failed  URL 1: expected an apprise URL such as slack://…")
    assert second.startswith(f"failed  json://127.0.0.1:{webhook.server_port}: ")
    assert "403" in second
    assert third == f"ok      json://127.0.0.1:{webhook.server_port}"
    assert "7secret" not in result.output
    assert len(webhook.accepted) == 1


def test_without_arguments_it_tries_what_the_server_would_use(webhook: Webhook) -> None:
    result = run(DRIFTMETER_NOTIFY=f"{webhook.url('a')} {webhook.url('b')}")
    assert result.exit_code == 0
    assert len(webhook.accepted) == 2


def test_without_any_url_it_says_so() -> None:
    result = run(DRIFTMETER_NOTIFY="")
    assert result.exit_code == 2
    assert "URL" in result.stderr
