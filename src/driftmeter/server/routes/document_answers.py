"""The shapes of the documents behind the page, as the room `page` makes them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from driftmeter.server.routes.expected import MarkEntry
from driftmeter.server.routes.incidents import IncidentAnswer
from driftmeter.server.routes.models import Causes, RowsPerSecond, Sentence, Since
from driftmeter.server.routes.times import Timestamp
from driftmeter.server.routes.verdict_answers import FeatureAnswer, FeatureChange, VerdictWindow
from driftmeter.types import Kind, Role
from driftmeter.verdict.severity import Severity
from driftmeter.verdict.verdict import State

Follows = Annotated[str | None, Meta(description="The feature to blame for this one's drift; null: itself, or none.")]
Change = Annotated[FeatureChange | None, Meta(description="What kind of change it is; null: not sure.")]


class SourceCounts(Struct):
    """How many sources there are."""

    live: int
    silent: int
    closed: int


class StateStrip(Struct):
    """The states of a model over time, in steps of one length."""

    start: Timestamp
    step_seconds: float
    states: Annotated[
        list[State | None],
        Meta(description="Of the last verdict in each step; drifting while an incident was open; null: no verdict."),
    ]
    rows: list[int]


class Density(Struct):
    """A distribution as at most 32 points from 0 to 255, in reference and window by one measure."""

    bars: Annotated[bool, Meta(description="The points are categories, or single values.")]
    reference: list[int]
    now: list[int]


class OverviewFeature(Struct):
    """A feature as the overview has it."""

    feature: str
    role: Role
    kind: Kind
    column: str
    state: State
    severity: Severity
    effect: float | None
    evidence: float | None
    since: Timestamp | None
    why: str
    follows: Follows
    change: Change
    importance: Annotated[float | None, Meta(description="0 to 1, by the settings; null: not known.")]
    pages: Annotated[bool, Meta(description="Whether its drift may open an incident.")]
    density: Density


class OverviewAnswer(Struct):
    """A model at a glance: its state, its last day and month, and its features, the worst cause first."""

    model: str
    profile: Annotated[str, Meta(description="Digest of the profile.")]
    at: Annotated[Timestamp, Meta(description="The store's time.")]
    state: State
    since: Since
    severity: Annotated[Severity, Meta(description="The worst of what drifts.")]
    summary: Sentence
    causes: Causes
    rows: int
    rows_per_second: RowsPerSecond
    coverage: Annotated[float | None, Meta(description="Share of the rows seen lately that is in the verdicts.")]
    window: VerdictWindow
    closed: Annotated[Timestamp | None, Meta(description="Until when event time is closed.")]
    pane_seconds: float
    stale_after_seconds: Annotated[
        float, Meta(description="How far `closed` may lie behind the time where sources send live.")
    ]
    sources: SourceCounts
    hours: StateStrip
    days: StateStrip
    incidents: list[IncidentAnswer]
    expected: list[MarkEntry]
    features: list[OverviewFeature]


class RowsApart(Struct):
    """Rows that have no place of their own on the axis, or among the categories."""

    name: str
    label: str
    reference: int
    now: int


class RowsBeyond(RowsApart):
    """The same of a number."""

    drawn: Annotated[bool, Meta(description="They are between the first or the last two edges, too.")]


class AtomRows(Struct):
    """The rows of a value that has a bin by itself."""

    value: float
    reference: int
    now: int


class Quantiles(Struct):
    """Values below which shares of the rows lie; null where there are no rows."""

    levels: list[float]
    reference: list[float] | None
    now: list[float] | None


class NumericShape(Struct, tag_field="kind", tag="numeric"):
    """The distribution of a number: rows between edges, rows of single values, rows apart."""

    scale: Literal["linear", "log"]
    edges: Annotated[list[float], Meta(description="One more than there are intervals, or none.")]
    reference: Annotated[list[int], Meta(description="Rows of the reference, by interval.")]
    now: Annotated[list[int], Meta(description="Rows of the window, by interval.")]
    atoms: list[AtomRows]
    apart: list[RowsBeyond]
    quantiles: Quantiles
    reference_rows: int
    now_rows: int


class CategoryRows(Struct):
    """The rows of a category."""

    name: str
    reference: int
    now: int


class OtherCategories(Struct):
    """The categories that are not listed."""

    categories: int
    reference: int
    now: int


class NewCategory(Struct):
    """A category that the reference never held."""

    name: str
    rows: int


class CategoryShape(Struct, tag_field="kind", tag="category"):
    """The distribution of a category: rows by name, the most changed first, rows apart."""

    categories: list[CategoryRows]
    others: OtherCategories | None
    apart: list[RowsApart]
    new: Annotated[list[NewCategory], Meta(description="A sample; they are in `unseen`, too.")]
    reference_rows: int
    now_rows: int


class ScoreLine(Struct):
    """A score, and the limit that it is compared with."""

    test: str
    statistic: float | None
    p_value: float | None
    unit: str
    of: Annotated[
        Literal["statistic", "p_value"] | None, Meta(description="What the threshold is of: p is below, else above.")
    ]
    threshold: float | None
    drifting: Annotated[bool | None, Meta(description="Whether it is past its threshold; null: it has none.")]
    what: Annotated[str, Meta(description="What it measures.")]


class FeaturePageAnswer(FeatureAnswer):
    """A feature: its verdict, bins, scores and findings, its distribution, and each score with its limit."""

    at: Annotated[Timestamp | None, Meta(description="The end of the window of the past; null: it is the newest.")]
    column: str
    shape: NumericShape | CategoryShape
    scores: list[ScoreLine]


class Period(Struct):
    """The times of the first and the last row of a reference."""

    start: Timestamp
    end: Timestamp
    days: float


class Calibrated(Struct):
    """How a reference says what change is normal."""

    lengths_seconds: Annotated[list[float], Meta(description="The windows whose variation it knows.")]
    days: Annotated[float, Meta(description="How much time it stands for.")]


class ProfiledFeature(Struct):
    """What a profile made of a column."""

    feature: str
    column: str
    role: Role
    kind: Kind
    part: Annotated[str | None, Meta(description="hour or weekday, of a date-time column.")]
    zone: Annotated[str | None, Meta(description="By whose clocks.")]
    bins: int
    missing: Annotated[float, Meta(description="Share of the rows.")]
    atoms: Annotated[int | None, Meta(description="Values that have a bin by themselves; null: of a category.")]
    distinct: Annotated[int | None, Meta(description="Number of values; null: not known.")]
    explained: Annotated[float | None, Meta(description="Of a residual: what the other columns explain, R².")]
    notes: list[str]


class ColumnLeftOut(Struct):
    """A column that is not monitored."""

    column: str
    why: str


class ProfileSummaryAnswer(Struct):
    """What a profile made of each column, and what it knows of time."""

    model: str
    profile: Annotated[str, Meta(description="Digest of the profile.")]
    rows: int
    period: Annotated[Period | None, Meta(description="Null: its rows have no times.")]
    time: str | None
    time_format: str | None
    zone: str | None
    independent: bool
    calibrated: Calibrated | None
    alarms: Annotated[str, Meta(description="Whether it knows what is normal, and what that means for alarms.")]
    na: list[str]
    notes: list[str]
    features: list[ProfiledFeature]
    left_out: list[ColumnLeftOut]


class Trend(Struct):
    """A feature over time, by step; null where there was no verdict."""

    evidence: list[float | None]
    effect: list[float | None]
    drifting: list[int | None]


class TrendsAnswer(Struct):
    """All features over time, in steps of one length."""

    start: Timestamp
    step_seconds: float
    features: dict[str, Trend]


class Bands(Struct):
    """Quantiles of a number, by step."""

    p05: list[float | None]
    p25: list[float | None]
    p50: list[float | None]
    p75: list[float | None]
    p95: list[float | None]


class CategoryTrend(Struct):
    """A category over time."""

    name: str
    reference: Annotated[float, Meta(description="Its share of the reference.")]
    share: Annotated[list[float | None], Meta(description="Its share of the rows, by step.")]


class FeatureIncident(Struct):
    """An incident that a feature was in."""

    id: str
    since: Annotated[Timestamp, Meta(description="When the feature began to drift.")]
    opened: Timestamp
    closed: Timestamp | None


class TimelineAnswer(Struct):
    """A feature over time, in steps of one length; null where there is nothing."""

    start: Timestamp
    step_seconds: float
    feature: str
    at: Annotated[list[Timestamp], Meta(description="When each step ends, the last one now at the latest.")]
    evidence: list[float | None]
    effect: list[float | None]
    drifting: list[int | None]
    rows: list[int]
    missing: Annotated[list[float | None], Meta(description="Share of the rows.")]
    outside: Annotated[list[float | None], Meta(description="Share of rows out of the range, or of new categories.")]
    bands: Annotated[Bands | None, Meta(description="Of a number.")]
    top: Annotated[list[CategoryTrend] | None, Meta(description="Of a category: those with the largest shares.")]
    incidents: list[FeatureIncident]
