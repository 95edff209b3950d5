"""Every error driftmeter raises on purpose.

DriftmeterError
├── ProfileError            a profile cannot be made from this data
│   └── ProfileFormatError  these bytes are not a profile of a version that we read
├── InputError              a batch, pane or request cannot be read
│   └── CodecError          these bytes are not a pane of a version that we read
├── UnknownModelError       no such model in the store
├── UnknownProfileError     the model has no profile with that digest
├── MissingExtraError       an optional dependency is needed and not installed
└── StoreError
    └── StoreUnavailableError   the store cannot be reached or written now: try again
"""

from __future__ import annotations

import difflib
from collections.abc import Collection

_MOST_NAMED = 20
"""Names that an error lists."""


class UnreadableWarning(UserWarning):
    """A few of the data cannot be read: so few that it goes on without them, or more where that was allowed."""


class DriftmeterError(Exception):
    """Base of all errors raised by driftmeter."""


class ProfileError(DriftmeterError, ValueError):
    """The reference cannot become a profile; the message names the column."""


class ProfileFormatError(ProfileError):
    """The bytes are not a profile, or one of another version."""


class InputError(DriftmeterError, ValueError):
    """A request cannot be read: `field` is where, `expected` and `got` are plain words."""

    def __init__(self, field: str, expected: str, got: str) -> None:
        """Keep the three parts, so that a server can send them apart."""
        super().__init__(f"{field}: expected {expected}, got {got}")
        self.field, self.expected, self.got = field, expected, got


class CodecError(InputError):
    """The bytes are not a pane that this version reads."""


class UnknownModelError(DriftmeterError, LookupError):
    """The store has no such model."""

    def __init__(self, model: str, known: tuple[str, ...] = ()) -> None:
        """Name the models that there are, since most such errors are a slip of the pen."""
        names = ", ".join(sorted(known)[:10]) or "none yet"
        super().__init__(f"unknown model {model!r}; known: {names}")
        self.model = model


class UnknownProfileError(DriftmeterError, LookupError):
    """The model has no profile with that digest."""

    def __init__(self, model: str, digest: str, known: tuple[str, ...] = ()) -> None:
        """Name the digests that the model has."""
        names = ", ".join(known) or "none"
        super().__init__(f"model {model!r} has no profile {digest!r}; it has: {names}")
        self.model, self.digest = model, digest


class MissingExtraError(DriftmeterError, ImportError):
    """An optional dependency is missing; the message says what to install."""


class StoreError(DriftmeterError):
    """The store refused or failed."""


class StoreUnavailableError(StoreError):
    """The store cannot be reached or written now; nothing was acknowledged."""


def nearest(name: str, names: Collection[str]) -> str:
    """Return the question whether the nearest of some names was meant; nothing where none is near.

    >>> nearest("budgt", ["budget", "tests"]), nearest("zzz", ["budget", "tests"])
    ("did you mean 'budget'?", '')
    """
    near = difflib.get_close_matches(name, names, 1)
    return f"did you mean {near[0]!r}?" if near else ""


def unknown_name(where: str, name: str, names: Collection[str]) -> InputError:
    """Return the error for a name at the path `where` that is none of `names`: it lists 20 of them, and the nearest.

    >>> str(unknown_name("flights.budgt", "budgt", ["budget", "tests"]))
    "flights.budgt: expected one of budget, tests, got 'budgt' (did you mean 'budget'?)"
    """
    listed = list(names)[:_MOST_NAMED]
    unlisted = f" and {len(names) - len(listed)} more" if len(names) > len(listed) else ""
    question = nearest(name, names)
    return InputError(where, f"one of {', '.join(listed)}{unlisted}", repr(name)[:60] + (question and f" ({question})"))
