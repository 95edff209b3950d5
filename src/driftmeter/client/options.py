"""The options of a monitor, checked at its start."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError, ProfileError
from driftmeter.profile.profile import Profile

LONGEST_INTERVAL = 60.0
"""Seconds between two reports, at most: the tier takes a source that is silent for longer for dead."""
LEAST_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class MonitorOptions:
    """Options of a monitor, as its docstring describes them. `source` is the name without an incarnation."""

    url: str
    model: str
    profile: Profile | None
    source: str
    interval: float
    timeout: float
    max_rows: int
    max_bytes: int
    headers: Mapping[str, str] | None
    unseen_texts: bool = True
    columns: tuple[str, ...] | None = None

    @classmethod
    def read(
        cls,
        url: str,
        model: str | None,
        profile: Profile | str | os.PathLike[str] | None,
        *,
        source: str | None,
        interval: float,
        timeout: float,
        max_rows: int,
        max_bytes: int,
        headers: Mapping[str, str] | None,
        unseen_texts: bool = True,
        columns: Iterable[str] | None = None,
    ) -> Self:
        """Load the profile if it is a path, and fill in model and source.

        Raises InputError or ProfileError if an option makes no sense. The transport checks the URL.
        """
        if profile is not None and not isinstance(profile, Profile):
            profile = Profile.load(Path(profile))
        if model is None:
            if profile is None:
                raise InputError("model", "a model's name, or a profile that names it", "neither")
            model = profile.model
        elif profile is not None and profile.model != model:
            raise ProfileError(f"expected a profile of model {model!r}, got one of {profile.model!r}")
        for name, value in (("interval", interval), ("timeout", timeout), ("max_rows", max_rows)):
            if not value > 0:
                raise InputError(name, "a number above 0", repr(value))
        if interval > LONGEST_INTERVAL:
            raise InputError("interval", f"at most {LONGEST_INTERVAL:.0f} s", f"{interval} s")
        if max_bytes < LEAST_BYTES:
            raise InputError("max_bytes", f"at least {LEAST_BYTES:,}", repr(max_bytes))
        return cls(
            columns=None if columns is None else _names(columns),
            url=url,
            model=model,
            profile=profile,
            source=url_safe(source or os.environ.get("DRIFTMETER_SOURCE") or socket.gethostname()),
            interval=interval,
            timeout=timeout,
            max_rows=max_rows,
            max_bytes=max_bytes,
            headers=headers,
            unseen_texts=unseen_texts,
        )


def _names(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the names of columns as texts; raises InputError where they are one text, none, or not different."""
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        raise InputError("columns", "names of columns in the order of the values", describe(columns))
    names = tuple(map(str, columns))
    if not names or len(set(names)) < len(names):
        twice = next((name for name in names if names.count(name) > 1), None)
        raise InputError("columns", "different names", "none" if twice is None else f"{twice[:40]!r} twice")
    return names


def url_safe(name: str) -> str:
    """Return a name of at most 80 characters that needs no quoting in a URL.

    >>> url_safe("pod/7 ü"), url_safe("/")
    ('pod-7', 'source')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "source"
