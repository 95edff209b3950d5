"""What is committed with the offset of a partition: what the next owner needs to count on as if it were the same."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from driftmeter.panes.totals import SourceTotals
from driftmeter.timestamps import LATEST
from driftmeter.types import Milliseconds

VERSION = 1
MOST_BYTES = 4096
"""What a broker takes by default (`offset.metadata.max.bytes`)."""
_MOST_GIVEN_UP = 50


@dataclass(frozen=True)
class Snapshot:
    """A partition as it was before the record at `offset`.

    `latest` is the latest event time so far, `horizon` the event time whose panes had ended for good, both 0 before the
    first row; `totals` are of all rows before.
    """

    offset: int
    latest: Milliseconds = 0
    horizon: Milliseconds = 0
    totals: SourceTotals = field(default_factory=SourceTotals)
    calls: Milliseconds = 0
    """The latest time of a request or an answer, where these come apart."""


@dataclass(frozen=True)
class Resume:
    """From where to read on, and what is known of what was read from there before.

    Reading starts at `start.offset`, the first offset of the oldest pane that was open. From there to `position` there
    were so many `records`, and all panes of their rows are in the store; those that end by `settled` change no more.
    `length` is that of the panes; `idle` says that no rows were waiting. `generation` counts how often the rows could
    not be read again.
    """

    start: Snapshot
    position: int
    records: int = 0
    settled: Milliseconds = 0
    length: Milliseconds = 0
    generation: int = 0
    idle: bool = False
    given_up: tuple[int, ...] = ()
    """Offsets from `start` on at which nothing came, so that requests were counted without their answers."""

    def dumps(self) -> str:
        """Write everything but the offset itself, in at most MOST_BYTES bytes: unreadable values are left out first.

        >>> Resume(Snapshot(5), 9).dumps()[:39]
        '{"driftmeter":1,"position":9,"records":'
        """
        text = self._dumps()
        if len(text) > MOST_BYTES:
            totals = replace(self.start.totals, unreadable={})
            text = replace(self, start=replace(self.start, totals=totals))._dumps()
        return text

    def _dumps(self) -> str:
        content = {
            "driftmeter": VERSION,
            "position": self.position,
            "records": self.records,
            "settled": self.settled,
            "length": self.length,
            "generation": self.generation,
            "idle": self.idle,
            **({"given_up": list(self.given_up[-_MOST_GIVEN_UP:])} if self.given_up else {}),
            "latest": self.start.latest,
            **({"calls": self.start.calls} if self.start.calls else {}),
            "horizon": self.start.horizon,
            "totals": self.start.totals.to_json(),
        }
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def loads(cls, offset: int, text: str | None) -> Resume:
        """Read what was committed at an offset; text of something else stands for nothing but the offset."""
        try:
            content = json.loads(text or "")
            if content["driftmeter"] != VERSION:
                return cls(Snapshot(offset), offset)
            times = {name: _whole(content[name], LATEST) for name in ("latest", "horizon", "settled", "length")}
            totals, calls = SourceTotals.from_json(content["totals"]), _whole(content.get("calls", 0), LATEST)
            start = Snapshot(offset, times["latest"], times["horizon"], totals, calls)
            return cls(
                start,
                max(offset, _whole(content["position"])),
                _whole(content["records"]),
                times["settled"],
                times["length"],
                _whole(content["generation"]),
                bool(content["idle"]),
                tuple(map(_whole, content.get("given_up", ()))),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return cls(Snapshot(offset), offset)

    @property
    def watermark(self) -> Milliseconds:
        """The event time of which the partition had promised that nothing earlier comes."""
        return max(self.settled, self.start.horizon)


def _whole(value: Any, most: int = 2**62) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"expected a whole number, got {value!r}")
    return value
