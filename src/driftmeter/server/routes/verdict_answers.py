"""The shapes of verdicts, as `Verdict.to_json` and `Engine.feature` write them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from driftmeter.server.routes.times import Timestamp
from driftmeter.types import Kind, Role
from driftmeter.verdict.changes import ChangeKind
from driftmeter.verdict.member import Ended
from driftmeter.verdict.severity import Severity
from driftmeter.verdict.verdict import State


class VerdictWindow(Struct):
    """The window that is shown."""

    start: Timestamp | None
    end: Timestamp | None
    panes: int


class DriftTestResult(Struct):
    """What one test says of the window."""

    statistic: float | None
    p_value: float | None


class RateResult(Struct):
    """A share of the rows, in the reference and in the window."""

    reference: float
    window: float


class FeatureChange(Struct, omit_defaults=True):
    """What kind of change a feature went through; numbers that its kind has not are left out."""

    kind: ChangeKind
    text: Annotated[str, Meta(description="What follows the feature's name: is shifted by about +12.")]
    factor: Annotated[float | None, Meta(description="A value of now is factor × one of the reference + offset.")] = (
        None
    )
    offset: float | None = None
    share: Annotated[float | None, Meta(description="The part of the values, or rows, that changed.")] = None
    value: Annotated[float | None, Meta(description="The value that they have now, or the limit.")] = None
    low: Annotated[float | None, Meta(description="The least of the values that they have now.")] = None
    high: Annotated[float | None, Meta(description="The largest of the values that they have now.")] = None
    step: Annotated[float | None, Meta(description="What values are rounded to.")] = None
    hours: Annotated[int | None, Meta(description="By how many hours they moved.")] = None
    names: Annotated[list[str] | None, Meta(description="The categories of the text.")] = None


_CHANGE = Meta(description="What kind of change it is; null: not sure.")


class IncidentMember(Struct):
    """A feature's part in an incident."""

    feature: str
    role: Role
    since: Timestamp
    since_range: Annotated[list[Timestamp], Meta(description="Between these two times it began to drift.")]
    joined: Timestamp
    over: Annotated[Timestamp | None, Meta(description="When it left the incident; `ended` says why.")]
    ended: Annotated[
        Ended | None,
        Meta(
            description="returned: its rows look like the reference again. expected, silenced: its drift was expected, "
            "or does not page by the settings, and may go on. null: it is not over."
        ),
    ]
    changed_again: Annotated[Timestamp | None, Meta(description="When it last became another change.")]
    window_seconds: float
    evidence: float
    severity: Severity
    effect: Annotated[float, Meta(description="Size of the shift in the window that alarmed.")]
    why: str
    follows: Annotated[str | None, Meta(description="The feature to blame for its drift; null: it is itself.")]
    change: Annotated[FeatureChange | None, _CHANGE]


class IncidentSummary(Struct):
    """Features that drifted together."""

    id: str
    state: Literal["open", "closed"]
    opened: Timestamp
    since: Annotated[Timestamp, Meta(description="When the first of its features began to drift.")]
    closed: Timestamp | None
    reopened: Annotated[Timestamp | None, Meta(description="When a change last returned after it had closed.")]
    severity: Annotated[Severity, Meta(description="The worst of its features.")]
    causes: Annotated[list[str], Meta(description="The features to blame for what drifts in it, worst first.")]
    summary: Annotated[str | None, Meta(description="One sentence: what is to blame, and what follows it.")]
    features: list[IncidentMember]


class FeatureState(Struct):
    """What is decided of one feature, and the scores behind it."""

    feature: str
    role: Role
    state: State
    drifting: bool
    severity: Severity
    since: Timestamp | None
    effect: Annotated[
        float | None,
        Meta(description="Size of the shift, a population stability index: in the window that alarms, or is shown."),
    ]
    p_value: float | None
    evidence: Annotated[
        float | None,
        Meta(description="log10 of how far the evidence is past the alarm threshold; null: no detector runs."),
    ]
    smallest_shift: Annotated[
        float | None,
        Meta(description="Smallest shift, in standard deviations, that could have been seen by now."),
    ]
    expected_until: Timestamp | None
    why: Annotated[str, Meta(description="One sentence.")]
    follows: Annotated[
        str | None,
        Meta(description="The feature to blame for its drift; null: it is itself, or nothing drifts."),
    ]
    change: Annotated[FeatureChange | None, _CHANGE]
    tests: dict[str, DriftTestResult]
    rates: dict[str, RateResult]


class VerdictAnswer(Struct):
    """What is decided of a model."""

    model: str
    profile: Annotated[str, Meta(description="Digest of the profile.")]
    state: Annotated[State, Meta(description="The worst state of a feature or prediction.")]
    rows: int
    window: VerdictWindow
    features_drifting: int
    features_monitored: int
    last_drift: Timestamp | None
    incident: Annotated[IncidentSummary | None, Meta(description="The newest open one.")]
    incidents_open: int
    incident_ids: Annotated[list[str], Meta(description="Ids of the open ones, oldest first.")]
    incident_oldest: Annotated[Timestamp | None, Meta(description="Since when the one that has been open longest is.")]
    causes: Annotated[list[str], Meta(description="The features to blame for all that drifts, worst first.")]
    summary: Annotated[
        str | None,
        Meta(description="One sentence: what is to blame, and what follows it; null: nothing drifts."),
    ]
    features: list[FeatureState]


class FeatureWindow(Struct):
    """A feature's scores and counts in one window."""

    start: Timestamp
    end: Timestamp
    rows: int
    effect: float | None
    p_value: float | None
    tests: dict[str, DriftTestResult]
    counts: Annotated[list[int], Meta(description="By bin.")]


class FeatureFinding(Struct):
    """What the detector found in windows of one length."""

    window_seconds: float
    rows: int
    evidence: float
    effect: Annotated[float | None, Meta(description="Size of what alarms in it; null: nothing does.")]
    found: str


class FeatureAnswer(FeatureState):
    """A feature: its verdict, its bins, its scores in each window, what the detector found."""

    kind: Kind
    bins: Annotated[list[str], Meta(description="Labels.")]
    reference: Annotated[list[int], Meta(description="Counts of the reference, by bin.")]
    windows: dict[str, FeatureWindow]
    findings: list[FeatureFinding]


class PastVerdict(VerdictAnswer):
    """A verdict of the past."""

    at: Annotated[Timestamp, Meta(description="Event time until which it holds.")]


class HistoryAnswer(Struct, rename={"start": "from", "end": "to"}):
    """Verdicts between two event times, oldest first."""

    model: str
    start: Annotated[Timestamp | None, Meta(description="Null: nothing is closed yet, and no time was asked for.")]
    end: Annotated[Timestamp | None, Meta(description="Null: nothing is closed yet, and no time was asked for.")]
    truncated: Annotated[bool, Meta(description="There are older ones, which `limit` left out.")]
    verdicts: list[PastVerdict]
