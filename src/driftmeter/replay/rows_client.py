"""The client for the rows of one model: a batch is sent until its fate is known."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from driftmeter.client.backoff import Backoff
from driftmeter.client.transport import AwayError, Http, model_path
from driftmeter.errors import DriftmeterError
from driftmeter.profile.profile import Profile
from driftmeter.types import JSON, Milliseconds

ARROW_TYPE = "application/vnd.apache.arrow.stream"
_DEFAULT_PANE: Milliseconds = 10_000
_CONNECT_TIMEOUT, _TIMEOUT = 5.0, 60.0  # seconds
_TEMPORARY = (408, 425, 429)


@dataclass(frozen=True)
class ServedModel:
    """A model as a server has it: its profile, how far the server's clock is ahead of ours, and the panes' length."""

    profile: Profile
    ahead: Milliseconds
    pane: Milliseconds


class RowsClient:
    """Asks for one model and sends its rows; tries again while the server cannot be reached."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        patience: float = 60.0,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is connected yet. Raises InputError if `url` is not http:// or https://.

        A batch is given up after `patience` seconds of the `clock` without an answer; `stop`, once set, ends all waits.
        """
        self.stop = stop or threading.Event()
        self.retries = 0
        self._url, self._model, self._patience, self._clock = url.rstrip("/"), model, patience, clock
        self._http = Http(url, None, connect_timeout=_CONNECT_TIMEOUT)

    def model(self) -> ServedModel:
        """Ask for the model.

        Raises DriftmeterError if the server has none of that name, with its explanation, or cannot be reached; it is
        asked once.
        """
        try:
            answer = self._http("GET", model_path(self._model, "profile"), None, "", _TIMEOUT)
        except AwayError as error:
            raise DriftmeterError(str(error)) from error
        if not answer.ok:
            raise DriftmeterError(f"{self._url}: {answer.describe()}")
        local = time.time_ns() // 1_000_000
        ahead = int(answer.headers.get("driftmeter-time", local)) - local
        pane = int(answer.headers.get("driftmeter-pane", _DEFAULT_PANE))
        return ServedModel(Profile.loads(answer.body), ahead, pane)

    def post(self, body: bytes, key: str, *, watermark: str | None = None, source: str | None = None) -> JSON:
        """Send a batch of rows as Arrow and return the answer; batches with the same `key` count once.

        Raises DriftmeterError if the server refuses the batch, and AwayError if the server stays away too long.
        """
        query = {name: value for name, value in (("watermark", watermark), ("source", source)) if value is not None}
        path = model_path(self._model, "rows") + (f"?{urlencode(query)}" if query else "")
        backoff, begun = Backoff(), self._clock()
        while True:
            try:
                answer = self._http("POST", path, body, ARROW_TYPE, _TIMEOUT, {"idempotency-key": key})
                if answer.ok:
                    return answer.json()
                if answer.status < 500 and answer.status not in _TEMPORARY:
                    raise DriftmeterError(f"{self._url}: {answer.describe()}")
                raise answer.away()
            except AwayError as error:
                pause = backoff.failed(error.retry_after)
                if self._clock() - begun + pause > self._patience or self.stop.wait(pause):
                    raise
                self.retries += 1

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()
