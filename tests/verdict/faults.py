"""Known faults: a column as the reference has it and as it is now, and the two ways in which a sentence tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import numpy as np
import polars as pl

from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from driftmeter.settings.model import ModelSettings
from driftmeter.types import Floats
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.verdict import FeatureVerdict
from tests.verdict.streams import PANE, START, feature_of, follow, summary_of, verdict_of

PANES, ROWS = 4, 500
"""Live, a window of 2**k panes ends with the last one, for each k: so a sentence is about the last rows."""
REFERENCE_ROWS = 8_000

Draw = Callable[[np.random.Generator, int], Any]


@dataclass(frozen=True)
class Fault:
    """A column `x` before and after a fault: each is drawn by a generator and a number of rows.

    `other` draws a column that is there beside it, from the values of `x`; `feature` is the one that is to be told of,
    which is of the given `kinds`. `sentence` is what live alarms begin with.
    """

    before: Draw
    after: Draw
    sentence: str
    feature: str = "x"
    kinds: Mapping[str, str] = field(default_factory=dict)
    other: Callable[[np.random.Generator, pl.Series], pl.Series] | None = None

    def frames(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the reference, and the rows with the fault."""
        chance = np.random.default_rng(51)
        reference = self._frame(chance, self.before, self.before, REFERENCE_ROWS)
        return reference, self._frame(chance, self.before, self.after, PANES * ROWS)

    def _frame(self, chance: np.random.Generator, usual: Draw, draw: Draw, rows: int) -> pl.DataFrame:
        state = chance.bit_generator.state
        x = pl.Series("x", usual(chance, rows), strict=False)
        beside = [] if self.other is None else [self.other(chance, x).alias("y")]
        if draw is not usual:
            chance.bit_generator.state = state  # the same rows, with the fault
            x = pl.Series("x", draw(chance, rows), strict=False)
        return pl.DataFrame([x, *beside])

    def live(self, **settings: Any) -> tuple[str, pl.DataFrame, pl.DataFrame]:
        """Return what a verdict says after the last pane, the reference, and the rows of the panes."""
        reference, now = self.frames()
        profile = self.profile(reference)
        judge = Judge(profile, ModelSettings(**settings))
        panes = [
            Slice(START + place * PANE, PANE, summary_of(profile, now[place * ROWS : (place + 1) * ROWS]))
            for place in range(PANES)
        ]
        state, _ = follow(judge, panes)
        return found(feature_of(verdict_of(judge, state, panes[-1]), self.feature)), reference, now

    def checked(self) -> tuple[str, pl.DataFrame, pl.DataFrame]:
        """Return what a check of all rows says, the reference, and the rows."""
        reference, now = self.frames()
        return found(feature_of(compare(self.profile(reference), now).verdict, self.feature)), reference, now

    def profile(self, reference: pl.DataFrame) -> Profile:
        """Return the reference's profile."""
        return Profile.fit(reference, model="m", independent=True, kinds=self.kinds)


def found(verdict: FeatureVerdict) -> str:
    """Return why a feature drifts without the kind of change that the sentence may begin with."""
    if verdict.change is None:
        return verdict.why
    told = verdict.why[1:].removeprefix(f"{verdict.change.text[1:]}: ")
    return verdict.why if told == verdict.why[1:] else f"{told[0].upper()}{told[1:]}"


def normal(mean: float = 55, sd: float = 18) -> Draw:
    return lambda chance, rows: mean + sd * chance.normal(size=rows)


def some(share: float, value: object, draw: Draw) -> Draw:
    """Return a draw of which a share of the rows, the first in each ten thousandth of it, holds one value instead."""

    def drawn(chance: np.random.Generator, rows: int) -> list[Any]:
        values = list(draw(chance, rows))
        held = np.floor(np.arange(1, rows + 1) * share) > np.floor(np.arange(rows) * share)
        return [value if there else drawn for there, drawn in zip(held.tolist(), values, strict=True)]

    return drawn


def categories(**shares: float) -> Draw:
    names, weights = [*shares], np.array([*shares.values()])
    return lambda chance, rows: chance.choice(names, rows, p=weights / weights.sum()).tolist()


def hours(first: int, last: int) -> Draw:
    return lambda chance, rows: [
        datetime(2026, 1, 1 + place % 28, hour, tzinfo=UTC)
        for place, hour in enumerate(chance.integers(first, last, rows).tolist())
    ]


