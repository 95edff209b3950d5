"""From the detector's evidence on one feature to its public state. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from driftmeter.detectors import Cause
from driftmeter.detectors.protocol import Mask
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.feature import Feature
from driftmeter.verdict import sentences
from driftmeter.verdict.changes import Change
from driftmeter.verdict.member import Member
from driftmeter.verdict.readiness import LARGEST_BLIND
from driftmeter.verdict.severity import Severity, grade
from driftmeter.verdict.verdict import State

NEARLY = -1.0
"""From this evidence on a feature is pending: it would alarm if ten times as many false pages were allowed."""


def calibrating(calibration: Calibration | None) -> tuple[State, str]:
    """Return the state and the sentence of features whose evidence must not page yet.

    `calibration` is the reference's, None where the judge learns from live traffic.
    """
    if calibration is None:
        return "calibrating", sentences.LEARNING_FROM_LIVE
    return "calibrating", sentences.too_few_days(calibration.covered)


def decide(
    evidence: float,
    smallest_visible: float,
    *,
    significant: bool,
    cause: Cause | None,
    feature: Feature | None = None,
    change: Change | None = None,
) -> tuple[State, str]:
    """Return the state of a feature and the sentence that says why.

    `evidence` is log10 of how far past the alarm threshold the feature is, -inf where nothing was judged.
    `smallest_visible` is the smallest shift, in standard deviations, that could have been seen, +inf where none could.
    `significant` says that the feature shifted by more than chance, `cause` is what the evidence rests on; the sentence
    speaks in the unit of `feature`, and of the kind of `change` if that is known.

    >>> decide(0.1, 0.2, significant=False, cause=None)
    ('drifting', 'It drifts.')
    >>> decide(-9.0, 0.2, significant=False, cause=None)
    ('ok', 'Nothing beyond chance and tolerance.')
    """
    if evidence >= 0:
        return "drifting", sentences.drifting(cause, feature, change)
    if smallest_visible > LARGEST_BLIND:
        return "insufficient", sentences.insufficient(None if np.isinf(smallest_visible) else smallest_visible)
    if evidence >= NEARLY:
        return "pending", sentences.pending(cause, feature)
    return "ok", sentences.within_tolerance(cause, feature) if significant else sentences.NOTHING_WRONG


def lasting(
    member: Member, cause: Cause | None, feature: Feature | None = None, change: Change | None = None
) -> tuple[State, str]:
    """Return the state and the sentence of a feature whose change is not over, whatever its evidence is now.

    `cause` is what the evidence rests on where that alarms, else None, and `change` its kind.
    """
    why = member.why if cause is None else sentences.drifting(cause, feature, change)
    return "drifting", sentences.returning(why) if member.change.returning else why


def severity_of(cause: Cause | None) -> Severity:
    """Return the severity of what drifts for some cause: of the window that the cause is of."""
    return "slight" if cause is None else grade(cause.effect_low, cause.excess_low)


def mask_of(names: Collection[str], features: Sequence[str]) -> Mask:
    """Return which features are among `names`, shape (features,)."""
    return np.array([feature in names for feature in features], dtype=np.bool_)
