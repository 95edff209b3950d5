"""Compare a frame with a profile: the whole frame is one window, counted and judged as live rows are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.data.blocks import blocks_of
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.data.rejected import Rejected
from driftmeter.errors import InputError, near_names
from driftmeter.page.order import in_order
from driftmeter.panes.windows import Window
from driftmeter.profile.profile import Profile
from driftmeter.report.documents import feature_view, report_page
from driftmeter.report.junit import junit
from driftmeter.report.markdown import markdown
from driftmeter.report.new_categories import NewCategories
from driftmeter.report.notebook import notebook
from driftmeter.report.openlineage import run_event
from driftmeter.report.picture import picture
from driftmeter.settings.model import ModelSettings
from driftmeter.types import JSON
from driftmeter.verdict.figures import percent
from driftmeter.verdict.scorer import scorer_of
from driftmeter.verdict.severity import Severity
from driftmeter.verdict.verdict import Verdict
from driftmeter.verdict.window_judge import judge_window

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

_BLOCK, _LEAST_BLOCK = 100_000, 1_000
"""Rows read at once: a frame of any length needs little memory besides its own."""
_CELLS = 2_000_000
"""Cells read at once: fewer rows of many columns."""
MOST_NAMED = 3
"""Unreadable values that are reported of each column."""


@dataclass(frozen=True)
class UnreadableValues:
    """Values that could not be read: how many by column, and the first of each column."""

    columns: Mapping[str, int] = field(default_factory=dict)
    first: tuple[Rejected, ...] = ()

    @property
    def values(self) -> int:
        """The number of values that could not be read."""
        return sum(self.columns.values())

    def to_json(self) -> JSON:
        """Return it as plain JSON."""
        return {
            "values": self.values,
            "columns": dict(self.columns),
            "first": [rejected.to_json() for rejected in self.first],
        }


@dataclass(frozen=True)
class Report:
    """The verdict on a frame, its counts, and where the frame differs from what the profile expects.

    `absent` names the profile's columns that the frame lacks: all their values count as missing. `ignored` names
    the frame's columns that the profile does not know. `settings` are what it was judged by; `new` has the rows of each
    new category by feature.
    """

    profile: Profile
    verdict: Verdict
    unreadable: UnreadableValues
    absent: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    settings: ModelSettings = field(default_factory=ModelSettings)
    new: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def drifting(self) -> bool:
        """Whether any feature or prediction drifts."""
        return self.verdict.state == "drifting"

    @property
    def rows(self) -> int:
        """The number of rows that were counted."""
        return self.verdict.window.summary.rows

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that say where the frame differs from what the profile expects."""
        notes = [f"Column {name!r} is not in the data: all its values count as missing." for name in self.absent]
        for name, values in self.unreadable.columns.items():
            examples = [f"{bad.got} in row {bad.row}" for bad in self.unreadable.first if bad.field == name][:3]
            such_as = f", such as {', '.join(examples)}" if examples else ""
            share = percent(values / self.rows)
            notes.append(f"Column {name!r}: {values:,} of {self.rows:,} values ({share}) cannot be read{such_as}.")
        if self.ignored:
            notes.append(f"The profile does not know these columns: {_listed(self.ignored)}.")
        if self.verdict.state == "insufficient":
            notes.append(f"{self.rows:,} rows are too few to judge.")
        return tuple(notes)

    def counts(self) -> dict[str, list[int]]:
        """Return the counts of each feature, over the bins of its grid."""
        counts = self.verdict.window.summary.counts
        return {feature.name: counts[part].tolist() for feature, part in self.profile.slices()}

    def to_json(self) -> JSON:
        """Return the verdict as its public JSON, with `unreadable`, `absent` and `ignored` added."""
        return {
            **self.verdict.to_json(),
            "unreadable": self.unreadable.to_json(),
            "absent": list(self.absent),
            "ignored": list(self.ignored),
        }

    def to_html(self) -> str:
        """Return the report as one page of HTML that fetches nothing."""
        summary = self.verdict.window.summary
        return report_page(self.profile, self.settings, self.verdict.to_json(), summary.counts, self.new, self.notes)

    def to_svg(self, feature: str | None = None) -> str:
        """Return a picture of one feature as SVG, by default of the worst. Raises InputError for an unknown name."""
        features = in_order(self.verdict.to_json()["features"], {})
        if feature is None:
            feature = features[0]["feature"]
        names = [one["feature"] for one in features]
        if feature not in names:
            near = near_names(feature, names, 3) or names[:8]
            raise InputError("feature", f"one of the profile's features, such as {_listed(near)}", repr(feature))
        described, part = next(pair for pair in self.profile.slices() if pair[0].name == feature)
        counts = self.verdict.window.summary.counts[part]
        verdict = features[names.index(feature)]
        return picture(feature_view(described, self.settings, verdict, counts, self.new.get(feature, {})))

    def _repr_html_(self) -> str:
        return notebook(self)

    def to_markdown(self) -> str:
        """Return the report as Markdown, for a pull request or the summary of a CI job."""
        verdict = self.verdict.to_json()
        return markdown(verdict, in_order(verdict["features"], {}), self.notes)

    def to_junit(self, *, fail_from: Severity = "slight") -> str:
        """Return the report as JUnit XML: a test for each feature, failed if it drifts at least as badly as said."""
        verdict = self.verdict.to_json()
        return junit(verdict, in_order(verdict["features"], {}), self.notes, fail_from=fail_from)

    def to_openlineage(self, dataset: tuple[str, str], *, run: str, at: str, fail_from: Severity = "slight") -> JSON:
        """Return the report as an OpenLineage run event: a test and an assertion for each feature.

        `dataset` is namespace and name of what was judged, `run` a UUID, `at` the time of the event in ISO 8601.
        """
        verdict = self.verdict.to_json()
        columns = {feature.name: feature.column for feature in self.profile.features}
        features = in_order(verdict["features"], {})
        return run_event(verdict, features, columns, dataset=dataset, run=run, at=at, fail_from=fail_from)


