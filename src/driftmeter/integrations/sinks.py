"""Sinks for panes that were counted elsewhere, in a consumer or on an engine's workers: a metric server, or a store.

Both are idempotent: a higher sequence of a pane replaces a lower one, and the same pane again changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from driftmeter.client.backoff import Backoff
from driftmeter.client.transport import PANE_TYPE, Answer, AwayError, Http, model_path
from driftmeter.errors import DriftmeterError, InputError, ProfileFormatError, StoreUnavailableError
from driftmeter.panes.codec import encode_pane
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.types import Milliseconds

T = TypeVar("T")

_CONNECT_TIMEOUT, _TIMEOUT = 5.0, 30.0  # seconds
_TEMPORARY = frozenset([401, 403, 408, 425, 429])
"""Answers about credentials or the moment, not about the pane: the same one may be taken later."""


class PaneRefusedError(DriftmeterError):
    """The pane will never be taken: of an unknown profile, or with counts that no rows have."""


class SinkAwayError(DriftmeterError):
    """The sink could not be reached, or takes nothing now: the same pane may be sent again."""


@dataclass(frozen=True)
class SinkModel:
    """A model as a sink has it: the profile that rows are counted by, how time is cut, and the sink's time.

    `unseen_texts` says whether texts of unseen categories are wanted; a sink leaves them out of panes where not.
    """

    profile: Profile
    timing: Timing
    now: Milliseconds
    unseen_texts: bool = True


@dataclass(frozen=True)
class PaneReceipt:
    """What became of a pane, which is durable now: `late` of its rows came after it was frozen, and are in no window.

    `digest` is of the profile that rows are to be counted by from now on, `timing` how, and `now` is the sink's time.
    """

    late: int
    digest: str
    timing: Timing
    now: Milliseconds


class PaneSink(Protocol):
    """Takes the panes of one model. For one thread."""

    def model(self) -> SinkModel:
        """Ask for the model.

        Raises DriftmeterError, in words for people, if there is none of that name, and SinkAwayError.
        """
        ...

    def put(self, pane: Pane) -> PaneReceipt:
        """Make a pane durable, and return what became of it.

        Raises PaneRefusedError, and SinkAwayError if the sink was away for longer than its patience.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class ServerSink:
    """A metric server, by the requests that the SDK sends."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        headers: Mapping[str, str] | None = None,
        patience: float = 60.0,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is connected yet. Raises InputError if `url` is not http:// or https://.

        A pane is tried again for `patience` seconds of the `clock`; `stop`, once set, ends all waits.
        """
        self._url, self._model = url.rstrip("/"), model
        self._http = Http(url, headers, connect_timeout=_CONNECT_TIMEOUT)
        self._retry = _Retry(patience, stop or threading.Event(), clock)
        self._takes_texts = True

    def model(self) -> SinkModel:
        """See PaneSink."""
        answer = self._ask("GET", model_path(self._model, "profile"), None)
        if not answer.ok:
            raise DriftmeterError(f"{self._url}: {answer.describe()}")
        try:
            profile = Profile.loads(answer.body)
            now, pane, lateness = (int(answer.headers[f"driftmeter-{name}"]) for name in ("time", "pane", "lateness"))
        except (ProfileFormatError, KeyError, ValueError) as error:
            raise DriftmeterError(f"{self._url}: expected a metric server of this version, got {error}") from error
        self._takes_texts = answer.headers.get("driftmeter-unseen-texts", "").lower() == "true"
        return SinkModel(profile, Timing(pane, lateness), now, self._takes_texts)

    def put(self, pane: Pane) -> PaneReceipt:
        """See PaneSink."""
        if not self._takes_texts:
            pane = pane.without_texts()
        answer = self._ask("PUT", model_path(self._model, "panes", str(pane.start), pane.source), encode_pane(pane))
        if not answer.ok:
            raise PaneRefusedError(f"{self._url}: {answer.describe()}")
        try:
            content = answer.json()
            timing = Timing(int(content["pane_ms"]), int(content["lateness_ms"]))
            receipt = PaneReceipt(int(content["late"]), str(content["digest"]), timing, int(content["time_ms"]))
        except (AwayError, KeyError, TypeError, ValueError) as error:
            raise SinkAwayError(f"{self._url}: expected the answer of a metric server, got {error}") from error
        self._takes_texts = str(content.get("unseen_texts")).lower() == "true"
        return receipt

    def close(self) -> None:
        """See PaneSink."""
        self._http.close()

    def _ask(self, method: str, path: str, body: bytes | None) -> Answer:
        """Return an answer that will stay as it is; raises SinkAwayError."""
        return self._retry.until_answered(lambda: self._ask_once(method, path, body))

    def _ask_once(self, method: str, path: str, body: bytes | None) -> Answer:
        answer = self._http(method, path, body, PANE_TYPE, _TIMEOUT)
        # a 404 that is no problem document comes from something else that listens there
        of_server = answer.status != 404 or answer.problem
        if answer.ok or (400 <= answer.status < 500 and answer.status not in _TEMPORARY and of_server):
            return answer
        raise answer.away()


