"""The feed: counted panes, sent to a running metric server in the order of their time, which folds them itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from driftmeter.backfill.counting import Advance, Tell, untold
from driftmeter.backfill.job import SOURCE
from driftmeter.backfill.work import WorkFile
from driftmeter.client.backoff import Backoff
from driftmeter.client.transport import PANE_TYPE, AwayError, Http, model_path
from driftmeter.errors import DriftmeterError, StoreError
from driftmeter.panes.codec import encode_pane
from driftmeter.panes.pane import Pane, Slice
from driftmeter.panes.totals import SourceTotals
from driftmeter.types import Milliseconds

_TIMEOUT = 60.0  # seconds
_TEMPORARY = (408, 425, 429)
_REMEMBER_EVERY = 100


class PaneFeed:
    """Sends panes to one server; tries again while it is away, and goes on where an earlier run was stopped."""

    def __init__(
        self,
        url: str,
        model: str,
        digest: str,
        work: WorkFile,
        *,
        patience: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; `patience` seconds of the `clock` without an answer end the feed."""
        self._url, self._model, self._digest, self._work = url.rstrip("/"), model, digest, work
        self._patience, self._clock = patience, clock
        self._http = Http(url, None)
        self._waiting = threading.Event()

    def send(
        self, slices: Callable[[Milliseconds], Iterable[Slice]], totals: SourceTotals, tell: Tell = untold
    ) -> None:
        """Send the panes that `slices` gives after a time; the watermark goes with them.

        A pane that is sent again counts once. Raises StoreError where the server has closed a pane already, and
        DriftmeterError where it refuses one, or stays away.
        """
        sent = (self._work.read("sent") or {"end": 0})["end"]
        end, number = sent, 0
        for number, slice_ in enumerate(slices(sent), 1):
            end = slice_.end
            self._put(slice_, totals)
            tell(Advance(folded=end, panes=number))
            if number % _REMEMBER_EVERY == 0:
                self._work.write("sent", {"end": end})
        if number:
            self._work.write("sent", {"end": end})

    def _put(self, slice_: Slice, totals: SourceTotals) -> None:
        pane = Pane(self._digest, slice_.start, slice_.length, SOURCE, 1, slice_.summary, totals, watermark=slice_.end)
        path, body = model_path(self._model, "panes", str(slice_.start), SOURCE), encode_pane(pane)
        backoff, begun = Backoff(), self._clock()
        while True:
            try:
                answer = self._http("PUT", path, body, PANE_TYPE, _TIMEOUT)
                if answer.ok:
                    break
                if answer.status < 500 and answer.status not in _TEMPORARY:
                    raise DriftmeterError(f"{self._url}: {answer.describe()}")
                raise answer.away()
            except AwayError as error:
                pause = backoff.failed(error.retry_after)
                if self._clock() - begun + pause > self._patience:
                    raise DriftmeterError(f"{error}; start the backfill again, and it goes on") from error
                self._waiting.wait(pause)
        late = answer.json().get("late", 0)
        if late:
            expected = "a model that has seen nothing later yet"
            raise StoreError(f"model {self._model}: expected {expected}, got {late:,} rows whose pane is closed")

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()
