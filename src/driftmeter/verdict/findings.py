"""What was found in a window, in words: what rose or fell, from what to what, over how many rows.

what                           from       to         of what          over
values below 12.5, the …  rose from 0 % to 7.1 %     of the rows,     over 1,234 rows in 2 h
                          fell from 55   to 32       on average (…),  over 1,234 rows in 2 h
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isinf

from driftmeter.detectors.protocol import Cause
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import JSON, Counts
from driftmeter.verdict.figures import amount, amounts, deviations, over, percent, percents
from driftmeter.verdict.value_change import ValueChange, change_of, commonest
from driftmeter.verdict.window_cause import missing_instead

MOMENTS = ("mean", "spread", "skew", "tails")
_OF_VALUES = (*MOMENTS, "bins", "values")
"""Causes that are told by how the values changed."""
_SPECIAL = {
    bin_names.MISSING: "missing values",
    bin_names.UNREADABLE: "unreadable values, none of the feature's kind,",
    bin_names.NOT_FINITE: "infinite values",
    bin_names.UNSEEN: "categories never seen before",
    bin_names.OTHER: "rare categories",
    "vanished": "categories that are gone",
}
"""What rows in a special bin are; a bin that is not listed is called as in the grid."""
_WITHOUT_COUNTS = {
    "mean": "{rose} by {size:.2f} standard deviations of the ranks",
    "spread": "the spread of the values {rose}",
    "skew": "the skew of the values {rose}",
    "tails": "the tails of the values {rose}",
    "values": "the values changed",
    "bins": "the shares of the bins changed ({value:.1f} times as much as by chance)",
}
_FARTHER = {bin_names.BELOW: bin_names.FAR_BELOW, bin_names.ABOVE: bin_names.FAR_ABOVE}
_MOST_NAMED = 3


def finding(cause: Cause, feature: Feature | None = None) -> str:
    """Say what was found, without a verdict on it; the text begins in lower case and has no full stop.

    Without the `feature`, or without the cause's counts, no values can be told: a test's own measure then stands in.

    >>> finding(Cause("missing", False, 0.05, 0.01, 7_200_000, 1_234))
    'missing values rose from 1.0 % to 5.0 % of the rows, over 1,234 rows in 2 h'
    >>> finding(Cause("Ulm", True, 0.938, 0.1, 7_200_000, 1_234))
    "category 'Ulm' rose from 10.0 % to 93.8 % of the rows, over 1,234 rows in 2 h"
    """
    where = over(cause.rows, cause.window)
    if cause.what == "stuck" and not cause.category:
        text, is_share = _one_value(cause, feature)
        before = f"; in no such window of the reference had one value more than {percent(cause.reference)}"
        return f"{text}, {where}{before if is_share else ''}"
    if cause.what in _OF_VALUES and not cause.category:
        compared = "" if cause.usual is None else ", compared with the same hours of the reference"
        return f"{_changed(cause, feature)}{compared}, {where}"
    if cause.what in _FARTHER and not cause.category and cause.counts is not None and feature is not None:
        cause = _with_farther(cause, feature, cause.counts)
    named = f" ({_names(cause.names)})" if cause.names else ""
    gone = f", {_names(cause.gone)} vanished" if cause.gone else ""
    return f"{_rows_of(cause, feature)} {_moved(cause.reference, cause.value)} of the rows{named}{gone}, {where}"


def finding_json(cause: Cause, evidence: float, feature: Feature) -> JSON:
    """Return what was found in one of a detector's windows as plain JSON."""
    return {
        "window_seconds": cause.window / 1000,
        "rows": cause.rows,
        "evidence": round(evidence, 3),
        "effect": float(f"{cause.effect:.10g}") if evidence >= 0 else None,
        "found": finding(cause, feature),
    }


def _changed(cause: Cause, feature: Feature | None) -> str:
    """Say how the values of a number, or the shares of categories, changed."""
    if cause.counts is not None and feature is not None and cause.counts.any():
        missing = missing_instead(feature, cause.counts)
        if missing is not None:
            return f"{_rows_of(missing, feature)} {_moved(missing.reference, missing.value)} of the rows"
        change = change_of(feature, cause.counts, cause.what, cause.usual)
        if change is not None:
            return _of_change(change)
        if isinstance(feature.grid, CategoryGrid):
            return _of_category(feature, *commonest(feature, cause.counts))
    rose = "rose" if cause.value > 0 else "fell"
    return _WITHOUT_COUNTS[cause.what].format(rose=rose, value=cause.value, size=abs(cause.value))


