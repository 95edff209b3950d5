"""Whoever an apprise URL leads to. Such URLs are passwords: nothing but their scheme and host is ever shown."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote

from driftmeter.errors import InputError, MissingExtraError

EXPECTED = "an apprise URL such as slack://… or mailto://… (github.com/caronc/apprise lists them)"
_LONGEST_REASON = 200
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]{0,20})://")
_PIECE = re.compile(r"[^\s/:@?&=+,;#]{3,}")


class Destination:
    """Whoever a URL leads to; `name` is all that may be shown of it: scheme and host."""

    def __init__(self, url: str, position: int = 1) -> None:
        """Read an apprise URL; raises InputError that shows its scheme alone, MissingExtraError without apprise."""
        apprise = _apprise()
        asset = apprise.AppriseAsset(async_mode=False, app_id="driftmeter", app_desc="driftmeter", secure_logging=True)
        self._pieces = {piece for text in (url, unquote(url)) for piece in _PIECE.findall(text)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the first URL loads all plugins, and what they import
            service, reason = self._listening(lambda: apprise.Apprise.instantiate(url, asset=asset))
        if service is None:
            scheme = _SCHEME.match(url)
            shown = f"{scheme[1]}://…" if scheme else "one without a scheme"
            raise InputError("notify", EXPECTED, f"{shown} as number {position}" + (f" ({reason})" if reason else ""))
        scheme, _, rest = service.url(privacy=True).partition("://")
        # what stands before the host may be a token, what comes after it, headers too, is not always masked
        self.name = f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0].rpartition('@')[2]}"
        self._pieces -= set(_PIECE.findall(self.name))
        self._sender = apprise.Apprise(asset=asset)
        self._sender.add(service)

    def send(self, title: str, body: str, kind: str = "info") -> str | None:
        """Send a text; return why that failed, without secrets, or None."""
        send = self._sender.notify
        done, reason = self._listening(lambda: send(title=title, body=body, notify_type=kind, body_format="text"))
        return None if done else reason or "it was not accepted"

    def _listening(self, work: Callable[[], Any]) -> tuple[Any, str]:
        """Return what `work` returns, None where it raises, and the first of its warnings."""
        heard: list[str] = []
        _install()
        token = _hearing.set(heard)
        try:
            result = work()
        except Exception as error:  # of a plugin: one of 180
            heard.insert(0, f"{type(error).__name__}: {error}")
            result = None
        finally:
            _hearing.reset(token)
        return result, self._without_secrets(heard[0]) if heard else ""

    def _without_secrets(self, text: str) -> str:
        text = re.sub(r"\S*://\S*", "…", text)
        for piece in sorted(self._pieces, key=len, reverse=True):
            text = text.replace(piece, "…")
        return " ".join(text.split())[:_LONGEST_REASON]


def destinations(urls: Iterable[str]) -> tuple[Destination, ...]:
    """Read apprise URLs; raises InputError at the first that is none, MissingExtraError without apprise."""
    return tuple(Destination(url, position) for position, url in enumerate(urls, 1))


def _apprise() -> Any:
    try:
        import apprise
    except ModuleNotFoundError as error:
        raise MissingExtraError("notices need apprise: pip install 'driftmeter[notify]'") from error
    return apprise


_hearing: ContextVar[list[str] | None] = ContextVar("hearing", default=None)
"""Where the warnings of the sending go that is under way here; apprise hands its context to its own threads."""


class _Ear(logging.Handler):
    """Keeps apprise's warnings: the only way in which it says why."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        heard = _hearing.get()
        if heard is not None:
            heard.append(record.getMessage())


class _Discretion(logging.Filter):
    """Keeps to itself what is logged while sending: paths, headers and tokens, by apprise and what it sends with."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let through what is logged elsewhere."""
        return _hearing.get() is None


_EAR, _DISCRETION = _Ear(logging.WARNING), _Discretion()


def _install() -> None:
    """Attach the two wherever they are not yet: what is there already is left as it is."""
    logging.getLogger("apprise").addHandler(_EAR)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_DISCRETION)
