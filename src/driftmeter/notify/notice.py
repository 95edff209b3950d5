"""The text of a notice on an incident. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from driftmeter.types import JSON
from driftmeter.verdict.severity import rank, worst_severity

Event = Literal["opened", "worse", "closed"]

_MOST_LISTED = 10
_LONGEST_WHY, _LONGEST_NAME = 300, 80


@dataclass(frozen=True)
class Drifting:
    """A feature of an incident; `why` is a sentence, or empty."""

    name: str
    role: str
    severity: str
    since: str
    evidence: float | None
    why: str

    @classmethod
    def of(cls, feature: JSON) -> Drifting:
        """Read an incident's feature as JSON; every key but `feature` may be missing."""
        name, why = _one_line(feature["feature"], _LONGEST_NAME), _one_line(feature.get("why") or "", _LONGEST_WHY)
        role, severity = feature.get("role") or "feature", feature.get("severity") or "slight"
        return cls(name, role, severity, feature.get("since") or "", feature.get("evidence"), why)

    @property
    def order(self) -> tuple[bool, int, float, str, str]:
        """The key to sort by: worst first, derived features after the others."""
        evidence = float("-inf") if self.evidence is None else self.evidence
        return self.role == "derived", -rank(self.severity), -evidence, self.since, self.name

    @property
    def line(self) -> str:
        """The feature, its severity and why, in one line."""
        role = "" if self.role == "feature" else f" ({self.role})"
        return f"- {self.name}{role}, {self.severity}: {self.why or f'drifts since {_when(self.since)}'}"


@dataclass(frozen=True)
class Notice:
    """An incident that opened, became major, or closed; times in ISO 8601, features worst first, `url` of the server.

    An `overtaken` incident closed because another profile took over: its features may still drift by that profile.
    """

    model: str
    incident: str
    event: Event
    at: str
    since: str
    features: tuple[Drifting, ...]
    url: str | None = None
    overtaken: bool = False

    @classmethod
    def of(
        cls, model: str, incident: JSON, event: Event, at: str, url: str | None = None, *, overtaken: bool = False
    ) -> Notice:
        """Make the notice of an incident as JSON."""
        features = tuple(sorted(map(Drifting.of, incident["features"]), key=lambda drifting: drifting.order))
        return cls(model, incident["id"], event, at, incident["since"], features, url, overtaken)

    @property
    def key(self) -> str:
        """A name that is unique within the model, and the same on every replica."""
        return f"{self.incident}:{self.event}"

    @property
    def kind(self) -> str:
        """The severity in apprise's words."""
        if self.event == "closed":
            return "info" if self.overtaken else "success"
        return "failure" if any(feature.severity == "major" for feature in self.features) else "warning"

    @property
    def title(self) -> str:
        """One line that names the model and the features."""
        names = [feature.name for feature in self.features]
        if len(names) > 3:
            names = [*names[:2], f"{len(names) - 2} more"]
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        verb = {"opened": "drifts", "worse": "now drifts by much more", "closed": "no longer drifts"}[self.event]
        if self.overtaken:
            verb = "goes by another profile, which closes an incident"
        return f"driftmeter: {_one_line(self.model, _LONGEST_NAME)} {verb}" + (f": {listed}" if listed else "")

    @property
    def body(self) -> str:
        """What happened, since when, how bad it is, why, and what to do: for a reader who has just been woken."""
        return "\n".join([*(self._closed() if self.event == "closed" else self._opened()), "", *self._next_steps()])

    def _opened(self) -> list[str]:
        worst = worst_severity(feature.severity for feature in self.features)
        known = "sure of it" if self.event == "opened" else "much worse"
        hidden = len(self.features) - _MOST_LISTED
        return [
            f"What model {self.model} is asked to predict on no longer looks like its reference data.",
            "",
            f"Since: {_when(self.since)} ({known} at {_when(self.at)})",
            f"How bad: {worst}",
            f"Features: {len(self.features)}, worst first",
            *(feature.line for feature in self.features[:_MOST_LISTED]),
            *([f"- and {hidden} more"] if hidden > 0 else []),
        ]

    def _closed(self) -> list[str]:
        names = [feature.name for feature in self.features]
        rest = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
        why = f"What model {self.model} is asked to predict on looks like its reference data again."
        if self.overtaken:
            why = f"Another profile took over from the one by which model {self.model} drifted."
        return [
            why,
            "",
            f"Since: {_when(self.since)}",
            f"{'Closed' if self.overtaken else 'Over'} at: {_when(self.at)}",
            f"Features: {', '.join(names[:_MOST_LISTED])}{rest}",
        ]

    def _next_steps(self) -> list[str]:
        path = f"/v1/models/{quote(self.model, safe='')}/report"
        report = f"{self.url.rstrip('/')}{path}" if self.url else f"{path} on the metric server"
        if self.overtaken:
            return [f"Whether the model drifts by the new one, the report says: {report}"]
        if self.event == "closed":
            return [f"Nothing is left to do. The report: {report}"]
        return [
            f"What to do: see in the report what changed, {report}",
            "and look for what was deployed, or what delivers these features, shortly before it began.",
            f"To say that you are on it: driftmeter acknowledge {shlex.quote(self.model)} {shlex.quote(self.incident)}",
        ]


def notices(
    model: str, before: Iterable[JSON], after: Iterable[JSON], url: str | None = None, now: str | None = None
) -> list[Notice]:
    """Return a notice for each incident that changed between two lists of incidents as JSON, oldest first.

    It opened, closed, or is major at the time `now` and was not before.
    """
    earlier = {incident["id"]: incident for incident in before}
    changes = []
    for incident in after:
        known = earlier.get(incident["id"])
        if known is None:
            changes.append(Notice.of(model, incident, "opened", incident["opened"], url))
        elif now and incident["state"] == "open" and _worst(known) != "major" == _worst(incident):
            changes.append(Notice.of(model, incident, "worse", now, url))
        if incident["state"] == "closed" and (known is None or known["state"] != "closed"):
            changes.append(Notice.of(model, incident, "closed", incident["closed"], url))
    return sorted(changes, key=lambda notice: notice.at)


def _one_line(text: str, longest: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _worst(incident: JSON) -> str:
    return worst_severity(feature.get("severity") or "slight" for feature in incident["features"])


def _when(time: str) -> str:
    """Write an ISO 8601 time for people.

    >>> _when("2026-11-23T08:12:30.000Z")
    '2026-11-23 08:12:30 UTC'
    """
    return f"{time[:10]} {time[11:19]} UTC"
