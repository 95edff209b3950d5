"""What a store must do. Every store passes tests/conformance of this protocol; nothing else knows which it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from driftmeter.counts.summary import Summary
from driftmeter.panes.coverage import SourceRecord
from driftmeter.panes.pane import Pane, Slice
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.windows import WindowSetting
from driftmeter.types import Milliseconds
from driftmeter.verdict.expectation import Expectation

LONGEST_LEASE: Milliseconds = 60_000
"""A lease that ends later than so long from now is from before the clock was put back, and holds nobody up."""


@dataclass(frozen=True)
class ModelRecord:
    """A model as the store knows it. `frozen` is its watermark: all panes that end by then are closed.

    `digest` is the active profile, whose verdict counts; `newest` the one that rows are counted by, which becomes the
    active one as `rollover` says. `settings` are what it was configured with, which only the monitor can read; None
    where it never was. `folded` is how far the active profile's fold is, `holder` who holds the lease on folding now,
    `returned` when panes were last closed again after nobody had for longer than any round takes.
    """

    model: str
    digest: str
    timing: Timing
    frozen: Milliseconds
    newest: str
    settings: bytes | None = None
    folded: Milliseconds = 0
    holder: str | None = None
    returned: Milliseconds = 0


@dataclass(frozen=True)
class PutPane:
    """Write a pane, as its source has it so far."""

    model: str
    pane: Pane


@dataclass(frozen=True)
class AddRows:
    """Add rows to the panes of `source`, all or none, once for each `key`.

    `parts` are the rows by start of pane; `fingerprint` tells a retry from another batch under the same key.
    `length` is that of the panes they were cut into; where it is None they were cut by the model's timing.
    """

    model: str
    digest: str
    source: str
    parts: tuple[tuple[Milliseconds, Summary], ...]
    totals: SourceTotals
    key: str | None = None
    fingerprint: bytes = b""
    watermark: Milliseconds | None = None
    length: Milliseconds | None = None


Write = PutPane | AddRows


@dataclass(frozen=True)
class Receipt:
    """What became of a write that is now durable.

    `late` rows came after their pane was frozen and are in no window. `duplicate` says that this very write
    had been counted before, `conflict` that the key was used for another batch: then nothing was written.
    `added` and `added_late` are the rows, and the late ones among them, that no earlier write had brought: over
    all replicas they add up to what came, however often it was sent. So do the rows that a source says it `dropped`
    itself, by reason, and the `unreadable` values that it says its rows held, by column.
    """

    late: int = 0
    duplicate: bool = False
    conflict: bool = False
    added: int = 0
    added_late: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """How far a profile's panes are folded, and the state of the fold, which only the fold can read."""

    folded: Milliseconds = 0
    state: bytes = b""


@dataclass(frozen=True)
class Fold:
    """The outcome of folding one slice: the new progress, and the verdict as JSON to be kept for `at`."""

    progress: Progress
    verdict: bytes
    at: Milliseconds


class Store(Protocol):
    """Profiles, panes, fold state, verdicts.

    Calls may come from several threads and processes. Raises StoreUnavailableError where nothing can be
    read or written now, UnknownModelError and UnknownProfileError where a name is not known.
    """

    def now(self) -> Milliseconds:
        """Return the store's time: the one clock that all replicas share."""
        ...

    def ping(self) -> None:
        """Write something small durably, and nothing that anybody reads: raises where nothing can be written."""
        ...

    def register(self, model: str, digest: str, profile: bytes, timing: Timing, *, again: bool = True) -> None:
        """Keep a profile and have rows counted by it; the same one again changes only the timing.

        It becomes the active one as `rollover` says. Without `again` a profile that the model had before, and no longer
        counts by, stays as it is.
        """
        ...

    def configure(self, model: str, settings: bytes | None) -> None:
        """Keep a model's settings, or have it go by the default again; they outlive a change of profile."""
        ...

    def models(self) -> list[ModelRecord]:
        """Return all models, by name."""
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
        """Forget a model and all that belongs to it."""
        ...

    def commit(self, writes: Sequence[Write]) -> list[Receipt | Exception]:
        """Make the writes durable, each whole or not at all; one that can't be made has its error instead."""
        ...

    def freeze(self, model: str) -> Milliseconds:
        """Advance the model's watermark, close what ends by then, and return it."""
        ...

    def pending(self, model: str) -> list[str]:
        """Return the digests of the profiles that have frozen slices which are not folded yet."""
        ...

    def progress(self, model: str, digest: str) -> Progress:
        """Return how far the fold is."""
        ...

    def unfolded(self, model: str, digest: str, limit: int = 1000) -> list[Slice]:
        """Return the frozen slices that are not folded yet, ascending; those that end together come as one."""
        ...

    def recent(self, model: str, digest: str, end: Milliseconds, window: WindowSetting) -> list[Slice]:
        """Return the frozen slices that end by `end` and reach back far enough for the window, ascending."""
        ...

    def fold(self, model: str, digest: str, expected: Milliseconds, step: Fold) -> bool:
        """Record a fold if the progress still is `expected`; merge and drop old slices as `panes` says.

        Returns False, having done nothing, where another process was first.
        """
        ...

    def verdict(self, model: str, digest: str) -> bytes | None:
        """Return the newest verdict, or None before the first."""
        ...

    def history(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, bytes]]:
        """Return the verdicts kept for times from `start` to `end`: every 10 s of the last hour of event time,
        5 min of the last day, 1 h of 90 days."""
        ...

    def sources(self, model: str) -> list[SourceRecord]:
        """Return the sources heard of in the last day, by name."""
        ...

    def acknowledge(self, model: str, incident: str, at: Milliseconds, note: str) -> None:
        """Remember that somebody has seen an incident; the first to say so is kept."""
        ...

    def acknowledged(self, model: str) -> dict[str, tuple[Milliseconds, str]]:
        """Return when each incident was acknowledged, and with which note."""
        ...

    def expect(self, model: str, feature: str | None, since: Milliseconds, until: Milliseconds, note: str = "") -> None:
        """Mark that a feature, or the whole model, is expected to drift; replaces the mark it had.

        An `until` that is not after `since` takes the mark away.
        """
        ...

    def expected(self, model: str) -> list[Expectation]:
        """Return the marks that ended at most 90 days ago, that of the model first, then by feature."""
        ...

    def notified(self, model: str, key: str) -> bool:
        """Say to exactly one caller per key, over all processes, that it is the first; kept for 90 days."""
        ...

    def lease(self, model: str, owner: str, length: Milliseconds) -> bool:
        """Give the folding of a model to `owner` for `length` from now on, unless another one has it; say whether it
        has it. A length of 0 gives it up.

        This only saves work: whoever folds without it does no harm.
        """
        ...

    def attend(self, owner: str, length: Milliseconds) -> list[str]:
        """Say that a server is there for `length` from now on; return those that are, by name."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