def flights(column: str) -> Draw:
    """Return a draw of real flights, with replacement."""
    table = pl.read_parquet(resources.files("driftmeter.demo").joinpath("flights.parquet").read_bytes())
    values = table[column].drop_nulls()
    return lambda chance, rows: values[chance.integers(0, len(values), rows)].to_list()


def mapped(change: Callable[[np.ndarray[Any, Any]], Any], draw: Draw) -> Draw:
    return lambda chance, rows: change(np.asarray(draw(chance, rows)))


def _without(values: Floats) -> Floats:
    """Move the values from 50 to 60 far from there, to the nearer side."""
    inside = (values >= 50) & (values < 60)
    return np.where(inside, np.where(values < 55, values - 5, values + 5), values)


CITIES = {"Ulm": 0.5, "Bonn": 0.3, "Jena": 0.15, "Trier": 0.05}
PORT = {"EWR": 0.36, "JFK": 0.33, "LGA": 0.31}
FAULTS = {
    "a plain fall": Fault(normal(), normal(31.5), "Fell from 55 to 3"),
    "a rise of a half": Fault(normal(), normal(64), "Rose from 5"),
    "a small rise": Fault(normal(), normal(60.4), "Rose from 5"),
    "a large rise": Fault(normal(), normal(91), "Rose from 5"),
    "of a share": Fault(
        lambda c, n: c.beta(6, 5, n), lambda c, n: c.beta(1, 30, n), "Fell from 0.55 to below 0.1"
    ),
    "tiny numbers": Fault(normal(3e-9, 1e-9), normal(3.8e-9, 1e-9), "Rose from 3.0"),
    "huge numbers": Fault(normal(3e15, 1e15), normal(3.8e15, 1e15), "Rose from 3.0"),
    "large and close": Fault(normal(1e9, 1), normal(1e9 + 0.7, 1), "Rose from 1,000,000,000.0"),
    "negative": Fault(normal(-400, 25), normal(-430, 25), "Fell from -400 to -4"),
    "through zero": Fault(normal(-0.5, 2), normal(0.6, 2), "Rose from -0.5"),
    "integers": Fault(lambda c, n: c.poisson(4, n), lambda c, n: c.poisson(5, n), "Rose from 4.0"),
    "many integers": Fault(lambda c, n: c.poisson(900, n), lambda c, n: c.poisson(880, n), "Fell from 90"),
    "zero and one": Fault(
        lambda c, n: (c.random(n) < 0.4).astype(float), lambda c, n: (c.random(n) < 0.55).astype(float), "Rose from 0.4"
    ),
    "heavy tails": Fault(
        lambda c, n: np.exp(2 * c.normal(size=n)), lambda c, n: np.exp(2 * c.normal(size=n) + 0.9), "Rose from "
    ),
    "another unit": Fault(normal(12, 6), normal(12 * 1.8 + 32, 6 * 1.8), "Rose from 12 to above "),
    "spread out": Fault(normal(), normal(55, 24), "The width of the middle half of the values rose from 2"),
    "gathered": Fault(normal(), normal(55, 10), "The standard deviation of the values fell from 18"),
    "spread far out": Fault(
        normal(), normal(55, 40), "The width of the middle half of the values rose from 24",
    ),
    "a bump": Fault(normal(), some(0.15, 62.0, normal()), "Values from 6"),
    "a gap": Fault(normal(), mapped(_without, normal()), "Values from 50."),
    "skewed": Fault(
        normal(), lambda c, n: 55 + 18 * (c.exponential(1, n) - 1), "Values from "
    ),
    "tails": Fault(
        lambda c, n: c.normal(0, 1, n), lambda c, n: c.standard_t(3, n) * 0.6,
        "The width of the middle half of the values fell from 1.3"
    ),
    "one of 200 levels": Fault(
        lambda c, n: c.integers(0, 200, n), some(0.15, 70, lambda c, n: c.integers(0, 200, n)), "Values from 6"
    ),
    "one value takes over": Fault(
        lambda c, n: c.integers(0, 20, n), some(0.3, 9, lambda c, n: c.integers(0, 20, n)), "The value 9 rose from 4."
    ),
    "stands still": Fault(normal(), lambda c, n: np.full(n, 41.5), "Fell from 55 to 4"),
    "too high": Fault(normal(), some(0.1, 130.0, normal()), "Values from 122 to 155, above the"),
    "too low": Fault(normal(), some(0.04, -25.0, normal()), "Values from -51 to -16, below the"),
    "partly far too high": Fault(
        normal(), some(0.12, 130.0, some(0.1, 400.0, normal())),
        "Values from 122 to 155, above the reference's range, rose from 0 % to 12.0 %",
    ),
    "far above all": Fault(
        lambda c, n: c.uniform(0, 8_000, n), lambda c, n: c.uniform(9_000, 11_000, n),
        "Rose from 4,000 to above 8,000 in the median",
    ),
    "heavy tails, gathered": Fault(
        lambda c, n: 5 + c.standard_t(2, n), lambda c, n: 5 + 0.6 * c.standard_t(2, n),
        "The width of the middle half of the values fell from 1.6"
    ),
    "a sentinel": Fault(normal(), some(0.03, -999.0, normal()), "Values below -"),
    "millions": Fault(normal(), some(0.2, 5e6, normal()), "Values from 1"),
    "missing": Fault(some(0.1, None, normal()), some(0.22, None, normal()),
        "Missing values rose from 10.0 % to 22.0 %"),
    "hardly missing": Fault(normal(), some(0.03, None, normal()), "Missing values rose from 0 % to 3.0 %"),
    "no longer missing": Fault(some(0.3, None, normal()), normal(), "Missing values fell from 30.0 % to 0 %"),
    "infinite": Fault(normal(), some(0.05, np.inf, normal()), "Infinite values rose from 0 % to 5.0 %"),
    "unreadable": Fault(
        normal(), mapped(lambda values: [str(v) if i % 20 else "n/a?" for i, v in enumerate(values)], normal()),
        "Unreadable values, none of the feature's kind, rose from 0 % to 5.0 %",
    ),
    "a category grows": Fault(
        categories(**CITIES), categories(**{**CITIES, "Trier": 0.6}), "Category 'Trier' rose from 5."
    ),
    "a category goes": Fault(
        categories(**CITIES), categories(**{**CITIES, "Bonn": 0.0}), "Category 'Bonn' fell from 29.8 % to 0 %"
    ),
    "an unseen category": Fault(
        categories(**CITIES), some(0.05, "Köln", categories(**CITIES)),
        "Categories never seen before rose from 0 % to 5.0 %"
    ),
    "unseen categories": Fault(
        categories(**CITIES), categories(**CITIES, Rom=0.2, Wien=0.1, Graz=0.05, Bern=0.02, Basel=0.02),
        "Categories never seen before rose from 0 %",
    ),
    "another spelling": Fault(
        categories(**CITIES), mapped(lambda v: np.where(v == "Jena", "JENA", v).tolist(), categories(**CITIES)),
        "Cat",
    ),
    "a boolean": Fault(
        lambda c, n: c.random(n) < 0.7, lambda c, n: c.random(n) < 0.5, "Value "
    ),
    "a missing boolean": Fault(
        lambda c, n: c.random(n) < 0.7, some(0.5, None, lambda c, n: c.random(n) < 0.7), "Missing values rose from 0 %"
    ),
    "numbers as categories": Fault(
        lambda c, n: c.integers(1, 5, n), some(0.3, 4, lambda c, n: c.integers(1, 5, n)), "Category '4' rose from 2",
        kinds={"x": "categorical"},
    ),
    "hours of the day": Fault(
        hours(6, 20), some(0.25, datetime(2026, 1, 1, 3, tzinfo=UTC), hours(6, 20)), "Hour 3 rose from 0 % to 25.0 %",
        feature="x hour", kinds={"x": "hour"},
    ),
    "no longer fits the rest": Fault(
        normal(12, 4), mapped(lambda values: np.roll(values, 7), normal(12, 4)),
        "The width of the middle half of the values rose from 2.",
        feature="x given the rest", other=lambda c, x: 2 * x + 4 * c.normal(size=len(x)),
    ),
    "in another unit than the rest": Fault(
        normal(12, 4), mapped(lambda values: values + 5, normal(12, 4)), "Rose from ",
        feature="x given the rest", other=lambda c, x: 2 * x + 4 * c.normal(size=len(x)),
    ),
    "flights: colder": Fault(flights("temp"), mapped(lambda t: t - 12.0, flights("temp")), "Fell from "),
    "flights: no wind": Fault(flights("wind_speed"), some(0.2, None, flights("wind_speed")), "Missing values rose"),
    "flights: miles as kilometres": Fault(
        flights("distance"), mapped(lambda d: d * 1.609, flights("distance")), "Rose from "
    ),
    "flights: another carrier": Fault(
        flights("carrier"),
        some(0.2, "XX", flights("carrier")),
        "Categories never seen before rose from 0.01 % to 20.0 %",
    ),
    "flights: one origin": Fault(flights("origin"), some(0.5, "LGA", flights("origin")), "Category 'LGA' rose from 3"),
}  # fmt: skip
