"""What a store must do. Every store passes tests/store/test_conformance*.py; no caller depends on which one it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from driftmeter.panes.coverage import SourceRecord
from driftmeter.panes.pane import Slice
from driftmeter.panes.timing import Timing
from driftmeter.panes.windows import WindowSetting
from driftmeter.store.records import Fold, ModelRecord, Progress, Receipt, Write
from driftmeter.types import Milliseconds
from driftmeter.verdict.expectation import Expectation


class Store(Protocol):
    """Keeps profiles, panes, fold state and verdicts.

    Several threads and processes may call it at the same time. Every method raises StoreUnavailableError if the store
    cannot be read or written now. Methods that take a model raise UnknownModelError, and UnknownProfileError for a
    digest, if there is none of that name and they need one.
    """

    def now(self) -> Milliseconds:
        """Return the store's time, the clock that all replicas share."""
        ...

    def ping(self) -> None:
        """Write a few bytes that nothing reads, to see that the store can be written."""
        ...

    def register(self, model: str, digest: str, profile: bytes, timing: Timing, *, reactivate: bool = True) -> None:
        """Add a profile, and make it the newest: the one that rows are counted by.

        `panes.rollover` says when it becomes the active one. If it is the newest already, only the timing changes. With
        `reactivate=False` nothing changes if the model had the profile before and has since replaced it.
        """
        ...

    def configure(self, model: str, settings: bytes | None) -> None:
        """Set a model's settings; None removes them. A change of profile leaves them in place."""
        ...

    def models(self) -> list[ModelRecord]:
        """Return all models, sorted by name."""
        ...

    def model(self, model: str) -> ModelRecord:
        """Return one model."""
        ...

    def digests(self, model: str) -> list[str]:
        """Return the digests of the model's profiles, oldest first."""
        ...

    def profile(self, model: str, digest: str) -> bytes:
        """Return a profile as it was registered."""
        ...

    def delete(self, model: str) -> None:
        """Delete a model and everything that belongs to it."""
        ...

    def commit(self, writes: Sequence[Write]) -> list[Receipt | Exception]:
        """Make the writes durable, each of them whole or not at all.

        Returns one answer for each write, in the same order; a write that cannot be made has its error as the answer.
        Raises StoreUnavailableError if it concerns all of them.
        """
        ...

    def freeze(self, model: str) -> Milliseconds:
        """Advance the model's watermark, close the panes that end by then, and return the watermark."""
        ...

    def pending(self, model: str) -> list[str]:
        """Return the digests of the profiles that have slices to fold."""
        ...

    def progress(self, model: str, digest: str) -> Progress:
        """Return how far a profile's fold is; `Progress()` before the first fold."""
        ...

    def unfolded(self, model: str, digest: str, limit: int = 1000) -> list[Slice]:
        """Return the first `limit` slices that are not folded yet, ascending. Slices that end together come as one."""
        ...

    def recent(self, model: str, digest: str, end: Milliseconds, window: WindowSetting) -> list[Slice]:
        """Return the slices that end by `end` and reach back far enough for the window, ascending."""
        ...

    def slice_rows(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, Milliseconds, int]]:
        """Return start, end and rows of the slices that end after `start` and by `end`, ascending by end.

        That takes far less than their counts.
        """
        ...

    def fold(self, model: str, digest: str, expected: Milliseconds, step: Fold) -> bool:
        """Record a fold if the progress still is `expected`; merge and drop old slices as `panes.retention` says.

        Returns False, and changes nothing, if another process has recorded a fold in between.
        """
        ...

    def verdict(self, model: str, digest: str) -> bytes | None:
        """Return the newest verdict, or None before the first."""
        ...

    def history(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, bytes]]:
        """Return the verdicts of the event times from `start` to `end`, both included, ascending.

        The store keeps one every 10 s for an hour of event time, every 5 min for a day, every hour for 90 days.
        """
        ...

    def history_heads(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds, length: int
    ) -> list[tuple[Milliseconds, bytes]]:
        """Return the first `length` bytes, at least, of the same verdicts, or all where one is shorter.

        That takes far less than all of them.
        """
        ...

    def sources(self, model: str) -> list[SourceRecord]:
        """Return the sources that have sent something in the last day, sorted by name."""
        ...

    def acknowledge(self, model: str, incident: str, at: Milliseconds, note: str) -> None:
        """Record that somebody has seen an incident. Only the first acknowledgement of an incident is kept."""
        ...

    def acknowledged(self, model: str) -> dict[str, tuple[Milliseconds, str]]:
        """Return the time and the note of each incident's acknowledgement."""
        ...

    def expect(self, model: str, feature: str | None, since: Milliseconds, until: Milliseconds, note: str = "") -> None:
        """Record that a feature, or the whole model if None, is expected to drift from `since` to `until`.

        Replaces the earlier expectation of the same feature. If `until` is not after `since`, it is only removed.
        """
        ...

    def expected(self, model: str) -> list[Expectation]:
        """Return the expectations that ended at most 90 days ago: first the model's, then the others by feature."""
        ...

    def notified(self, model: str, key: str) -> bool:
        """Return True to exactly one caller for each key, over all processes. Keys are kept for 90 days."""
        ...

    def lease(self, model: str, owner: str, length: Milliseconds) -> bool:
        """Reserve the folding of a model for `owner` for `length` from now; return False if another owner has it.

        A length of 0 gives the reservation up. It only saves work: folding without it does no harm.
        """
        ...

    def heartbeat(self, owner: str, length: Milliseconds) -> list[str]:
        """Record that a server is alive for `length` from now; return all servers that are, sorted by name."""
        ...

    def close(self) -> None:
        """Close files and connections. Later calls raise StoreUnavailableError; only `now` may still answer."""
        ...
