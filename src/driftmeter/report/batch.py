"""Compare a frame with a profile: the whole frame is one window, counted and judged as live rows are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from driftmeter.binning import Binner
from driftmeter.errors import InputError
from driftmeter.frames import as_frame, columns_of
from driftmeter.panes import Window
from driftmeter.profile import Profile
from driftmeter.reading import with_numbers
from driftmeter.report.page import render_html
from driftmeter.rows import Reader, Rejected
from driftmeter.settings import ModelSettings
from driftmeter.summary import Summary
from driftmeter.types import JSON
from driftmeter.verdict import Verdict, judge_window, scorer_of

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

_BLOCK = 100_000
"""Rows typed at once, so that a frame of any length needs little memory besides its own."""
MOST_NAMED = 20


@dataclass(frozen=True)
class Unreadable:
    """What could not be read: the number of rows, which count nowhere, and the first values."""

    rows: int = 0
    first: tuple[Rejected, ...] = ()

    def to_json(self) -> JSON:
        """Plain JSON."""
        return {"rows": self.rows, "first": [each.to_json() for each in self.first]}


@dataclass(frozen=True)
class Report:
    """The verdict on a frame, its counts, and what of the frame was not as the profile expects.

    `absent` are the profile's columns that the frame lacks, all of whose values count as missing; `ignored`
    are the frame's columns that the profile does not know.
    """

    profile: Profile
    verdict: Verdict
    rejected: Unreadable
    absent: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def drifting(self) -> bool:
        """Whether any feature or prediction drifts."""
        return self.verdict.state == "drifting"

    @property
    def rows(self) -> int:
        """Rows that were counted."""
        return self.verdict.window.summary.rows

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was not as the profile expects."""
        notes = [f"Column {name!r} is not in the data: all its values count as missing." for name in self.absent]
        if self.rejected.rows:
            notes.append(f"{self.rejected.rows:,} rows could not be read and are not counted.")
            notes += [
                f"Row {each.row}, {each.field}: expected {each.expected}, got {each.got}."
                for each in self.rejected.first[:3]
            ]
        if self.ignored:
            notes.append(f"The profile does not know these columns: {_some(self.ignored)}.")
        if self.verdict.state == "insufficient":
            notes.append(f"{self.rows:,} rows are too few to judge.")
        return tuple(notes)

    def counts(self) -> dict[str, list[int]]:
        """Return the counts of each feature, over the bins of its grid."""
        counts = self.verdict.window.summary.counts
        return {feature.name: counts[part].tolist() for feature, part in self.profile.slices()}

    def to_json(self) -> JSON:
        """The public words of a verdict, and `rejected`, `absent` and `ignored` besides."""
        return {
            **self.verdict.to_json(),
            "rejected": self.rejected.to_json(),
            "absent": list(self.absent),
            "ignored": list(self.ignored),
        }

    def to_html(self) -> str:
        """Return a page that needs nothing besides itself."""
        return render_html(self.profile, self.verdict.to_json(), self.counts(), notes=self.notes)


def compare(profile: Profile, frame: IntoFrame, *, settings: ModelSettings | None = None) -> Report:
    """Judge a pandas, polars or pyarrow frame by a profile, as one window.

    Text in a numeric feature's column is read cell by cell; what holds no number is rejected with its row.
    Of `settings` only tolerances, `tests`, `false_discovery_rate` and `min_rows` mean anything here: there is one
    window.
    Raises InputError where the frame has no rows or none of the profile's columns, TypeError where it is no frame.

    >>> import polars
    >>> reference = polars.DataFrame({"age": [float(age) for age in range(20, 70)] * 20})
    >>> profile = Profile.fit(reference, model="credit")
    >>> compare(profile, reference).drifting, compare(profile, reference + 30).drifting
    (False, True)
    """
    data = as_frame(frame)
    reader, binner = Reader(profile), Binner(profile)
    absent = tuple(name for name in reader.names if name not in data.columns)
    if len(absent) == len(reader.names):
        raise InputError("data", f"columns of the profile ({_some(reader.names)})", _some(data.columns) or "no columns")
    if len(data) == 0:
        raise InputError("data", "rows", "none")
    summary, rejected = Summary.zero(profile.bins), Unreadable()
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        rows, bad, _ = reader.read_columns(with_numbers(columns_of(block, reader.names), profile))
        summary += binner.observe(rows)
        rejected = _and(rejected, len(block) - len(rows), bad, start)
    ignored = tuple(name for name in data.columns if name not in reader.names and name not in profile.left_out)
    return Report(profile, _verdict(profile, summary, settings or ModelSettings()), rejected, absent, ignored)


def _verdict(profile: Profile, summary: Summary, settings: ModelSettings) -> Verdict:
    """Judge one window that has no place in time."""
    window = Window(0, 0, 0, summary)
    return judge_window(profile, scorer_of(profile, settings).scores(summary.counts), window, settings)


def _and(before: Unreadable, rows: int, bad: Sequence[Rejected], start: int) -> Unreadable:
    room = MOST_NAMED - len(before.first)
    ordered = sorted(bad, key=lambda each: each.row)[: max(room, 0)]
    moved = tuple(replace(each, row=each.row + start) for each in ordered)
    return Unreadable(before.rows + rows, before.first + moved)


def _some(names: Sequence[Any]) -> str:
    return ", ".join(map(str, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