class StoreSink:
    """A store, written to directly: for jobs that have no metric server at hand."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        patience: float = 60.0,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the store as `driftmeter.store.open_store` does, and raise what it raises.

        A pane is tried again for `patience` seconds of the `clock`; `stop`, once set, ends all waits.
        """
        from driftmeter.store import open_store, redacted

        if url.startswith("memory:"):
            raise InputError("store", "a store that a metric server shares", url)
        self._name, self._model = redacted(url), model
        self._store = open_store(url)
        self._retry = _Retry(patience, stop or threading.Event(), clock)

    def model(self) -> SinkModel:
        """See PaneSink."""
        return self._retry.until_answered(self._read_model)

    def put(self, pane: Pane) -> PaneReceipt:
        """See PaneSink."""
        return self._retry.until_answered(lambda: self._put(pane))

    def close(self) -> None:
        """See PaneSink."""
        self._store.close()

    def _read_model(self) -> SinkModel:
        from driftmeter.settings.model import ModelSettings

        record = self._store.model(self._model)
        profile = Profile.loads(self._store.profile(self._model, record.newest))
        settings = ModelSettings() if record.settings is None else ModelSettings.loads(record.settings)
        return SinkModel(profile, record.timing, self._store.now(), settings.unseen_texts)

    def _put(self, pane: Pane) -> PaneReceipt:
        from driftmeter.store.records import PutPane

        (receipt,) = self._store.commit([PutPane(self._model, pane)])
        if isinstance(receipt, StoreUnavailableError):
            raise receipt
        if isinstance(receipt, Exception):
            raise PaneRefusedError(f"{self._name}: {receipt}") from receipt
        record = self._store.model(self._model)
        return PaneReceipt(receipt.late, record.newest, record.timing, self._store.now())


def open_sink(
    address: str,
    model: str,
    *,
    headers: Mapping[str, str] | None = None,
    patience: float = 60.0,
    stop: threading.Event | None = None,
) -> PaneSink:
    """Return the sink of an address: a metric server's `http://…` or `https://…`, or the URL of a store.

    An address is a text, so that it can be sent to the workers of an engine, which open it there. `headers` go with
    every request to a server. Raises InputError and StoreError where there is no such address.
    """
    if address.partition("://")[0] in ("http", "https"):
        return ServerSink(address, model, headers=headers, patience=patience, stop=stop)
    return StoreSink(address, model, patience=patience, stop=stop)


class _Retry:
    """Asks again, after growing pauses, while the other end is away."""

    def __init__(self, patience: float, stop: threading.Event, clock: Callable[[], float]) -> None:
        self._patience, self._stop, self._clock = patience, stop, clock

    def until_answered(self, ask: Callable[[], T]) -> T:
        """Return the first answer; raises SinkAwayError once patience ends, or a wait is stopped."""
        backoff, begun = Backoff(), self._clock()
        while True:
            try:
                return ask()
            except (AwayError, StoreUnavailableError) as error:
                pause = backoff.failed(error.retry_after if isinstance(error, AwayError) else None)
                if self._clock() - begun + pause > self._patience or self._stop.wait(pause):
                    raise SinkAwayError(str(error)) from error
