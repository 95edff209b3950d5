"""The text of a notice on an incident. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from driftmeter.types import JSON
from driftmeter.verdict.severity import rank, worst_severity
from driftmeter.verdict.summary import lasting_of, summary_of

Event = Literal["opened", "worse", "closed", "reopened", "changed", "reminder"]

_VERBS: dict[Event, str] = {
    "opened": "drifts",
    "worse": "now drifts by much more",
    "closed": "no longer drifts",
    "reopened": "drifts again",
    "changed": "still drifts, and has changed again",
    "reminder": "still drifts",
}
_FIRST: dict[Event, tuple[str, str]] = {
    "opened": ("{} no longer looks like its reference data.", "sure of it at"),
    "worse": ("{} no longer looks like its reference data.", "much worse at"),
    "reopened": ("{} looks again as it did in an incident that had closed.", "sure of it at"),
    "changed": ("{} drifts otherwise than when the incident opened, and not like its reference data.", "sure of it at"),
    "reminder": ("{} still does not look like its reference data.", "as of"),
}
_ENDED = {
    "expected": "Drift was expected",
    "silenced": "Does not page by the settings",
    "returned": "Looks like its reference data again",
}
_MOST_LISTED = 10
_LONGEST_WHY, _LONGEST_NAME, _LONGEST_SUMMARY = 300, 80, 600
_HARMLESS = str.maketrans("<>@", "\u2039\u203a\uff20")


@dataclass(frozen=True)
class Drifting:
    """A feature of an incident; `why` is a sentence, or empty; `ended` is why it is over, and `follows` whom it
    follows, as in `Member`."""

    name: str
    role: str
    severity: str
    since: str
    evidence: float | None
    why: str
    ended: str | None = None
    follows: str | None = None

    @classmethod
    def of(cls, feature: JSON) -> Drifting:
        """Read an incident's feature as JSON; every key but `feature` may be missing."""
        name = _one_line(feature["feature"], _LONGEST_NAME)
        # it may quote live data: in a chat `<!channel>` and `@all` would call people
        why = _one_line(feature.get("why") or "", _LONGEST_WHY).translate(_HARMLESS)
        role, severity = feature.get("role") or "feature", feature.get("severity") or "slight"
        since, ended = feature.get("since") or "", feature.get("ended")
        follows = feature.get("follows")
        return cls(
            name,
            role,
            severity,
            since,
            feature.get("evidence"),
            why,
            ended,
            None if follows is None else _one_line(follows, _LONGEST_NAME),
        )

    @property
    def may_go_on(self) -> bool:
        """Say whether it left its incident although its drift may go on."""
        return self.ended in ("expected", "silenced")

    @property
    def order(self) -> tuple[bool, bool, int, float, str, str]:
        """The key to sort by: causes first, then derived features after the others, worst first."""
        evidence = float("-inf") if self.evidence is None else self.evidence
        return self.follows is not None, self.role == "derived", -rank(self.severity), -evidence, self.since, self.name

    @property
    def line(self) -> str:
        """The feature, its severity and why, in one line."""
        role = "" if self.role == "feature" else f" ({self.role})"
        if self.follows is not None:
            return f"- {self.name}{role}, {self.severity}: follows {self.follows}"
        return f"- {self.name}{role}, {self.severity}: {self.why or f'drifts since {_when(self.since)}'}"


