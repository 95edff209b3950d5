"""The session: what a monitor has learnt from the metric server, and what follows from it. No request, no thread.

Whether profile and timing are up to date:

                      GET profile or PUT profile: 2xx
      +----------+ -------------------------------------> +---------+
  --> | outdated |                                        | current |
      +----------+ <------------------------------------- +---------+
                      the server refused a pane or a heartbeat,
                      does not have the profile, or names a newer one

Whether the server knows this source:

      +---------+   a pane is taken    +----------+  HEARTBEAT s without contact: a pane without new rows
  --> | unknown | -------------------> | reported |  close: a final pane
      +---------+                      +----------+
"""

from __future__ import annotations

from dataclasses import dataclass

from driftmeter.client.intake import Intake
from driftmeter.client.no_fork import NO_FORK
from driftmeter.client.servertime import ServerTime
from driftmeter.client.transport import Answer, AwayError
from driftmeter.errors import InputError
from driftmeter.panes.pane import PaneKey
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.types import JSON, Milliseconds

HEARTBEAT = 15.0
"""Seconds without a report after which a source that has reported once sends a pane without new rows."""
KEEP_PANES: Milliseconds = 10_000
"""How long after its lateness a pane is kept for rows that come later still."""

_HEADERS = {
    "digest": "driftmeter-digest",
    "time_ms": "driftmeter-time",
    "pane_ms": "driftmeter-pane",
    "lateness_ms": "driftmeter-lateness",
    "unseen_texts": "driftmeter-unseen-texts",
}


@dataclass(frozen=True)
class CountingTerms:
    """What is needed to count rows: the profile's tables, the length of panes, and the server's time."""

    intake: Intake
    timing: Timing
    offset: float
    """Milliseconds to add to the local clock in milliseconds."""
    now: Milliseconds
    """The server's time."""

    @property
    def current_pane(self) -> PaneKey:
        """The pane that holds the server's time."""
        return PaneKey(self.timing.pane_start(self.now), self.timing.pane, self.intake.digest)


class Session:
    """Profile, timing and time of the server, as far as they are known. For one thread."""

    def __init__(self, given: Profile | None, *, unseen_texts: bool = True) -> None:
        """Start outdated and unknown. `given` is the monitor's own profile; without one it follows the server's.

        Without `unseen_texts` no text of an unseen category is ever sent.
        """
        self.given = given
        self._unseen_texts = unseen_texts
        self._takes_texts = False
        self.intake: Intake | None = None
        self.timing: Timing | None = None
        self.server_time = ServerTime()
        self.outdated = True
        self.last_contact: float | None = None
        """Local time in seconds when the server last took a pane, or refused a heartbeat."""

    @property
    def reported(self) -> bool:
        """Whether the server has ever taken a pane."""
        return self.last_contact is not None

    @property
    def sends_texts(self) -> bool:
        """Whether texts of unseen categories may be sent: the server has said that it wants them."""
        return self._unseen_texts and self._takes_texts

    def terms(self, moment: float) -> CountingTerms | None:
        """Return what rows are counted by at a local moment in seconds; None while something is not known yet."""
        offset = self.server_time.offset
        if self.intake is None or self.timing is None or offset is None:
            return None
        return CountingTerms(self.intake, self.timing, offset, self.server_time.at(moment))

    def compile_given(self) -> None:
        """Compile the tables of the given profile, once; do nothing if there is none."""
        if self.intake is None and self.given:
            with NO_FORK:
                self.intake = Intake(self.given)

    def learn(self, answer: Answer, content: JSON | None = None) -> str:
        """Take time and timing from an answer's JSON `content`, or from its headers; return the active digest.

        A session that follows the server's profile is outdated if the digest is not that of its own.
        Raises AwayError if something is missing: the answer is not that of a metric server.
        """
        if content is None:
            content = {name: answer.headers.get(header) for name, header in _HEADERS.items()}
        try:
            server = int(content["time_ms"])
            timing = Timing(int(content["pane_ms"]), int(content["lateness_ms"]))
            digest = str(content["digest"])
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise AwayError(f"no answer of a metric server: {type(error).__name__}: {error}") from error
        self.server_time.sample(answer.sent, answer.received, server)
        self.timing = timing
        # a server that does not say so is an older one
        self._takes_texts = str(content.get("unseen_texts")).lower() == "true"
        if self.given is None and self.intake and digest != self.intake.digest:
            self.outdated = True
        return digest

    def lacks(self, digest: str) -> bool:
        """Return whether the server's profile of this digest has to replace the one that rows are counted by."""
        return self.given is None and (self.intake is None or self.intake.digest != digest)

    def heartbeat_due(self, moment: float) -> bool:
        """Return whether a source that has reported was silent for HEARTBEAT seconds."""
        return self.last_contact is not None and moment - self.last_contact >= HEARTBEAT

    def forget_before(self, moment: float) -> Milliseconds | None:
        """Return the time (server, ms) before which panes are let go of; None while the timing is not known."""
        if self.timing is None:
            return None
        return self.server_time.at(moment) - self.timing.lateness - KEEP_PANES
