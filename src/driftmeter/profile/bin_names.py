"""The names of special bins, which hold no value of the reference's range or categories; they are defined only here.

Names are wire format and part of a detector's state, and so is the order of the tuples below.
"""

from __future__ import annotations

MISSING = "missing"
UNREADABLE = "unreadable"
NOT_FINITE = "not finite"

FAR_BELOW, BELOW, ABOVE, FAR_ABOVE = "far below", "below", "above", "far above"
BELOW_RANGE = (FAR_BELOW, BELOW)
ABOVE_RANGE = (ABOVE, FAR_ABOVE)
OUT_OF_RANGE = (*BELOW_RANGE, *ABOVE_RANGE)
"""The bins of finite numbers beyond the reference's, in the order of the number line."""

OTHER = "other"
"""Categories that the reference held too rarely for their own bin; hashed: `other 3 of 64`."""
UNSEEN = "unseen"
"""Categories that the reference did not hold; hashed: `unseen 3 of 64`."""

RARE_IN_REFERENCE = frozenset([MISSING, UNREADABLE, NOT_FINITE, UNSEEN, *OUT_OF_RANGE])
"""Bins in which a reference holds few rows, or none."""
