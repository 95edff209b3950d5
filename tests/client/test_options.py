from __future__ import annotations

from typing import Any

import pytest

from driftmeter.client import Monitor
from driftmeter.errors import InputError, ProfileError
from driftmeter.profile.profile import Profile
from tests.client.samples import make_profile


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"url": "localhost:8001", "model": "m"}, InputError, "url"),
        ({"url": "http://x", "model": None}, InputError, "model"),
        ({"url": "http://x", "interval": 0}, InputError, "interval"),
        ({"url": "http://x", "interval": 60.1}, InputError, "interval: expected at most 60 s, got 60.1 s"),
        ({"url": "http://x", "max_rows": 0}, InputError, "max_rows"),
        ({"url": "http://x", "max_bytes": 1}, InputError, "max_bytes"),
        ({"url": "http://x", "profile": make_profile(), "model": "other"}, ProfileError, "other"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(settings: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Monitor(**{"model": "m", **settings})


def test_the_source_is_a_stable_name_and_an_incarnation(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTMETER_SOURCE", "pod/7 ü")
    one, two = Monitor("http://x", profile=profile), Monitor("http://x", profile=profile)
    assert one.source[:-8] == two.source[:-8] == "pod-7-"
    assert one.source != two.source
    assert Monitor("http://x", profile=profile, source="mine").source[:-8] == "mine-"
