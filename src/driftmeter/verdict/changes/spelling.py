"""Categories that are written otherwise: in other letters, or with other spaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from driftmeter.verdict.changes.words import quoted

_WAYS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("in upper case", str.upper),
    ("in lower case", str.lower),
    ("in title case", str.title),
    ("with a space in front", lambda text: f" {text}"),
    ("with a space behind", lambda text: f"{text} "),
    ("without the spaces around", str.strip),
    ("with spaces for underscores", lambda text: text.replace("_", " ")),
    ("with underscores for spaces", lambda text: text.replace(" ", "_")),
    ("without spaces", lambda text: text.replace(" ", "")),
)


def spelling(
    gone: Sequence[str], new: Sequence[str], is_known: Callable[[str], bool] = lambda text: False
) -> tuple[str, tuple[str, str]] | None:
    """Say how categories are written now, and give one of them before and after; None where they are other ones.

    Each text of `new` must be one of those that are `gone`, in other letters or spaces, or of those that `is_known`
    knows; and one at least of the former.

    >>> spelling(["Jena", "Ulm"], ["JENA", "ULM"])
    ("is written in upper case ('Jena' → 'JENA')", ('Jena', 'JENA'))
    >>> spelling(["New York"], [" new  york"])
    ("is written with other letters or spaces ('New York' → ' new  york')", ('New York', ' new  york'))
    >>> spelling(["Jena"], ["Ulm"]) is None
    True
    """
    before = {bare(text): text for text in gone}
    pairs = [(before[bare(text)], text) for text in new if bare(text) in before]
    others = [text for text in new if bare(text) not in before]
    if not pairs or len(before) != len(gone) or not all(any(map(is_known, _variants(text))) for text in others):
        return None
    found = [name for name, way in _WAYS if all(way(one) == other for one, other in pairs)]
    how = found[0] if found else "with other letters or spaces"
    one, other = pairs[0]
    return f"is written {how} ({quoted(one)} → {quoted(other)})", (one, other)


def _variants(text: str) -> tuple[str, ...]:
    stripped = text.strip()
    return (stripped, stripped.upper(), stripped.lower(), stripped.title())


def bare(text: str) -> str:
    """Return a text without what may be written otherwise."""
    return "".join(text.casefold().replace("_", " ").replace("-", " ").split())
