"""Notes that a profile keeps on its features: a few short sentences each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from driftmeter.types import JSON

MOST_NOTES = 8
"""Notes on one feature."""
LONGEST_NOTE = 300
"""Characters of a note."""


def bounded(notes: Iterable[str]) -> tuple[str, ...]:
    """Return the first few of some notes, the long ones cut short.

    >>> [len(note) for note in bounded(["a" * 999] * 20)]
    [300, 300, 300, 300, 300, 300, 300, 300]
    """
    cut = (note if len(note) <= LONGEST_NOTE else f"{note[: LONGEST_NOTE - 1]}…" for note in notes)
    return tuple(cut)[:MOST_NOTES]


def notes_from_json(data: JSON, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Read notes by the `names` of features; raises TypeError or ValueError on anything else."""
    notes = {name: tuple(texts) for name, texts in dict(data).items() if isinstance(texts, list)}
    check_notes(notes, names)
    if len(notes) < len(data) or not all(isinstance(text, str) for texts in notes.values() for text in texts):
        raise TypeError("notes: expected lists of texts")
    return notes


def check_notes(notes: Mapping[str, tuple[str, ...]], names: Iterable[str]) -> None:
    """Raise ValueError on notes that are too many or too long, or that are on no feature."""
    unknown = set(notes) - {*names}
    if unknown:
        raise ValueError(f"notes: expected the names of features, got {min(unknown)!r}")
    for name, texts in notes.items():
        if not 1 <= len(texts) <= MOST_NOTES or any(len(text) > LONGEST_NOTE for text in texts):
            got = f"{len(texts)} on {name!r}"
            raise ValueError(f"notes: expected 1 to {MOST_NOTES} of at most {LONGEST_NOTE} characters, got {got}")
