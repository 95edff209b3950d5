from __future__ import annotations

from collections.abc import Callable

import pytest

from driftmeter.client import Monitor
from driftmeter.client.transport import AwayError, Http
from driftmeter.profile.profile import Profile
from tests.client.samples import ROW
from tests.client.tier import Tier
from tests.support.ports import free_port
from tests.support.waiting import eventually

Make = Callable[..., Monitor]


def test_headers_go_with_every_request(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile, headers={"Authorization": "Bearer k"})
    monitor.observe(ROW)
    assert monitor.flush()
    assert {headers.get("Authorization") for headers in tier.headers} == {"Bearer k"}


def test_proxies_of_the_environment_are_not_for_the_tier(
    tier: Tier, profile: Profile, monitor_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    assert monitor.flush()


def test_a_server_that_is_not_there_is_said_in_plain_words(
    profile: Profile, monitor_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monitor_of(profile, url=url).observe(ROW)
    eventually(lambda: bool(caplog.records), "a warning")
    expected = f"model 'm': no report gets through, trying on: cannot reach {url}: connection refused"
    assert caplog.records[0].getMessage() == expected


def test_every_way_of_not_answering_has_its_words(silence: str) -> None:
    def message_of(url: str) -> str:
        with pytest.raises(AwayError) as caught:
            Http(url, None)("GET", "/", None, "", 0.2)
        return str(caught.value)

    assert message_of(silence) == f"cannot reach {silence}: no answer in time"
    assert message_of("http://nowhere.invalid") == "cannot reach http://nowhere.invalid: unknown host"
    assert "<" not in message_of(silence.replace("http:", "https:"))
