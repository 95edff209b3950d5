"""Why a feature is in its state: one plain sentence each, for the person on call."""

from __future__ import annotations

from driftmeter.detectors import Cause
from driftmeter.profile.feature import Feature
from driftmeter.types import Milliseconds
from driftmeter.verdict.changes import Change, ChangeKind
from driftmeter.verdict.figures import deviations
from driftmeter.verdict.findings import MOMENTS, finding
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


# --- why a feature is in its state

_FOUND_ANYWAY: tuple[ChangeKind, ...] = ("infinite", "missing", "new", "share", "unreadable")

NOTHING_WRONG = "Nothing beyond chance and tolerance."
RETURNING = "The latest rows begin to look like the reference again."


def drifting(cause: Cause | None, feature: Feature | None = None, change: Change | None = None) -> str:
    """Say why a feature drifts: the kind of change first, where it is known and not what was found anyway."""
    if cause is None:
        return "It drifts."
    found = finding(cause, feature)
    return _sentence(found if change is None or change.kind in _FOUND_ANYWAY else f"{change.text}: {found}")


def returning(why: str) -> str:
    """Add to why a feature drifts that its rows begin to look like the reference again."""
    return f"{why} {RETURNING}"


def pending(cause: Cause | None, feature: Feature | None = None) -> str:
    """Say what is suspicious, and that the evidence is not strong enough yet."""
    return _sentence(f"not sure enough yet: {finding(cause, feature)}") if cause else "Not sure enough yet."


def within_tolerance(cause: Cause | None, feature: Feature | None = None) -> str:
    """Say that a feature has moved by less than the tolerance, and how where a moment of its values did."""
    told = cause is not None and cause.what in MOMENTS and not cause.category
    moved = f": {finding(cause, feature)}" if cause is not None and told else ""
    return _sentence(f"it has moved for sure, by less than the tolerance{moved}")


def insufficient(smallest: float | None) -> str:
    """Say that there are too few rows to judge; `smallest` is the smallest shift, in standard deviations, that could
    have been seen, None where none could."""
    if smallest is None:
        return "Too few rows so far to judge anything."
    return (
        f"Too little to judge by so far: only a shift of more than {deviations(smallest)} would stand out from what is "
        "normal."
    )


def too_few_rows(rows: int, needed: int) -> str:
    """Say that a window that is judged by itself holds too few rows.

    >>> too_few_rows(1_500, 2_000)
    '1,500 rows are too few to judge; 2,000 are needed.'
    """
    return f"{rows:,} rows are too few to judge; {needed:,} are needed."


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
