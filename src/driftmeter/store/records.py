"""The values that go into a store and come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.timestamps import DAY
from driftmeter.types import Milliseconds

HISTORY_STEP: Milliseconds = 10_000
"""The store keeps at most one verdict for each such step of event time."""
LONGEST_LEASE: Milliseconds = 60_000
"""The longest valid lease. One that ends later was taken before the clock was set back, and is ignored."""


@dataclass(frozen=True)
class ModelRecord:
    """A model as the store keeps it.

    - `digest`: the active profile, whose verdict counts.
    - `newest`: the profile that rows are counted by. `panes.rollover` says when it becomes the active one.
    - `frozen`: the watermark. All panes that end by then are closed.
    - `settings`: the bytes given to `Store.configure`, None if the model was never configured.
    - `folded`: the end of the last slice that the active profile's fold contains.
    - `holder`: the server that holds the lease on folding now.
    - `returned`: when servers began to close panes again after an absence, 0 if they were never absent.
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
    """A write: the pane of one source, with all rows that the source has counted in it so far."""

    model: str
    pane: Pane


@dataclass(frozen=True)
class AddRows:
    """A write: rows to add to the panes of `source`, all or none of them, once for each `key`.

    - `parts`: the rows of each pane, with the start of the pane. A part without rows is a correction: it moves values
      of rows that were added before from one bin to another, and has negative counts.
    - `key`: the idempotency key, kept for `key_life`. Rows without a key count again when the batch is sent again.
    - `fingerprint`: tells a retry from another batch under the same key; any bytes, which come back as `Receipt.used`.
    - `length`: the length of the panes; None stands for the model's own timing.
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
    key_life: Milliseconds = DAY


Write = PutPane | AddRows


@dataclass(frozen=True)
class Receipt:
    """The outcome of a write that is now durable.

    - `late`: rows that came after their pane was frozen, and values that a correction would have moved there. They are
      in no window.
    - `duplicate`: the same write was counted before.
    - `used`: the fingerprint that came first under the key, if one had come.
    - `conflict`: the key was used for another batch. Nothing was written.
    - `added`, `added_late`: rows, and late rows among them, that no earlier write contained. Summed over all replicas
      they are the rows that were sent, however often each was sent.
    - `dropped`: rows that the source dropped itself, by reason; `unreadable`: values that it could not read, by column.
      Both are counted like `added`: only what is new with this write.
    """

    late: int = 0
    duplicate: bool = False
    conflict: bool = False
    added: int = 0
    added_late: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, int] = field(default_factory=dict)
    used: bytes = b""


@dataclass(frozen=True)
class Progress:
    """How far a profile's slices are folded, and the state of the fold. The store does not read `state`."""

    folded: Milliseconds = 0
    state: bytes = b""


@dataclass(frozen=True)
class Fold:
    """The outcome of folding one slice: the new progress, and the verdict as JSON for the event time `at`."""

    progress: Progress
    verdict: bytes
    at: Milliseconds
