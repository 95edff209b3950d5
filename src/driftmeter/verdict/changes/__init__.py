"""What kind of change a feature went through, recognised from counts: right, or not said.

counts ─→ recognise ─→ registry: affine, masses, steps, hours, kinds ─→ hypotheses ─→ choose ─→ Change, or None
"""

from driftmeter.verdict.changes.change import Change, ChangeKind
from driftmeter.verdict.changes.of_cause import Recogniser, leading
from driftmeter.verdict.changes.recognise import recognise

__all__ = ["Change", "ChangeKind", "Recogniser", "leading", "recognise"]
