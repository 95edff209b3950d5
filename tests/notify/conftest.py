"""A webhook, and one notice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from driftmeter.notify import Notice, notices
from tests.notify.receiver import Webhook, serving

INCIDENT = {
    "id": "1700000040000",
    "state": "open",
    "opened": "2023-11-14T22:14:00.000Z",
    "since": "2023-11-14T22:13:20.500Z",
    "closed": None,
    "features": [{"feature": "temp", "since": "2023-11-14T22:13:20.500Z"}],
}


@pytest.fixture
def notice() -> Notice:
    (notice,) = notices("flights", [], [INCIDENT])
    return notice


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with serving(Webhook()) as webhook:
        yield webhook
