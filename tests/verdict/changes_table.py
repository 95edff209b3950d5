"""The table of injected changes: what is done to a column, to which columns, and what is to be recognised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import polars as pl

from driftmeter.counts.summary import Summary
from driftmeter.profile.profile import Profile
from driftmeter.verdict.changes import Change, recognise
from tests.verdict.streams import summary_of

ROWS = 2_000
Values = np.ndarray[tuple[int], np.dtype[Any]]
Draw = np.random.Generator
Inject = Callable[[Values, Draw], Any]


# --- columns


@cache
def flights(month: int = 1) -> pl.DataFrame:
    """Return the flights of a month, with numbers and categories."""
    data = resources.files("driftmeter.demo").joinpath("flights.parquet").read_bytes()
    return pl.read_parquet(data).filter(pl.col("scheduled").dt.month() == month)


@cache
def generated() -> pl.DataFrame:
    """Return columns drawn by known laws."""
    chance, rows = np.random.default_rng(7), 8_000
    cities, devices = ["Ulm", "Bonn", "Jena", "Trier", "New York"], ["ios", "android", "web", "tv", "watch", "car"]
    peaks = np.where(chance.random(rows) < 0.4, chance.normal(8, 1.5, rows), chance.normal(18, 2.5, rows))
    return pl.DataFrame(
        {
            "normal": chance.normal(20, 5, rows),
            "signed": chance.normal(2, 4, rows),
            "skewed": chance.normal(3, 2, rows) + chance.exponential(6, rows) - 5,
            "waits": chance.exponential(30, rows),
            "sizes": 20 * np.exp(chance.normal(0, 0.6, rows)),
            "counts": chance.poisson(40, rows),
            "levels": chance.integers(0, 200, rows),
            "even": chance.uniform(0, 100, rows),
            "share": chance.beta(2, 5, rows),
            "hour_of_day": np.clip(chance.normal(13, 4, rows), 0, 23).astype(int),
            "rush_hour": peaks.astype(int) % 24,
            "city": chance.choice(cities, rows, p=[0.4, 0.25, 0.15, 0.12, 0.08]),
            "device": chance.choice(devices, rows, p=[0.35, 0.3, 0.15, 0.1, 0.06, 0.04]),
        }
    )


CATEGORIES = ("carrier", "origin", "dest", "city", "device")


def frame_of(column: str) -> pl.DataFrame:
    """Return the frame that has a column."""
    return generated() if column in generated().columns else flights()


@cache
def profile_of(column: str) -> Profile:
    """Return the profile of one column."""
    kind = "categorical" if column in CATEGORIES else "numeric"
    return Profile.fit(frame_of(column).select(column), model="m", independent=True, kinds={column: kind})


def values_of(column: str, frame: pl.DataFrame | None = None) -> Values:
    """Return the values of a column: floats with NaN, or texts."""
    series = (frame_of(column) if frame is None else frame)[column]
    if column in CATEGORIES:
        return series.drop_nulls().to_numpy()
    return series.cast(pl.Float64).fill_null(np.nan).to_numpy()


def told(column: str, values: Any) -> Change | None:
    """Return what is recognised of a window with some values."""
    profile = profile_of(column)
    kind = pl.String if column in CATEGORIES else pl.Float64
    series = pl.Series(column, list(values) if kind is pl.String else values, dtype=kind, strict=False)
    summary: Summary = summary_of(profile, pl.DataFrame([series if kind is pl.String else series.fill_nan(None)]))
    feature, part = next(iter(profile.slices()))
    return recognise(feature, summary.counts[part], names=summary.unseen.commonest(feature.name))


def drawn(column: str, inject: Inject, seed: int, rows: int = ROWS) -> Any:
    """Return some rows of a column, drawn with replacement, after a change."""
    chance, values = np.random.default_rng(seed), values_of(column)
    return inject(values[chance.integers(0, len(values), rows)], chance)


# --- changes


def some(share: float, value: Any) -> Inject:
    """Set a share of the values to one value."""
    return lambda x, chance: np.where(chance.random(len(x)) < share, value, x)


def at(level: float, x: Values) -> float:
    return float(np.nanquantile(x, level))


def usual(x: Values, rank: int) -> str:
    return str(Counter(x.tolist()).most_common()[rank][0])


def mean_of(column: str) -> float:
    return float(values_of(column).mean())


def swap(x: Values, chance: Draw) -> Values:
    one, other = usual(x, 0), usual(x, 4)
    return np.where(x == one, other, np.where(x == other, one, x))


def outliers(x: Values, chance: Draw) -> Values:
    far = np.nanmax(x) + (0.1 + chance.exponential(1, len(x))) * np.nanstd(x)
    return np.where((chance.random(len(x)) < 0.03) & np.isfinite(x), far, x)


def beside(x: Values, chance: Draw) -> Values:
    other = at(0.9, x) + 0.25 * np.nanstd(x) * chance.normal(size=len(x))
    return np.where(chance.random(len(x)) < 0.25, other, x)


@dataclass(frozen=True)
class Row:
    """One line of the table: a change, the columns that it is injected into, and the kind that is to be told.

    `numbers` are what it is told with, to a twentieth; `word` is in the text.
    """

    inject: Inject
    kind: str
    columns: tuple[str, ...]
    numbers: Mapping[str, float] | None = None
    word: str = ""


def columns(names: str) -> tuple[str, ...]:
    return tuple(names.split())


TABLE: dict[str, Row] = {
    "shift up": Row(lambda x, c: x + 0.5 * np.nanstd(x), "shift", columns("humid wind_dir normal even levels")),
    "shift down": Row(lambda x, c: x - 1.1 * np.nanstd(x), "shift", columns("humid distance normal skewed share")),
    "scale": Row(lambda x, c: x * 1.3, "scale", columns("humid distance normal wind_speed even"), {"factor": 1.3}),
    "°F → °C": Row(
        lambda x, c: (x - 32) / 1.8, "unit", columns("dewp humid distance seats levels"), {"factor": 5 / 9}, "°F → °C"
    ),
    "°C → °F": Row(
        lambda x, c: x * 1.8 + 32, "unit", columns("dewp wind_speed seats levels sizes"), {"offset": 32.0}, "°C → °F"
    ),
    "mi → km": Row(
        lambda x, c: x * 1.609344, "unit", columns("distance humid seats counts temp"), {"factor": 1.609}, "mi → km"
    ),
    "m → ft": Row(lambda x, c: x / 0.3048, "unit", columns("temp wind_speed distance seats hour"), {"factor": 3.281}),
    "kn → m/s": Row(lambda x, c: x * 0.514444, "unit", columns("humid wind_speed seats even"), {"factor": 0.5144}),
    "logarithm": Row(lambda x, c: np.log(np.where(x > 0, x, np.nan)), "unit", columns("visib seats"), word="ln x"),
    "°F → °C in a third": Row(
        lambda x, c: np.where(c.random(len(x)) < 0.33, (x - 32) / 1.8, x),
        "unit",
        columns("temp dewp humid distance levels"),
        {"factor": 5 / 9, "share": 0.33},
    ),
    "clipped above": Row(
        lambda x, c: np.minimum(x, at(0.8, x)), "clipped", columns("temp humid distance normal counts"), word="above"
    ),
    "clipped below": Row(
        lambda x, c: np.maximum(x, at(0.25, x)), "clipped", columns("temp humid distance normal counts"), word="below"
    ),
    "stuck": Row(lambda x, c: np.full(len(x), at(0.4, x)), "stuck", columns("temp humid distance normal counts")),
    "missing": Row(some(0.2, np.nan), "missing", columns("temp distance normal counts hour"), {"share": 0.2}),
    "sign flipped": Row(lambda x, c: -x, "flipped", columns("dewp dep_delay signed skewed")),
    "sign lost": Row(lambda x, c: np.abs(x), "flipped", columns("dep_delay signed skewed"), word="lost"),
    "outliers": Row(outliers, "outliers", columns("temp distance humid normal counts even"), {"share": 0.03}),
    "far away": Row(some(0.05, -9999.0), "outliers", columns("temp distance normal counts hour"), {"share": 0.05}),
    "zero": Row(some(0.15, 0.0), "default", columns("dep_delay signed skewed"), {"value": 0.0, "share": 0.15}),
    "minus one": Row(some(0.15, -1.0), "default", columns("dep_delay signed skewed"), {"value": -1.0, "share": 0.15}),
    "mean": Row(lambda x, c: some(0.2, mean_of("normal"))(x, c), "default", ("normal",), {"share": 0.2}, "mean"),
    "mean of shares": Row(lambda x, c: some(0.2, mean_of("share"))(x, c), "default", ("share",), word="mean"),
    "mean of even": Row(lambda x, c: some(0.2, mean_of("even"))(x, c), "default", ("even",), word="mean"),
    "a mass at one value": Row(
        lambda x, c: some(0.2, at(0.83, x))(x, c), "spike", columns("temp humid distance normal counts"), {"share": 0.2}
    ),
    "mixture": Row(beside, "mixture", columns("humid distance skewed waits counts"), {"share": 0.25}),
    "rounded to tens": Row(
        lambda x, c: np.round(x / 10) * 10, "rounded", columns("temp humid dewp even waits"), {"step": 10.0}
    ),
    "rounded to fives": Row(
        lambda x, c: np.round(x / 5) * 5, "rounded", columns("temp humid waits normal counts"), {"step": 5.0}
    ),
    "truncated": Row(lambda x, c: np.trunc(x), "truncated", columns("humid pressure signed skewed"), {"step": 1.0}),
    "cut to tens": Row(lambda x, c: np.floor(x / 10) * 10, "truncated", columns("temp humid even"), {"step": 10.0}),
    "five hours later": Row(lambda x, c: (x + 5) % 24, "hours", columns("hour hour_of_day rush_hour"), {"hours": 5}),
    "an hour earlier": Row(lambda x, c: (x - 1) % 24, "hours", columns("hour hour_of_day rush_hour"), {"hours": -1}),
    "spread out": Row(
        lambda x, c: np.nanmean(x) + 1.4 * (x - np.nanmean(x)), "spread", columns("humid normal even"), {"factor": 1.4}
    ),
    "filtered": Row(lambda x, c: c.choice(x[x <= at(0.7, x)], len(x)), "gone", columns("hour wind_speed")),
    "a new category": Row(some(0.05, "XX"), "new", columns("carrier origin dest city device"), {"share": 0.05}, "'XX'"),
    "renamed": Row(
        lambda x, c: np.where(x == usual(x, 1), "another", x), "renamed", CATEGORIES, word="renamed to 'another'"
    ),
    "swapped": Row(swap, "swapped", columns("carrier city device"), word="swapped"),
    "merged": Row(lambda x, c: np.where(x == usual(x, 2), usual(x, 0), x), "merged", columns("carrier city device")),
    "lower case": Row(
        lambda x, c: [v.lower() for v in x], "spelling", columns("carrier origin dest city"), word="lower"
    ),
    "a space behind": Row(lambda x, c: [f"{v} " for v in x], "spelling", CATEGORIES, word="with a space behind"),
    "one in upper case": Row(
        lambda x, c: [v.upper() if v in ("ios", "Ulm") else v for v in x], "spelling", columns("city device")
    ),
    "a category takes over": Row(
        lambda x, c: np.where(c.random(len(x)) < 0.3, usual(x, 1), x), "share", columns("carrier dest city device")
    ),
    "a category filtered": Row(lambda x, c: c.choice(x[x != usual(x, 1)], len(x)), "gone", columns("carrier device")),
    "one category alone": Row(lambda x, c: np.full(len(x), usual(x, 1)), "stuck", CATEGORIES, word="is always"),
    "some missing": Row(some(0.2, None), "missing", CATEGORIES, {"share": 0.2}),
}

NUMBERS = columns(
    "temp dewp humid wind_speed pressure visib distance seats dep_delay hour normal signed waits counts even"
)
SILENT: dict[str, tuple[Inject, tuple[str, ...]]] = {
    "as it was": (lambda x, c: x, (*NUMBERS, *CATEGORIES)),
    "a factor and a mass": (lambda x, c: some(0.2, np.nanmean(x))(x * 1.3, c), NUMBERS),
    "a shift and a limit": (lambda x, c: np.minimum(x + 0.5 * np.nanstd(x), at(0.9, x)), NUMBERS),
    "a shift and missing values": (lambda x, c: some(0.2, np.nan)(x + 0.5 * np.nanstd(x), c), NUMBERS),
    "far out of range": (lambda x, c: x * 100 + 1e6, NUMBERS),
    "a new category and missing ones": (
        lambda x, c: some(0.2, None)(some(0.1, "XX")(x, c), c), CATEGORIES,
    ),
}  # fmt: skip
"""Mixtures of kinds, and what counts cannot tell: nothing is to be told."""