@dataclass(frozen=True)
class Notice:
    """What became of an incident; times in ISO 8601, features worst first, `url` of the metric server.

    It opened, became major, closed, was reopened since a change returned, or changed again while it was open. A
    reminder is of all that are open: `incident` is the oldest of them, `features` are those of all.

    An `overtaken` incident closed because another profile took over: its features may still drift by that profile.
    `reopened` is when the incident last was. `summary` is one sentence on what is to blame and what follows, empty
    where nothing follows. `incident_json` is the incident itself, for programs.
    """

    model: str
    incident: str
    event: Event
    at: str
    since: str
    features: tuple[Drifting, ...]
    url: str | None = None
    overtaken: bool = False
    reopened: str | None = None
    summary: str = ""
    incident_json: JSON = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(
        cls, model: str, incident: JSON, event: Event, at: str, url: str | None = None, *, overtaken: bool = False
    ) -> Notice:
        """Make the notice of an incident as JSON."""
        reopened = incident.get("reopened")
        lasting = lasting_of(incident["features"])
        names = {feature["feature"] for feature in lasting}
        # whom a feature follows may be over: then it is to blame itself
        alone = [feature["feature"] for feature in lasting if feature.get("follows") not in names]
        told = ({**one, "follows": None} if one["feature"] in alone else one for one in incident["features"])
        features = tuple(sorted(map(Drifting.of, told), key=lambda drifting: drifting.order))
        follow = len(alone) < len(lasting)
        # as a sentence of `why`, it may quote live data
        summary = _one_line(summary_of(lasting) or "", _LONGEST_SUMMARY).translate(_HARMLESS) if follow else ""
        since, json = incident["since"], dict(incident)
        return cls(model, incident["id"], event, at, since, features, url, overtaken, reopened, summary, json)

    @property
    def key(self) -> str:
        """A name that is unique within the model, and the same on every replica."""
        if self.event == "reminder":
            return f"reminder:{self.at[:10]}"
        # an incident that was reopened closes again
        when = self.at if self.event in ("reopened", "changed") else self.reopened
        return f"{self.incident}:{self.event}" + (f":{when}" if when else "")

    @property
    def kind(self) -> str:
        """The severity in apprise's words."""
        if self.event == "closed":
            return "info" if self.overtaken or self._may_go_on else "success"
        if self.event == "reminder":
            return "info"
        return "failure" if any(feature.severity == "major" for feature in self.features) else "warning"

    @property
    def title(self) -> str:
        """One line that names the model and the features."""
        blamed = [feature for feature in self.features if feature.follows is None]
        names = [feature.name for feature in self._may_go_on or blamed or self.features]
        if len(names) > 3:
            names = [*names[:2], f"{len(names) - 2} more"]
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        verb = _VERBS[self.event]
        if self.overtaken:
            verb = "goes by another profile, which closes an incident"
        elif self._may_go_on:
            verb = "may still drift, an incident is closed"
        return f"driftmeter: {_one_line(self.model, _LONGEST_NAME)} {verb}" + (f": {listed}" if listed else "")

    @property
    def body(self) -> str:
        """What happened, since when, how bad it is, why, and what to do: for a reader who has just been woken."""
        return "\n".join([*(self._closed() if self.event == "closed" else self._opened()), "", *self._next_steps()])

    @property
    def _may_go_on(self) -> list[Drifting]:
        """The features whose drift may go on although their incident is closed by this profile."""
        closes = self.event == "closed" and not self.overtaken
        return [feature for feature in self.features if feature.may_go_on] if closes else []

    def _opened(self) -> list[str]:
        worst = worst_severity(feature.severity for feature in self.features)
        hidden = len(self.features) - _MOST_LISTED
        first, known = _FIRST[self.event]
        follow = any(feature.follows is not None for feature in self.features)
        return [
            first.format(f"What model {self.model} is asked to predict on"),
            *([self.summary] if self.summary else []),
            "",
            f"Since: {_when(self.since)} ({known} {_when(self.at)})",
            f"How bad: {worst}",
            f"Features: {len(self.features)}, {'what is to blame first' if follow else 'worst first'}",
            *(feature.line for feature in self.features[:_MOST_LISTED]),
            *([f"- and {hidden} more"] if hidden > 0 else []),
        ]

    def _closed(self) -> list[str]:
        why, at = f"What model {self.model} is asked to predict on looks like its reference data again.", "Over"
        if self.overtaken:
            why, at = f"Another profile took over from the one by which model {self.model} drifted.", "Closed"
        elif self._may_go_on:
            why = f"An incident of model {self.model} is closed, but its drift is not known to be over and may go on."
            at = "Closed"
        return [why, "", f"Since: {_when(self.since)}", f"{at} at: {_when(self.at)}", *self._ended()]

    def _ended(self) -> list[str]:
        """List the features of a closed incident; where the drift of some may go on, by why they are over."""
        if not self._may_go_on:
            return [_listed("Features", self.features)]
        of_reason = {
            text: [feature for feature in self.features if (feature.ended or "returned") == ended]
            for ended, text in _ENDED.items()
        }
        return [_listed(text, features) for text, features in of_reason.items() if features]

    def _next_steps(self) -> list[str]:
        path = f"/v1/models/{quote(self.model, safe='')}/report"
        report = f"{self.url.rstrip('/')}{path}" if self.url else f"{path} on the metric server"
        if self.overtaken:
            return [f"Whether the model drifts by the new one, the report says: {report}"]
        if self._may_go_on:
            expected = any(feature.ended == "expected" for feature in self.features)
            again = ["What still drifts when it is no longer expected pages again."] if expected else []
            return [*again, f"The report: {report}"]
        if self.event == "closed":
            return [f"Nothing is left to do. The report: {report}"]
        if self.event == "reminder":
            return [
                f"It ends when the data is as before; to end it now, mark the drift as expected (driftmeter expect "
                f"{shlex.quote(self.model)}), or make recent traffic the reference (driftmeter profile --from-live).",
                f"The report: {report}",
            ]
        return [
            f"What to do: see in the report what changed, {report}",
            "and look for what was deployed, or what delivers these features, shortly before it began.",
            f"To say that you are on it: driftmeter acknowledge {shlex.quote(self.model)} {shlex.quote(self.incident)}",
        ]