def _of_change(change: ValueChange) -> str:
    if change.measure == "share":
        return f"{_interval(change)} {_moved(change.was, change.now)} of the values"
    was, now = amounts(change.was, change.now)
    moved = f"{'rose' if change.now > change.was else 'fell'} from {was} to {now}"
    if change.measure == "mean":
        moved = moved.replace(" to ", " to about ") if change.rough else moved
        return f"{moved} on average ({deviations(change.deviations)})"
    if change.measure == "median":
        by = f" ({deviations(change.deviations)})" if change.deviations else ""
        return f"{moved} in the median{by}"
    if change.measure == "beyond":
        side, than = ("above", "more") if change.now > change.was else ("below", "less")
        return f"{moved.replace(' to ', f' to {side} ')} in the median, {than} than the reference ever had"
    subject = "the standard deviation" if change.measure == "deviation" else "the width of the middle half"
    return f"{subject} of the values {moved}"


def _interval(change: ValueChange) -> str:
    """Name an interval of values by its ends."""
    low, high = change.low, change.high
    if low == high:
        return f"the value {amount(low)}"
    if isinf(low):
        return f"values up to {amount(high, change.scale)}"
    if isinf(high):
        return f"values from {amount(low, change.scale)} on"
    return "values from {} to {}".format(*amounts(low, high, finer=3))


def _of_category(feature: Feature, bin_: int, was: float, now: float) -> str:
    name = feature.grid.labels[bin_]
    category = isinstance(feature.grid, CategoryGrid) and bin_ < len(feature.grid.categories)
    return f"{_rows_of(Cause(name, category, now, was, 0, 0), feature)} {_moved(was, now)} of the rows"


def _one_value(cause: Cause, feature: Feature | None) -> tuple[str, bool]:
    """Say which value took over, and whether that is told as a share: a plain shift to other values is told as one."""
    if cause.counts is None or feature is None or not cause.counts.any():
        name = ("the value {}" if cause.single else "values in {}").format(cause.bin) if cause.bin else "one value"
        return f"{name} rose to {percent(cause.value)} of the rows", True
    change = change_of(feature, cause.counts, "stuck")
    if change is not None:
        return _of_change(change), change.measure == "share"
    return _of_category(feature, *commonest(feature, cause.counts, growing=True)), True


def _rows_of(cause: Cause, feature: Feature | None) -> str:
    """Name the rows in a bin."""
    if cause.category:
        if feature is not None and (feature.kind == "boolean" or feature.part is not None):
            return f"{feature.part or 'value'} {cause.what}"
        return f"category {_short(cause.what)!r}"
    if cause.what in bin_names.OUT_OF_RANGE:
        return f"values {_beyond(cause.what, feature, cause.counts is not None and bool(cause.counts.any()))}"
    if cause.what.startswith(f"{bin_names.OTHER} "):
        return f"one group of rare categories ({cause.what.removeprefix(f'{bin_names.OTHER} ')})"
    return _SPECIAL.get(cause.what, cause.what)


def _with_farther(cause: Cause, feature: Feature, counts: Counts) -> Cause:
    """Return the cause with the rows that are far out of range as well: they are out of range, too."""
    far = feature.grid.special.get(_FARTHER[cause.what])
    if far is None or not counts.any():
        return cause
    now, was = counts[far] / counts.sum(), feature.reference[far] / max(feature.reference.sum(), 1)
    return replace(cause, value=cause.value + float(now), reference=cause.reference + float(was))


def _beyond(what: str, feature: Feature | None, with_farther: bool) -> str:
    """Say what lies out of range, with the limit where the feature is known, and if those far out of it are counted."""
    if feature is None or not isinstance(feature.grid, NumericGrid):
        return f"{what} the reference's range"
    values, cuts, below = feature.unit_values, feature.grid.cuts, what in bin_names.BELOW_RANGE
    side, name = ("below", "smallest") if below else ("above", "largest")
    scale = values.high * values.unit / 10 - values.low * values.unit / 10
    far = amount((cuts[0] if below else cuts[-1]) * values.unit, scale)
    extreme = amount((values.low if below else values.high) * values.unit, scale)
    if what in (bin_names.FAR_BELOW, bin_names.FAR_ABOVE):  # a bin holds its lower cut, not its upper one
        return f"{f'below {far}' if below else f'from {far} on'}, far {side} the reference's range,"
    if with_farther:
        return f"{side} {extreme}, the reference's {name},"
    low, high = (far, extreme) if below else (extreme, far)
    return f"from {low} to {high}, {side} the reference's range,"


def _moved(was: float, now: float) -> str:
    before, after = percents(was, now)
    return f"{'fell' if now < was else 'rose'} from {before} to {after}"


def _names(names: Sequence[tuple[str, float]]) -> str:
    """List some categories with their shares if known; of many the first few, and how many more there are.

    >>> _names([("Ulm", 0.031), ("Jena", 0.0)]), _names([(name, 0.01) for name in "abcde"])
    ("'Ulm' 3.1 %, 'Jena'", "'a' 1.0 %, 'b' 1.0 %, 'c' 1.0 % and 2 more")
    """
    told = ", ".join(f"{_short(name)!r}{f' {percent(share)}' if share else ''}" for name, share in names[:_MOST_NAMED])
    return f"{told} and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else told


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"
