"""Columns of every kind that a sender may send, for a profile with features of every kind."""

from __future__ import annotations

import datetime as dt
import math
import random
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from driftmeter.data.columns import Column, Dictionary
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile

ARRAYS = ("f8", "f4", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">f8", ">i4")
INDICES = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", ">i2")
PLAIN: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 39, 2**53 + 1, 0.5, -0.0, 2.5, math.nan, math.inf, 1e300, 5e-324),
    *("Ulm", "Bonn", "1", "2.0", "new", "p691", "Ulm"),
)
ODD: tuple[Any, ...] = (
    *(10**400, -(2**70), "", " 2 ", "nan", "N/A", "abc", b"Ulm", np.float32(0.1), np.int64(3), np.str_("Ulm")),
    *(np.bool_(True), np.timedelta64(7, "s"), Decimal("1.0"), [1.0], {}, np.array([2.0]), "é" * 70, "true"),
    *(dt.datetime(2024, 5, 1, 7), "2024-05-01T03:00:00Z", 1_714_521_600),
)


@cache
def profile_of(seed: int) -> Profile:
    """Return a profile; those of odd seeds have fewer bins. Some features explain each other."""
    rng, rows = np.random.default_rng(seed), 1200
    base = rng.normal(size=rows)
    frame = pl.DataFrame(
        {
            "a": base,
            "b": base**2 + rng.normal(0, 0.1, rows),
            "c": 3 * base + rng.normal(0, 0.2, rows),
            "few": rng.integers(0, 4, rows),
            "steep": rng.lognormal(0, 4, rows),
            "city": rng.choice(["Ulm", "Bonn", "Jena", "1", "2.0"], rows),
            "product": [f"p{number}" for number in rng.zipf(1.4, rows) % 700],
            "store": rng.integers(0, 40, rows),
            "rate": rng.choice([0.1, 0.5, 2.5], rows),
            "member": rng.random(rows) < 0.3,
            "seen_at": [dt.datetime(2024, 1, 1) + dt.timedelta(hours=hour) for hour in range(rows)],
            "score": rng.random(rows),
        }
    )
    kinds: Any = {"store": "categorical", "rate": "categorical", "seen_at": "hour"}
    return Profile.fit(
        frame, model="m", prediction="score", time="seen_at", include=["seen_at"], kinds=kinds, bins=(64, 8)[seed % 2]
    )


@cache
def cuts_of(seed: int, name: str) -> tuple[float, ...]:
    """Return the cuts of a column of numbers and what lies beside them."""
    cuts = [f.grid.edges for f in profile_of(seed).features if f.column == name and isinstance(f.grid, NumericGrid)]
    return tuple(
        number for edges in cuts for side in (-1, 0, 1) for number in (edges + side * np.spacing(edges)).tolist()
    )


def values_of(draw: random.Random, seed: int, name: str, count: int, *, odd: bool) -> list[Any]:
    """Return values for a column; some of them are not plain where `odd` allows it."""
    near = cuts_of(seed, name) or PLAIN
    pools: tuple[tuple[Any, ...], ...] = (near, near, PLAIN, ODD if odd else PLAIN)
    kept = [draw.choice(pools[draw.randrange(2 if draw.random() < 0.5 else 4)]) for _ in range(max(1, count // 2))]
    return [draw.choice(kept) for _ in range(count)]


def array_of(draw: random.Random, seed: int, name: str, rows: int) -> np.ndarray[Any, np.dtype[Any]]:
    """Return an array of some type of numbers, which may have gaps in memory."""
    kind = np.dtype(draw.choice(ARRAYS))
    numbers = np.array(
        [draw.choice((*cuts_of(seed, name), 0.0, 1.0, 3.0, 250.0, math.nan, -2.5)) for _ in range(2 * rows)]
    )
    with np.errstate(invalid="ignore", over="ignore"):
        if kind.kind in "iu":
            numbers = np.nan_to_num(np.clip(numbers, np.iinfo(kind).min, np.iinfo(kind).max / 2))
        array = numbers.astype(kind)
    return array[: 2 * rows : 2] if draw.random() < 0.3 else array[:rows]


def dictionary_of(draw: random.Random, values: list[Any], rows: int) -> Dictionary:
    """Return a dictionary of values that may repeat, with indices of some type; -1 is missing."""
    kind = np.dtype(draw.choice(INDICES))
    values = values[:100]
    least = -1 if kind.kind == "i" else 0
    indices = [draw.randrange(least, max(1, len(values))) for _ in range(rows)]
    return Dictionary(np.array(indices).astype(kind), tuple(values) or (None,))


def columns_of(draw: random.Random, seed: int, rows: int) -> dict[str, Column]:
    """Return columns of equal length, some of them unknown, some absent."""
    names = dict.fromkeys(f.column for f in profile_of(seed).features if f.role != "derived")
    columns: dict[str, Column] = {}
    for name in [*names, "unknown"]:
        values = values_of(draw, seed, name, rows, odd=draw.random() < 0.3)
        form = draw.randrange(10)
        if form < 3:
            columns[name] = array_of(draw, seed, name, rows)
        elif form < 6:
            columns[name] = values
        elif form < 9:
            columns[name] = dictionary_of(draw, values, rows)
    return columns
