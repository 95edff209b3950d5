"""Unseen texts: a bounded sample of the categories that the reference never held, with how many rows each has.

Of each feature the sample keeps the texts with the smallest hashes. So it is that of all rows together, exactly,
however the rows were split and in whatever order the parts were added: a text among the smallest of all is among the
smallest of every part that holds it, so that no part dropped it and its count is whole (bottom-k sampling: Cohen &
Kaplan (2007), "Summarizing data using bottom-k sketches").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from driftmeter.profile.category_grid import CategoryGrid, hash64
from driftmeter.profile.feature import Feature
from driftmeter.types import JSON

MOST_OF_FEATURE = 8
"""Texts that are kept of one feature."""
MOST_TEXTS = 64
"""Texts that are kept in all: features share them in turns, so that each keeps its first before any keeps two."""
LONGEST_TEXT = 64
"""Characters of a text; longer ones end with an ellipsis."""
MOST_NEW = 0.05
"""Where more than this share of new rows would be of new categories even without drift, no text is kept: those are
columns of free text, names or ids, whose texts say nothing and may be about people."""

# control characters, line separators, halves of surrogate pairs, and what turns or hides the text around it
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
_LARGEST = 2**53


def shown_text(category: str) -> str:
    """Return a category as it is kept and shown: at most LONGEST_TEXT characters, none of them hidden.

    >>> shown_text("E\\x1b[2J"), len(shown_text("x" * 1000)), shown_text("x" * 1000)[-2:]
    ('E�[2J', 64, 'x…')
    """
    if len(category) > LONGEST_TEXT:
        category = f"{category[: LONGEST_TEXT - 1]}…"
    return category if category.isascii() and category.isprintable() else _HIDDEN.sub("\ufffd", category)


def is_sampled(feature: Feature) -> bool:
    """Say whether unseen texts of a feature are kept: it must be a column of few new categories, see MOST_NEW.

    The share of new categories to expect is that of the categories which the reference held once (Good, 1953).
    """
    grid = feature.grid
    if not isinstance(grid, CategoryGrid) or grid.rest_hashes is None or feature.part is not None:
        return False
    return grid.once <= MOST_NEW * int(feature.reference[grid.present].sum())


@dataclass(frozen=True)
class UnseenTexts:
    """By feature, texts of categories that the reference did not hold, and how many rows have each.

    At most MOST_OF_FEATURE of a feature and MOST_TEXTS in all. The sum of two samples is the sample of their rows
    together; addition commutes, associates, and has no texts as its identity.

    >>> one, other = UnseenTexts.of({"city": {"Rom": 2}}), UnseenTexts.of({"city": {"Rom": 1, "Ely": 9}})
    >>> (one + other).counts, (one + other).commonest("city")
    ({'city': {'Ely': 9, 'Rom': 3}}, ('Ely', 'Rom'))
    """

    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Say whether there are any texts."""
        return bool(self.counts)

    def __add__(self, other: UnseenTexts) -> UnseenTexts:
        """Return the sample of the rows of both."""
        if not other.counts:
            return self
        if not self.counts:
            return other
        return UnseenTexts.of(_added([self.counts, other.counts]))

    @classmethod
    def of(cls, counts: Mapping[str, Mapping[str, int]]) -> UnseenTexts:
        """Return the sample of any number of texts, as `shown_text` writes them; features and texts are sorted."""
        kept: Mapping[str, Mapping[str, int]]
        kept = {name: _smallest(texts) for name, texts in counts.items() if texts}
        if sum(map(len, kept.values())) > MOST_TEXTS:
            turns = [
                (turn, hash64(text), text, name)
                for name, texts in kept.items()
                for turn, text in enumerate(sorted(texts, key=_rank))
            ]
            kept = _added({name: {text: counts[name][text]}} for _, _, text, name in sorted(turns)[:MOST_TEXTS])
        return cls({name: dict(sorted(texts.items())) for name, texts in sorted(kept.items())})

    @classmethod
    def sum(cls, samples: Iterable[UnseenTexts]) -> UnseenTexts:
        """Add any number of samples."""
        some = [sample.counts for sample in samples if sample.counts]
        return cls.of(_added(some)) if some else NO_TEXTS

    def commonest(self, feature: str) -> tuple[str, ...]:
        """Return the texts of a feature, those of most rows first."""
        texts = self.counts.get(feature, {})
        return tuple(sorted(texts, key=lambda text: (-texts[text], text)))

    def is_complete(self, feature: str) -> bool:
        """Say whether a feature surely had no other texts than those that are kept."""
        return len(self.counts.get(feature, {})) < MOST_OF_FEATURE and sum(map(len, self.counts.values())) < MOST_TEXTS

    def rows(self, feature: str) -> int:
        """Return how many rows have the texts of a feature."""
        return sum(self.counts.get(feature, {}).values())

    @property
    def bytes(self) -> int:
        """Memory of the texts, about."""
        return sum(200 + sum(150 + 4 * len(text) for text in texts) for texts in self.counts.values())

    def to_json(self) -> JSON:
        """Return plain JSON; equal samples give equal JSON, in the same order."""
        return {name: dict(texts) for name, texts in self.counts.items()}

    @classmethod
    def from_json(cls, data: object) -> UnseenTexts:
        """Read what `to_json` wrote; of foreign texts only what this version would keep. Raises ValueError."""
        if not isinstance(data, dict):
            raise ValueError(f"expected texts by feature, got {type(data).__name__}")
        counts: dict[str, dict[str, int]] = {}
        for name, texts in data.items():
            if not isinstance(texts, dict):
                raise ValueError(f"expected texts with their rows, got {type(texts).__name__}")
            for text, rows in texts.items():
                if type(rows) is not int or not 1 <= rows <= _LARGEST:
                    raise ValueError(f"expected 1 to 2**53 rows of a text, got {repr(rows)[:40]}")
                shown, known = shown_text(text), counts.setdefault(name, {})
                known[shown] = known.get(shown, 0) + rows
        return cls.of(counts)


NO_TEXTS = UnseenTexts()
"""The sample of rows without unseen categories."""


def _added(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    sums: dict[str, dict[str, int]] = {}
    for counts in parts:
        for name, texts in counts.items():
            known = sums.setdefault(name, {})
            for text, rows in texts.items():
                known[text] = known.get(text, 0) + rows
    return sums


def _smallest(texts: Mapping[str, int]) -> Mapping[str, int]:
    if len(texts) <= MOST_OF_FEATURE:
        return texts
    return {text: texts[text] for text in sorted(texts, key=_rank)[:MOST_OF_FEATURE]}


def _rank(text: str) -> tuple[int, str]:
    return hash64(text), text
