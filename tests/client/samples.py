"""A small reference with a feature of every kind, one row of it, and what is no value of any feature."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import polars as pl

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.profile.profile import Profile

ROW: dict[str, Any] = {"age": 41.5, "amount": 20.0, "city": "Ulm", "member": True}


@cache
def make_profile(seed: int = 0) -> Profile:
    """Return the profile of 2,000 rows; another seed gives another digest."""
    rng = np.random.default_rng(seed)
    rows = 2000
    frame = pl.DataFrame(
        {
            "age": rng.normal(40, 12, rows).round(1),
            "amount": rng.lognormal(3, 1, rows).astype(np.float32),
            "city": rng.choice(["Ulm", "Bonn", "Kiel"], rows),
            "member": rng.random(rows) < 0.3,
            "score": rng.random(rows),
        }
    )
    return Profile.fit(frame, model="m", prediction="score")


def directly(profile: Profile, rows: list[dict[str, Any]]) -> Summary:
    """Count rows without an SDK in between."""
    return Binner(profile).observe(Reader(profile).read_records(rows)[0])


class Evil:
    """Fails at whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    def __hash__(self) -> int:
        raise RuntimeError("no")


class Broken(dict[str, Any]):
    """A mapping that cannot be read."""

    def keys(self) -> Any:
        raise RuntimeError("no")

    __iter__ = items = copy = keys


GARBAGE: dict[str, Any] = {
    "evil": Evil(),
    "object": object(),
    "huge": 10**400,
    "too huge to print": 10**5000,
    "nested": {"a": {"b": []}},
    "list": [1, 2],
    "bytes": b"bytes",
    "complex": complex(1, 2),
    "numpy complex": np.complex128(1),
    "array": np.zeros(3),
    "function": make_profile,
    "type": type,
    "surrogate": "\ud800",
}
