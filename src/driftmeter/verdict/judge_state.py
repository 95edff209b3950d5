"""The judge's state: what one slice hands to the next, and its bytes.

The bytes are the length of a head (4 bytes, little-endian), the head as JSON, and the detector's own bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from driftmeter.detectors import Detector
from driftmeter.errors import StoreError
from driftmeter.profile.calibration import Calibration
from driftmeter.timestamps import DAY
from driftmeter.types import Milliseconds
from driftmeter.verdict.incidents import Incident
from driftmeter.verdict.recent_texts import RecentTexts

_HEAD = struct.Struct("<I")
_VERSION = 2
"""Of what the head holds; heads of version 1 do not say it."""

LONGEST_GAP: Milliseconds = DAY // 2
"""A longer gap between panes counts as this much on the clock of incidents, unless panes are usually farther apart."""


@dataclass(frozen=True, eq=False)
class JudgeState:
    """What one slice hands to the next.

    `detector` is the detector's state, None where no detector runs. `flagged` maps each feature that drifts to the time
    since when it does. `last_drift` is the end of the last pane at which a feature or prediction drifted. `incidents`
    are all that are kept, oldest first. `last` is the end of the last pane. `clock` is event time in which a gap counts
    as half a day at most, or as a usual pane if that is longer: a fault is not over because no rows come. `expected`
    maps each feature with an expected drift to the end of that expectation. `texts` are the unseen texts that came
    last.
    """

    detector: Any = None
    flagged: Mapping[str, Milliseconds] = field(default_factory=dict)
    last_drift: Milliseconds | None = None
    incidents: tuple[Incident, ...] = ()
    last: Milliseconds = 0
    clock: Milliseconds = 0
    expected: Mapping[str, Milliseconds] = field(default_factory=dict)
    texts: RecentTexts = field(default_factory=RecentTexts)

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        """The incidents that are open, oldest first."""
        return tuple(incident for incident in self.incidents if incident.closed is None)


def clock_after(clock: Milliseconds, last: Milliseconds, end: Milliseconds, pace: Milliseconds) -> Milliseconds:
    """Return the clock of incidents after a pane that ends at `end`; the one before ended at `last`, 0 if none did.

    `pace` is the event time of a usual pane, in ms.

    >>> clock_after(0, last=DAY, end=9 * DAY, pace=1) == LONGEST_GAP
    True
    """
    return clock + min(end - last, max(LONGEST_GAP, pace)) if last else clock


def dump_state(state: JudgeState, detector: Detector[Any] | None, live_calibration: Calibration | None) -> bytes:
    """Serialise a state; equal states give equal bytes.

    `detector` is the detector that made it, `live_calibration` the calibration that this detector was made with, if it
    was learnt from live traffic.
    """
    head = {
        "version": _VERSION,
        "detector": None if detector is None else detector.name,
        "flagged": dict(sorted(state.flagged.items())),
        "last_drift": state.last_drift,
        "incidents": [incident.dump() for incident in state.incidents],
        "warm": None if live_calibration is None else live_calibration.to_json(),
        "last": state.last,
        "clock": state.clock,
        "expected": dict(sorted(state.expected.items())),
        "texts": state.texts.dump(),
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    body = b"" if detector is None else detector.dumps(state.detector)
    return _HEAD.pack(len(text)) + text + body


def load_state(data: bytes, detector: Detector[Any] | None) -> JudgeState:
    """Read what `dump_state` wrote; no bytes are the state before the first slice.

    A state that another detector made keeps its incidents, and lets `detector` begin anew. Raises StoreError on
    anything else.
    """
    if not data:
        return JudgeState(None if detector is None else detector.start())
    try:
        head, body = _split(data)
        if _version(head) != _VERSION:
            raise ValueError(f"expected version {_VERSION}, got {_version(head)}")
        detector_state = None
        if detector is not None:
            same = head["detector"] == detector.name
            detector_state = detector.loads(body) if same else detector.start()
        return JudgeState(
            detector=detector_state,
            flagged=head["flagged"],
            last_drift=head["last_drift"],
            incidents=tuple(map(Incident.load, head["incidents"])),
            last=head["last"],
            clock=head["clock"],
            expected=head["expected"],
            texts=RecentTexts.load(head.get("texts", ())),
        )
    except (struct.error, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the judge's state cannot be read: {error}") from error


def live_calibration_in(data: bytes) -> Calibration | None:
    """Return the calibration by live traffic that a state was made with, None where there is none."""
    content = _split(data)[0]["warm"] if data else None
    return None if content is None else Calibration.from_json(content)


def incidents_in(data: bytes) -> tuple[Incident, ...]:
    """Return the incidents of a state, oldest first; no bytes have none.

    Nor has a state that another version wrote: its profile is of that version too, and by the next one everything is
    judged anew.
    """
    head = _split(data)[0] if data else {}
    return tuple(map(Incident.load, head["incidents"])) if _version(head) == _VERSION else ()


def _version(head: Mapping[str, Any]) -> int:
    return int(head.get("version", 1))


def _split(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the head of a state, and the detector's bytes."""
    (length,) = _HEAD.unpack_from(data)
    return json.loads(data[_HEAD.size : _HEAD.size + length]), data[_HEAD.size + length :]