def notices(
    model: str, before: Iterable[JSON], after: Iterable[JSON], url: str | None = None, now: str | None = None
) -> list[Notice]:
    """Return a notice of all that became of incidents between two lists of them as JSON, oldest first.

    `worse` is told of an incident that is major at the time `now` and was not before.
    """
    earlier = {incident["id"]: incident for incident in before}
    changes = []
    for incident in after:
        former = earlier.get(incident["id"])
        returned = former is not None and incident.get("reopened") != former.get("reopened")
        changed = _changed_again(incident)
        if former is None:
            changes.append(Notice.of(model, incident, "opened", incident["opened"], url))
        elif returned:
            changes.append(Notice.of(model, incident, "reopened", incident["reopened"], url))
        elif changed is not None and changed != _changed_again(former):
            changes.append(Notice.of(model, incident, "changed", changed, url))
        elif now and incident["state"] == "open" and _worst(former) != "major" == _worst(incident):
            changes.append(Notice.of(model, incident, "worse", now, url))
        if incident["state"] == "closed" and (former is None or returned or former["state"] != "closed"):
            changes.append(Notice.of(model, incident, "closed", incident["closed"], url))
    return sorted(changes, key=lambda notice: notice.at)


def reminder(model: str, incidents: Iterable[JSON], at: str, url: str | None = None) -> Notice | None:
    """Return one notice of all incidents as JSON that are open `at` a time, None if none is."""
    still_open = sorted((one for one in incidents if one["state"] == "open"), key=lambda one: str(one["since"]))
    if not still_open:
        return None
    lasting = [feature for one in still_open for feature in one["features"] if feature.get("over") is None]
    return Notice.of(model, {**still_open[0], "features": lasting}, "reminder", at, url)


def _changed_again(incident: JSON) -> str | None:
    """Return when a feature of an incident last became another change, None if none ever did."""
    times = (feature.get("changed_again") for feature in incident["features"])
    return max((time for time in times if time is not None), default=None)


def _listed(what: str, features: Sequence[Drifting]) -> str:
    """Write the names of features in one line, the first ones of many."""
    rest = f" and {len(features) - _MOST_LISTED} more" if len(features) > _MOST_LISTED else ""
    return f"{what}: {', '.join(feature.name for feature in features[:_MOST_LISTED])}{rest}"


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
