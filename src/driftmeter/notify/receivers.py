"""Receivers of notices, by the scheme of their URLs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from driftmeter.notify.destination import Destination
from driftmeter.notify.notice import Notice
from driftmeter.notify.webhook import SCHEMES, Webhook


class Receiver(Protocol):
    """Where notices go."""

    name: str
    """What may be shown of its URL, which may hold secrets: scheme and host."""

    def deliver(self, notice: Notice) -> str | None:
        """Send a notice; return None, or why that failed."""
        ...

    def test(self) -> str | None:
        """Send a test; return None, or why that failed."""
        ...


def receiver_of(url: str, position: int = 1) -> Receiver:
    """Read the URL of a receiver: of a webhook for CloudEvents, or one of apprise's.

    Raises InputError, which shows the URL's scheme and its `position` alone, and MissingExtraError without apprise.
    """
    is_webhook = url.strip().lower().startswith(tuple(f"{scheme}:" for scheme in SCHEMES))
    return Webhook(url, position) if is_webhook else Destination(url, position)


def destinations(urls: Iterable[str]) -> tuple[Receiver, ...]:
    """Read the URLs of receivers; raises at the first wrong one as `receiver_of`."""
    return tuple(receiver_of(url, position) for position, url in enumerate(urls, 1))
