"""Every error that driftmeter raises on purpose.

DriftmeterError
├── ProfileError            a profile cannot be made from this data
│   └── ProfileFormatError  these bytes are no profile of the version that this code reads
├── InputError              a batch, pane or request cannot be read
│   └── CodecError          these bytes are no pane of the version that this code reads
├── UnknownModelError       no such model in the store
├── UnknownProfileError     the model has no profile with that digest
├── MissingExtraError       an optional dependency is needed and not installed
└── StoreError              the store refused or failed
    └── StoreUnavailableError   the store cannot be reached or written now: try again
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

_MOST_NAMED = 20
"""Names that an error lists."""


class UnreadableWarning(UserWarning):
    """Some of the data cannot be read and is left out: a small part, or a larger one where the user allowed that."""


class DriftmeterError(Exception):
    """Base of all errors raised by driftmeter."""


class ProfileError(DriftmeterError, ValueError):
    """The reference cannot become a profile; the message names the column."""


class ProfileFormatError(ProfileError):
    """The bytes are no profile, or a profile of another version."""


class InputError(DriftmeterError, ValueError):
    """A request cannot be read.

    `field` names the part at fault; `expected` and `got` say in words what it should be and what it is.

    >>> str(InputError("rows[3].age", "a number", "text ('old')"))
    "rows[3].age: expected a number, got text ('old')"
    """

    def __init__(self, field: str, expected: str, got: str) -> None:
        """Keep the three parts, so that a server can send them separately."""
        super().__init__(f"{field}: expected {expected}, got {got}")
        self.field, self.expected, self.got = field, expected, got


class CodecError(InputError):
    """The bytes are no pane that this version reads."""


class UnknownModelError(DriftmeterError, LookupError):
    """The store has no such model."""

    def __init__(self, model: str, existing: tuple[str, ...] = ()) -> None:
        """Name some models that exist, since most such errors are typing errors."""
        names = ", ".join(sorted(existing)[:10]) or "none yet"
        super().__init__(f"unknown model {model!r}; known: {names}")
        self.model = model


class UnknownProfileError(DriftmeterError, LookupError):
    """The model has no profile with that digest."""

    def __init__(self, model: str, digest: str, existing: tuple[str, ...] = ()) -> None:
        """Name the digests of the model's profiles."""
        names = ", ".join(existing) or "none"
        super().__init__(f"model {model!r} has no profile {digest!r}; it has: {names}")
        self.model, self.digest = model, digest


class MissingExtraError(DriftmeterError, ImportError):
    """An optional dependency is missing; the message says what to install."""


class StoreError(DriftmeterError):
    """The store refused or failed."""


class StoreUnavailableError(StoreError):
    """The store cannot be reached or written now, and has acknowledged nothing: try again."""


def near_names(name: str, names: Iterable[str], most: int = 1, least_alike: float = 0.6) -> list[str]:
    """Return the names that are most like a name, the nearest first, and none less alike than `least_alike` (0 to 1).

    >>> near_names("budgt", ["tests", "budget"])
    ['budget']
    """
    from difflib import get_close_matches  # a model server, which imports all errors, never asks

    return get_close_matches(name, list(names), most, least_alike)


def nearest(name: str, names: Collection[str]) -> str:
    """Return the question whether the nearest of some names was meant; nothing where none is near.

    >>> nearest("budgt", ["budget", "tests"]), nearest("zzz", ["budget", "tests"])
    ("did you mean 'budget'?", '')
    """
    near = near_names(name, names)
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
