"""The kind of change behind what a detector found: from the counts of the window that alarms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from driftmeter.detectors.protocol import Cause
from driftmeter.profile.feature import Feature
from driftmeter.types import Counts, Milliseconds
from driftmeter.verdict.changes.change import Change
from driftmeter.verdict.changes.recognise import recognise

Worth = Callable[[str, float, Milliseconds], float]
"""Returns how many independent rows some rows of a feature, that came in some time, are worth."""
Named = Sequence[tuple[str, float]]
_LEADING = 0.1


def leading(texts: Named) -> tuple[str, ...]:
    """Return the texts that came often, the commonest first: at least a tenth as often as that.

    >>> leading([("UAL", 90), ("Ual", 10), ("x", 1)])
    ('UAL', 'Ual')
    """
    most = max((number for _, number in texts), default=0)
    return tuple(text for text, number in texts if number >= _LEADING * most)


class Recogniser:
    """Recognises the changes of some features.

    It remembers the last one of each: the same counts are asked for again and again while a feature drifts.
    """

    def __init__(self, features: Sequence[Feature], worth: Worth, *, named: bool = True) -> None:
        """Take the features, and what says how many independent rows a window is worth.

        Unless `named`, no text of an unseen category is told.
        """
        self._features = features
        self._named = named
        self._worth = worth
        self._last: dict[int, tuple[object, Change | None]] = {}

    def of(
        self,
        index: int,
        cause: Cause | None,
        texts: Named = (),
        counts: Counts | None = None,
        before: Change | None = None,
    ) -> Change | None:
        """Return the change of the feature with an index, None where it is not sure.

        `texts` are unseen categories with their rows, `counts` (bins,) those of the window if the cause has them not,
        `before` what was recognised before, which holds where nobody has them.
        """
        if cause is None or not cause.rows:
            return None
        counts = counts if cause.counts is None else cause.counts
        if counts is None or not counts.any():
            return before if before is None or self._named or not before.names else None
        names = leading(texts) if self._named else ()
        usual = None if cause.usual is None else cause.usual.tobytes()
        asked = (counts.tobytes(), usual, cause.window, names)
        known = self._last.get(index)
        if known is None or known[0] != asked:
            feature = self._features[index]
            worth = min(self._worth(feature.name, cause.rows, cause.window) / cause.rows, 1.0)
            change = recognise(feature, counts, worth=worth, names=names, usual=cause.usual)
            known = self._last[index] = (asked, change)
        return known[1]
