"""Why a feature is in its state: one plain sentence, for people who are woken by it."""

from __future__ import annotations

from driftmeter.detectors import Cause
from driftmeter.drift import FeatureScores
from driftmeter.profile import bin_names
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR, MINUTE, length_text
from driftmeter.types import Milliseconds
from driftmeter.verdict.readiness import NEEDED_DAYS

UNCALIBRATED = (
    "The profile has no order of time, so nothing says how much is normal: scores are shown, nothing pages. "
    "Make it with --time COLUMN, or --independent where rows really are drawn independently."
)
TOO_SHORT = (
    "The reference has too few stretches of time to learn from (12 are needed, each of a hundred rows, an hour or a "
    f"batch, and {NEEDED_DAYS} days in all): scores are shown, nothing pages."
)
CALIBRATING_LIVE = (
    "The profile has no order of time; what is normal is being learnt from live traffic, drift included: evidence is "
    "shown, nothing pages. Make a profile with --time COLUMN, or from live traffic with --from-live."
)
_SHAPES = {
    "mean": ("lower", "higher"),
    "spread": ("less spread out", "more spread out"),
    # of the third and the fourth order; which way they point nobody can picture
    "skew": ("skewed otherwise", "skewed otherwise"),
    "tails": ("of another shape", "of another shape"),
}


def span(length: Milliseconds) -> str:
    """Write a length of time in one or two words.

    >>> span(90_000), span(7_200_000), span(864_000_000)
    ('90 s', '2 h', '10 days')
    """
    return length_text(length, ((2 * DAY, DAY, "days"), (HOUR, HOUR, "h"), (2 * MINUTE, MINUTE, "min")))


def calibrating(covered: Milliseconds) -> str:
    """Say that a reference covers too little time, and how much.

    >>> calibrating(691_200_000)[:90]
    'The reference has rows of 8 days, and 12 are needed to know a normal one: evidence is show'
    """
    days = covered // 8_640_000 / 10
    return (
        f"The reference has rows of {days:g} days, and {NEEDED_DAYS} are needed to know a normal one: evidence is "
        "shown, nothing pages."
    )


def finding(cause: Cause) -> str:
    """Say what a detector found, without a verdict on it."""
    over = f"over {cause.rows:,} rows in {span(cause.window)}"
    shares = f"{_percent(cause.value)} of the rows against {_percent(cause.reference)} in the reference"
    if cause.category:
        return f"category {cause.what!r} has {shares}, {over}"
    if cause.what in _SHAPES:
        word = _SHAPES[cause.what][cause.value > 0]
        if cause.what == "mean":
            return f"values are {abs(cause.value):.2f} standard deviations {word} than the reference, {over}"
        return f"values are {word} than the reference's (by {abs(cause.value):.2f} standard deviations of that), {over}"
    if cause.what == "bins":
        return f"the distribution has another shape ({cause.value:.1f} times what chance gives), {over}"
    if cause.what == "stuck":
        return (
            f"one value has {cause.value:.0%} of the rows, {over}; in no such window of the reference had one more "
            f"than {cause.reference:.0%}"
        )
    names = {
        bin_names.UNSEEN: "in a category never seen before",
        bin_names.BELOW: "below the reference's range",
        bin_names.ABOVE: "above the reference's range",
        bin_names.FAR_BELOW: "far below the reference's range",
        bin_names.FAR_ABOVE: "far above the reference's range",
    }
    if cause.what == bin_names.OTHER:
        return f"{shares} are in rare categories, {over}"
    group = cause.what.removeprefix(f"{bin_names.OTHER} ")
    if group != cause.what:
        return f"{shares} are in one group of rare categories ({group}), {over}"
    if cause.what == bin_names.UNREADABLE:
        return f"{shares} are unreadable, no value of the feature's kind, {over}"
    return f"{shares} are {names.get(cause.what, cause.what)}, {over}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.1f} %"


def drifting(cause: Cause | None) -> str:
    """Say why a feature drifts."""
    return "It drifts." if cause is None else _sentence(finding(cause))


def pending(cause: Cause | None) -> str:
    """Say what is suspicious."""
    return _sentence(f"not sure enough yet: {finding(cause)}") if cause else "Not sure enough yet."


def ok(inside: bool, cause: Cause | None) -> str:
    """Say that nothing is wrong, or only so little that it does not matter."""
    if inside:
        found = f": {finding(cause)}" if cause is not None and cause.what in _SHAPES and not cause.category else ""
        return _sentence(f"it has moved for sure, by less than the tolerance{found}")
    return "Nothing beyond chance and tolerance."


def latched() -> str:
    """Say that a feature is quiet again while its incident is open."""
    return "Quiet again; its incident stays open until it has been so for a day."


def insufficient(smallest: float | None) -> str:
    """Say what is too little to judge, and what could be seen by now."""
    if smallest is None:
        return "Too few rows so far to judge anything."
    return (
        f"Too little to judge by so far: only a shift of more than {smallest:.2g} standard deviations would stand out "
        "from what is normal."
    )


_RATES = {
    "missing": "of the rows are missing",
    "unreadable": "of the rows are unreadable, no value of the feature's kind,",
    "unseen": "of the values are in a category never seen before",
    "out_of_range": "of the values are out of the reference's range or not finite",
}
_TELLING = 0.01
"""A rate that has changed by so much, or by more than the effect, is what a sentence tells of."""


def of_window(state: str, scores: FeatureScores, rows: int, settings: ModelSettings) -> str:
    """Say why a window that is judged by itself has its state, and which rate has changed most."""
    if state == "insufficient":
        return f"{rows:,} rows are too few to judge; {settings.min_rows:,} are needed."
    size = f"effect {scores.effect:.2g}, p-value {scores.p_value:.2g}"
    if state == "drifting":
        return f"The window differs beyond chance and tolerance: {_rate(scores)}{size}."
    return f"Nothing beyond chance and tolerance: {size}."


def _rate(scores: FeatureScores) -> str:
    """Name the share that has changed most, where it is one of rows that are special; nothing where none has."""
    found = [
        # missing ones may also be fewer
        (
            abs(now - before) if name == "missing" else now - before,
            f"{_percent(now)} {_RATES[name]} against {_percent(before)} in the reference",
        )
        for name, (before, now) in scores.rates.items()
    ]
    found.append((scores.vanished, f"categories that held {_percent(scores.vanished)} of the reference are gone"))
    change, text = max(found)
    return f"{text}; " if change > 0 and change >= min(_TELLING, scores.effect) else ""


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
