"""Why a feature is in its state: one plain sentence each, for the person on call."""

from __future__ import annotations

from driftmeter.detectors import Cause
from driftmeter.drift import FeatureScores
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR, MINUTE, length_text
from driftmeter.types import Milliseconds
from driftmeter.verdict.readiness import NEEDED_DAYS

# --- before features can be judged

NO_ORDER_OF_TIME = (
    "The profile has no order of time, so nothing says how much is normal: scores are shown, nothing pages. "
    "Make it with --time COLUMN, or --independent where rows really are drawn independently."
)
REFERENCE_TOO_SHORT = (
    "The reference has too few stretches of time to learn from (12 are needed, each of a hundred rows, an hour or a "
    f"batch, and {NEEDED_DAYS} days in all): scores are shown, nothing pages."
)
LEARNING_FROM_LIVE = (
    "The profile has no order of time; what is normal is being learnt from live traffic, drift included: evidence is "
    "shown, nothing pages. Make a profile with --time COLUMN, or from live traffic with --from-live."
)


def too_few_days(covered: Milliseconds) -> str:
    """Say that a reference covers too little time, and how much.

    >>> too_few_days(691_200_000)[:90]
    'The reference has rows of 8 days, and 12 are needed to know a normal one: evidence is show'
    """
    days = covered // 8_640_000 / 10
    return (
        f"The reference has rows of {days:g} days, and {NEEDED_DAYS} are needed to know a normal one: evidence is "
        "shown, nothing pages."
    )


# --- what a detector found

_MOMENTS = {
    "mean": ("lower", "higher"),
    "spread": ("less spread out", "more spread out"),
    # the third and the fourth moment: few readers can picture in which direction they changed
    "skew": ("skewed otherwise", "skewed otherwise"),
    "tails": ("of another shape", "of another shape"),
}
"""The words for a moment of the values that is below and above the reference's."""

_RARE_BINS = {
    "unseen": "in a category never seen before",
    "below": "below the reference's range",
    "above": "above the reference's range",
    "far below": "far below the reference's range",
    "far above": "far above the reference's range",
    "other": "in rare categories",
    "unreadable": "unreadable, no value of the feature's kind",
}
"""What rows in a special bin are; a bin that is not listed is called as in the grid."""


def finding(cause: Cause) -> str:
    """Say what a detector found, without a verdict on it; the text begins in lower case and has no full stop.

    >>> finding(Cause("missing", False, 0.05, 0.01, 7_200_000, 1_234))
    '5 % of the rows against 1 % in the reference are missing, over 1,234 rows in 2 h'
    """
    over = f"over {cause.rows:,} rows in {span(cause.window)}"
    shares = f"{_percent(cause.value)} of the rows against {_percent(cause.reference)} in the reference"
    if cause.category:
        return f"category {cause.what!r} has {shares}, {over}"
    if cause.what in _MOMENTS:
        word = _MOMENTS[cause.what][cause.value > 0]
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
    if cause.what.startswith("other "):
        return f"{shares} are in one group of rare categories ({cause.what.removeprefix('other ')}), {over}"
    return f"{shares} are {_RARE_BINS.get(cause.what, cause.what)}, {over}"


# --- why a feature is in its state

NOTHING_WRONG = "Nothing beyond chance and tolerance."
QUIET_AGAIN = "Quiet again; its incident stays open until it has been so for a day."


def drifting(cause: Cause | None) -> str:
    """Say why a feature drifts."""
    return "It drifts." if cause is None else _sentence(finding(cause))


def pending(cause: Cause | None) -> str:
    """Say what is suspicious, and that the evidence is not strong enough yet."""
    return _sentence(f"not sure enough yet: {finding(cause)}") if cause else "Not sure enough yet."


def within_tolerance(cause: Cause | None) -> str:
    """Say that a feature has moved by less than the tolerance, and how where a moment of its values did."""
    moved = f": {finding(cause)}" if cause is not None and cause.what in _MOMENTS and not cause.category else ""
    return _sentence(f"it has moved for sure, by less than the tolerance{moved}")


def insufficient(smallest: float | None) -> str:
    """Say that there are too few rows to judge; `smallest` is the smallest shift, in standard deviations, that could
    have been seen, None where none could."""
    if smallest is None:
        return "Too few rows so far to judge anything."
    return (
        f"Too little to judge by so far: only a shift of more than {smallest:.2g} standard deviations would stand out "
        "from what is normal."
    )


# --- one window judged by itself

_RATES = {
    "missing": "of the rows are missing",
    "unreadable": "of the rows are unreadable, no value of the feature's kind,",
    "unseen": "of the values are in a category never seen before",
    "out_of_range": "of the values are out of the reference's range or not finite",
}
_NOTABLE_CHANGE = 0.01
"""A sentence names a rate that has changed by at least this much, or by at least the effect where that is less."""


def of_window(state: str, scores: FeatureScores, rows: int, settings: ModelSettings) -> str:
    """Say why a window that is judged by itself has its state, and which rate has changed most."""
    if state == "insufficient":
        return f"{rows:,} rows are too few to judge; {settings.min_rows:,} are needed."
    size = f"effect {scores.effect:.2g}, p-value {scores.p_value:.2g}"
    if state == "drifting":
        return f"The window differs beyond chance and tolerance: {_changed_rate(scores)}{size}."
    return f"Nothing beyond chance and tolerance: {size}."


def _changed_rate(scores: FeatureScores) -> str:
    """Name the share of special rows that has changed most, empty where none has changed notably."""
    changes = [
        # missing rows may also become fewer
        (
            abs(now - before) if name == "missing" else now - before,
            f"{_percent(now)} {_RATES[name]} against {_percent(before)} in the reference",
        )
        for name, (before, now) in scores.rates.items()
    ]
    changes.append((scores.vanished, f"categories that held {_percent(scores.vanished)} of the reference are gone"))
    change, text = max(changes)
    return f"{text}; " if change > 0 and change >= min(_NOTABLE_CHANGE, scores.effect) else ""


# --- numbers and marks


def span(length: Milliseconds) -> str:
    """Write a length of time in one or two words.

    >>> span(90_000), span(7_200_000), span(864_000_000)
    ('90 s', '2 h', '10 days')
    """
    return length_text(length, ((2 * DAY, DAY, "days"), (HOUR, HOUR, "h"), (2 * MINUTE, MINUTE, "min")))


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.1f} %"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
