"""Where a notice is sent: an apprise URL. Such URLs hold passwords: only their scheme and host are ever shown."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote

from driftmeter.errors import InputError, MissingExtraError
from driftmeter.notify.notice import Notice

EXPECTED = "an apprise URL such as slack://… or mailto://… (github.com/caronc/apprise lists them)"
_TEST_TITLE = "driftmeter: a test, nothing drifts"
_TEST_BODY = "This is how a notice arrives. Sent by `driftmeter notify-test`; there is nothing to do."
_LONGEST_REASON = 200
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]{0,20})://")
_PIECE = re.compile(r"[^\s/:@?&=+,;#]{3,}")


class Destination:
    """The receiver behind an apprise URL; `name` is all of the URL that may be shown: scheme and host."""

    def __init__(self, url: str, position: int = 1) -> None:
        """Read an apprise URL.

        Raises InputError, which shows the URL's scheme and its `position` alone, and MissingExtraError without
        apprise.
        """
        apprise = _apprise()
        asset = apprise.AppriseAsset(async_mode=False, app_id="driftmeter", app_desc="driftmeter", secure_logging=True)
        self._pieces = {piece for text in (url, unquote(url)) for piece in _PIECE.findall(text)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the first URL loads all plugins, and what they import
            service, reason = self._call(lambda: apprise.Apprise.instantiate(url, asset=asset))
        if service is None:
            scheme = _SCHEME.match(url)
            shown = f"{scheme[1]}://…" if scheme else "one without a scheme"
            raise InputError("notify", EXPECTED, f"{shown} as number {position}" + (f" ({reason})" if reason else ""))
        scheme, _, rest = service.url(privacy=True).partition("://")
        # the part before the host may be a token; path, query and headers are not always masked
        self.name = f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0].rpartition('@')[2]}"
        self._pieces -= set(_PIECE.findall(self.name))
        self._sender = apprise.Apprise(asset=asset)
        self._sender.add(service)

    def deliver(self, notice: Notice) -> str | None:
        """Send a notice; return None, or why that failed, without secrets."""
        return self.send(notice.title, notice.body, notice.kind)

    def test(self) -> str | None:
        """Send a test notice; return None, or why that failed, without secrets."""
        return self.send(_TEST_TITLE, _TEST_BODY)

    def send(self, title: str, body: str, kind: str = "info") -> str | None:
        """Send a text; return None, or why that failed, without secrets."""
        send = self._sender.notify
        done, reason = self._call(lambda: send(title=title, body=body, notify_type=kind, body_format="text"))
        return None if done else reason or "it was not accepted"

    def _call(self, work: Callable[[], Any]) -> tuple[Any, str]:
        """Return the result of `work`, None if it raises, and its first warning, without secrets; empty if none."""
        warnings_seen: list[str] = []
        _install_log_handlers()
        token = _captured.set(warnings_seen)
        try:
            result = work()
        except Exception as error:  # apprise has 180 plugins, and any may raise anything
            warnings_seen.insert(0, f"{type(error).__name__}: {error}")
            result = None
        finally:
            _captured.reset(token)
        return result, self._without_secrets(warnings_seen[0]) if warnings_seen else ""

    def _without_secrets(self, text: str) -> str:
        """Replace URLs in a text, and all pieces of this destination's own URL."""
        text = re.sub(r"\S*://\S*", "…", text)
        for piece in sorted(self._pieces, key=len, reverse=True):
            text = text.replace(piece, "…")
        return " ".join(text.split())[:_LONGEST_REASON]


def _apprise() -> Any:
    try:
        import apprise
    except ModuleNotFoundError as error:
        raise MissingExtraError("notices need apprise: pip install 'driftmeter[notify]'") from error
    return apprise


_captured: ContextVar[list[str] | None] = ContextVar("captured", default=None)
"""Collects the warnings of the current call; None outside a call. Apprise passes its context on to its threads."""


class _WarningCapture(logging.Handler):
    """Collects apprise's warnings: apprise tells in no other way why a call failed."""

    def emit(self, record: logging.LogRecord) -> None:
        """Collect the message if a call is under way."""
        warnings_seen = _captured.get()
        if warnings_seen is not None:
            warnings_seen.append(record.getMessage())


class _SecretsFilter(logging.Filter):
    """Drops log records of a call: apprise and its HTTP client log paths, headers and tokens."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether no call is under way in this context."""
        return _captured.get() is None


_WARNING_CAPTURE, _SECRETS_FILTER = _WarningCapture(logging.WARNING), _SecretsFilter()


def _install_log_handlers() -> None:
    """Attach capture and filter to the loggers there are now; attaching them again changes nothing."""
    logging.getLogger("apprise").addHandler(_WARNING_CAPTURE)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_SECRETS_FILTER)
