"""The reporter: the requests by which one source reports to the metric tier. No thread and no schedule."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from driftmeter.client.faults import Faults
from driftmeter.client.intake import Intake
from driftmeter.client.no_fork import NO_FORK
from driftmeter.client.pipeline import Pipeline
from driftmeter.client.session import Session
from driftmeter.client.transport import JSON_TYPE, PANE_TYPE, Answer, AwayError, Transport, model_path
from driftmeter.errors import ProfileFormatError
from driftmeter.panes.codec import encode_pane
from driftmeter.panes.pane import Pane, PaneKey
from driftmeter.profile.profile import Profile

GOODBYE_TIMEOUT = 1.0
"""Seconds, at most, for the final pane: nothing is lost with it."""

# The answer is about credentials or the moment, not about the data: the same request may succeed later.
_TEMPORARY = frozenset([401, 403, 408, 425, 429])


class Reporter:
    """Sends what the pipeline has counted, and keeps the session up to date."""

    def __init__(
        self,
        pipeline: Pipeline,
        session: Session,
        transport: Transport,
        faults: Faults,
        *,
        model: str,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        """Send nothing yet. `timeout` is in seconds, for one request."""
        self._pipeline, self._session, self._transport, self._faults = pipeline, session, transport, faults
        self._model, self._timeout, self._clock = model, timeout, clock
        self.deadline: float | None = None
        """Local time in seconds by which all requests must end, if the monitor is closing."""
        self.requests = 0

    def exchange(self) -> None:
        """Send every pane that changed, and a heartbeat if it is due.

        Raises AwayError if the tier can't take it now.
        """
        if self._session.outdated:
            self._fetch_profile()
        self._pipeline.drain()
        self._report_losses()
        with self._pipeline.locked_ledger() as ledger:
            unsent = ledger.unsent()
        for key in unsent:
            self._send(key)
            if self._session.outdated:
                self._fetch_profile()
            self._pipeline.drain()
        before = self._session.forget_before(self._clock())
        if before is not None:
            with self._pipeline.locked_ledger() as ledger:
                ledger.forget(before)
        if self.deadline is None and self._session.heartbeat_due(self._clock()):
            self._send_heartbeat()

    def send_goodbye(self) -> None:
        """Tell a tier that knows this source that it goes; call it last, once everything is settled."""
        if not self._session.reported:
            return
        end = self._clock() + GOODBYE_TIMEOUT
        self.deadline = end if self.deadline is None else min(self.deadline, end)
        with suppress(AwayError):
            self._send_heartbeat(final=True)

    def close(self) -> None:
        """Let go of connections."""
        self._transport.close()

    def _report_losses(self) -> None:
        """Mark a pane as unsent if losses are to be reported and no row was counted."""
        terms = self._session.terms(self._clock())
        if terms:
            with self._pipeline.locked_ledger() as ledger:
                ledger.carry_losses(terms.current_pane, terms.intake.profile.bins)

    def _send_heartbeat(self, *, final: bool = False) -> None:
        """Send a pane without new rows; raises AwayError if the tier can't take it now."""
        terms = self._session.terms(self._clock())
        if terms is None:
            return
        with self._pipeline.locked_ledger() as ledger:
            pane = ledger.heartbeat(terms.current_pane, terms.intake.profile.bins, final=final)
        if pane is None:
            return
        answer = self._put_pane(pane)
        self._session.last_contact = self._clock()
        # a tier that does not know the model (any more) is told when there are rows for it
        if not answer.ok and answer.status != 404:
            self._session.outdated = True
            self._faults.warn("refused", f"the metric server refused a pane without new rows: {answer.describe()}")

    def _send(self, key: PaneKey) -> None:
        """Send one pane until it is taken or refused; raises AwayError if the tier can't take it now."""
        with self._pipeline.locked_ledger() as ledger:
            pane = ledger.pane(key)
        if pane is None:  # it made room for a newer one meanwhile
            return
        answer = self._put_pane(pane)
        if answer.status == 404 and self._register(pane.digest):
            answer = self._put_pane(pane)
        if answer.ok:
            return
        with self._pipeline.locked_ledger() as ledger:
            lost = ledger.refuse(key)
        self._session.outdated = True  # the timing may have changed
        self._faults.warn("refused", f"the metric server refused a pane, {lost} rows are lost: {answer.describe()}")

    def _put_pane(self, pane: Pane) -> Answer:
        """Send a pane and return the answer; a pane that was taken is booked as acknowledged.

        Any other answer refuses the pane for good. Raises AwayError if the answer does neither.
        """
        if not self._session.sends_texts:
            pane = pane.without_texts()
        path = model_path(self._model, "panes", str(pane.start), pane.source)
        answer = self._request("PUT", path, encode_pane(pane), PANE_TYPE)
        if answer.ok:
            content = answer.json()
            late = content.get("late")
            with self._pipeline.locked_ledger() as ledger:
                ledger.acknowledge(pane, late if isinstance(late, int) else 0)
            self._session.last_contact = self._clock()
            self._session.learn(answer, content)
        elif answer.status == 404 and not answer.problem:
            raise AwayError(f"no metric server there: {answer.describe()}")
        elif not _is_final(answer):
            raise answer.away()
        return answer

    def _fetch_profile(self) -> None:
        """Learn the model's profile and timing, or register the given profile; raises AwayError without either."""
        answer = self._request("GET", model_path(self._model, "profile"), None, "")
        given = self._session.given
        if answer.status == 404 and answer.problem:
            if given is None:
                raise AwayError(f"model {self._model!r} has no profile yet: register one, or give one to Monitor")
            if not self._register(given.digest):
                raise AwayError("the metric server refused the profile")
            return
        if not answer.ok:
            raise answer.away()
        digest = self._session.learn(answer)
        if self._session.lacks(digest):
            try:
                with NO_FORK:
                    intake = Intake(Profile.loads(answer.body))
            except ProfileFormatError as error:
                raise AwayError(f"the metric server's profile can't be read: {error}") from error
            self._pipeline.switch(intake)
        self._session.outdated = False

    def _register(self, digest: str) -> bool:
        """Register the given profile if it has this digest; return whether the server has it now.

        Many sources may do so at once: the same profile again changes nothing.
        """
        given = self._session.given
        if given is None or given.digest != digest:
            self._session.outdated = True
            return False
        answer = self._request("PUT", model_path(self._model, "profile"), given.dumps(), JSON_TYPE)
        if answer.ok:
            self._session.learn(answer, answer.json())
            self._session.outdated = False
            return True
        if not _is_final(answer):
            raise answer.away()
        self._faults.warn("refused", f"the metric server refused the profile: {answer.describe()}")
        return False

    def _request(self, method: str, path: str, body: bytes | None, content_type: str) -> Answer:
        timeout = self._timeout
        if self.deadline is not None:
            timeout = min(timeout, self.deadline - self._clock())
            if timeout <= 0:
                raise AwayError("out of time")
        self.requests += 1
        return self._transport(method, path, body, content_type, timeout)


def _is_final(answer: Answer) -> bool:
    """Return whether the server refuses this request for good: the same one would be refused again."""
    return 400 <= answer.status < 500 and answer.status not in _TEMPORARY
