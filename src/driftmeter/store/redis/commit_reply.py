"""What commit.lua answers: one small type for each outcome."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from driftmeter.panes.totals import SourceTotals
from driftmeter.timestamps import DAY
from driftmeter.types import Milliseconds


class ModelState(NamedTuple):
    """What a process has to know of a model to write to it: identity, watermark, length of its panes; and the time."""

    now: Milliseconds
    born: bytes
    barrier: Milliseconds
    length: Milliseconds


@dataclass(frozen=True)
class UsedKey:
    """What the store keeps of an idempotency key: the batch that came under it, and how many of its rows were late.

    A key is kept for `life`.
    """

    fingerprint: bytes
    late: int
    life: Milliseconds = DAY


class PaneReply(NamedTuple):
    """The outcome of one pane; `totals_text` are the totals that its source had reported before, empty if none."""

    duplicate: bool
    late: int
    added: int
    added_late: int
    totals_text: bytes

    @property
    def totals_before(self) -> SourceTotals:
        """The totals that the source had reported before."""
        return SourceTotals.from_json(json.loads(self.totals_text)) if self.totals_text else SourceTotals()


@dataclass(frozen=True)
class ModelMissing:
    """There is no such model; nothing was written."""


@dataclass(frozen=True)
class ProfileMissing:
    """The model has no such profile; nothing was written."""

    digest: str


@dataclass(frozen=True)
class SumsBehind:
    """The store has more of this process's sums than the process itself, which was set back; nothing was written."""


@dataclass(frozen=True)
class ModelChanged:
    """The message was made for another state of the model, or brings keys that were used; nothing was written."""

    state: ModelState
    used_keys: Mapping[str, UsedKey]


@dataclass(frozen=True)
class WritesMade:
    """Everything was written; `panes` are in the order of the message."""

    state: ModelState
    panes: tuple[PaneReply, ...]


CommitReply = ModelMissing | ProfileMissing | SumsBehind | ModelChanged | WritesMade


def parse_commit_reply(reply: Sequence[Any]) -> CommitReply:
    """Read a reply of commit.lua; raises ValueError on anything else.

    >>> parse_commit_reply([b"unknown profile", b"0f3a"])
    ProfileMissing(digest='0f3a')
    """
    match reply:
        case [b"written", now, born, barrier, length, panes]:
            return WritesMade(ModelState(int(now), born, int(barrier), int(length)), tuple(map(_pane, panes)))
        case [b"unknown model"]:
            return ModelMissing()
        case [b"unknown profile", digest]:
            return ProfileMissing(digest.decode())
        case [b"behind"]:
            return SumsBehind()
        case [b"changed", now, born, barrier, length, used_keys]:
            keys = {key.decode(): UsedKey(fingerprint, int(late)) for key, fingerprint, late in used_keys}
            return ModelChanged(ModelState(int(now), born, int(barrier), int(length)), keys)
    raise ValueError(f"expected a reply of commit.lua, got {reply!r}")


def _pane(reply: Sequence[Any]) -> PaneReply:
    duplicate, late, added, added_late, totals_text = reply
    return PaneReply(bool(duplicate), late, added, added_late, totals_text)