def compare(profile: Profile, frame: IntoFrame, *, settings: ModelSettings | None = None) -> Report:
    """Judge a pandas, polars or pyarrow frame by a profile, as one window.

    Text in a numeric feature's column is read cell by cell; text that holds no number counts as unreadable.
    Of `settings` tolerances, `tests`, `false_discovery_rate`, `min_rows` and `unseen_texts` matter, as there is one
    window. Raises InputError if the frame has no rows or none of the profile's columns, TypeError if it is not a frame.

    >>> import polars
    >>> reference = polars.DataFrame({"age": [float(age) for age in range(20, 70)] * 20})
    >>> profile = Profile.fit(reference, model="credit")
    >>> compare(profile, reference).drifting, compare(profile, reference + 30).drifting
    (False, True)
    """
    data = as_frame(frame)
    return compare_batches(profile, data.columns, [data], settings=settings)


def compare_batches(
    profile: Profile, names: Sequence[str], frames: Iterable[IntoFrame], *, settings: ModelSettings | None = None
) -> Report:
    """Judge a frame that comes in parts, as `compare` does; only some of its rows are in memory at a time.

    `names` are all of its columns, of which the parts may lack those that the profile does not know; they may grow
    while the parts are read, as in a log. The report is the same however the frame is cut.
    """
    settings = settings or ModelSettings()
    reader, binner = Reader(profile, unseen_texts=False), Binner(profile)
    if not set(names) & set(reader.names):
        raise InputError("data", f"columns of the profile ({_listed(reader.names)})", _listed(names) or "no columns")
    summary, unreadable = Summary.zero(profile.bins), UnreadableValues()
    new = NewCategories(reader.categorical if settings.unseen_texts else ())  # of all rows, where samples have some
    size = max(_LEAST_BLOCK, min(_BLOCK, _CELLS // len(reader.names)))
    for block in blocks_of(map(as_frame, frames), size):
        columns = columns_of(block, reader.names)
        rows, rejected, _ = reader.read_columns(columns)
        new.add(columns, rows)
        unreadable = _added(unreadable, reader.unreadable(rows), rejected, summary.rows)
        summary += binner.observe(rows)
    if not summary.rows:
        raise InputError("data", "rows", "none")
    unreadable = _in_order(unreadable, reader.names)
    absent = tuple(name for name in reader.names if name not in names)
    ignored = tuple(name for name in names if name not in reader.names and name not in profile.left_out)
    verdict = _verdict(profile, summary, settings, new)
    return Report(profile, verdict, unreadable, absent, ignored, settings, new.rows())


def _verdict(profile: Profile, summary: Summary, settings: ModelSettings, new: NewCategories) -> Verdict:
    """Judge one window that has no place in time."""
    window = Window(0, 0, 0, summary)
    scores = scorer_of(profile, settings).scores(summary.counts)
    return judge_window(profile, scores, window, settings, new.shares(summary.rows))


def _added(
    before: UnreadableValues, columns: Mapping[str, int], rejected: Sequence[Rejected], start: int
) -> UnreadableValues:
    """Add what could not be read of a block of rows that begins at row `start` of the frame."""
    total = {name: before.columns.get(name, 0) + columns.get(name, 0) for name in {**before.columns, **columns}}
    first = list(before.first)
    for value in rejected:
        if sum(earlier.field == value.field for earlier in first) < MOST_NAMED:
            first.append(replace(value, row=value.row + start))
    return UnreadableValues(total, tuple(first))


def _in_order(unreadable: UnreadableValues, names: Sequence[str]) -> UnreadableValues:
    """Return it column by column, as in `names`, whichever block had the first value of each."""
    place = {name: number for number, name in enumerate(names)}
    columns = {name: unreadable.columns[name] for name in names if name in unreadable.columns}
    return UnreadableValues(columns, tuple(sorted(unreadable.first, key=lambda value: place[value.field])))


def _listed(names: Sequence[Any]) -> str:
    return ", ".join(str(name) or "one without a name" for name in names[:8]) + (
        f" and {len(names) - 8} more" if len(names) > 8 else ""
    )
