"""Is the feature that is blamed the one that went wrong?

    python bench/blame.py [--cases 100] [--seed 0] [--months 12] [--natural]

Each case injects a fault into one column of held-out flights, or into two columns in a third of the cases: another
unit, a shift of .5 to 3 standard deviations, a scale, one value, 20 to 100 % missing, the values of other rows,
clipping, the other sign, two categories swapped. All rows are judged as `driftmeter check` does. The causes must be the
columns with a fault, and no other. Prints the misses; the exit code is 1 if more than 5 % are.

A fault by which nothing drifts, or nothing of its own column, is drawn again: there is nobody to blame. A column
without a fault whose own values drift by chance is no miss: its values are the same as without the fault.

Reference and held-out rows are random halves of the first MONTHS months. With `--natural` the profile is of January and
the held-out rows are of July, which are warmer and more humid: what drifts by the season alone must not follow the
column with the fault. The exit code is 1 if more than 5 % of such features do.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from driftmeter.demo import data
from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from driftmeter.types import Floats
from driftmeter.verdict.verdict import FeatureVerdict, Verdict

ROWS = 4_000
BAR = 0.95
UNITS = {
    "hour": (1 / 24, 0.0),
    "distance": (1.609344, 0.0),
    "temp": (5 / 9, -160 / 9),
    "dewp": (5 / 9, -160 / 9),
    "humid": (0.01, 0.0),
    "wind_dir": (np.pi / 180, 0.0),
    "wind_speed": (1.609344, 0.0),
    "wind_gust": (1.609344, 0.0),
    "precip": (25.4, 0.0),
    "pressure": (0.02953, 0.0),
    "visib": (1.609344, 0.0),
    "seats": (0.5, 0.0),
    "plane_year": (1.0, -1900.0),
    "dep_delay": (60.0, 0.0),
}
"""A wrong unit of each column, as a factor and an offset."""
KINDS = ("unit", "shift", "scale", "stuck", "missing", "shuffle", "clip", "flip")


@dataclass(frozen=True)
class Fault:
    """A fault of one column; its `seed` draws what else there is to draw."""

    column: str
    kind: str
    seed: int

    def __str__(self) -> str:
        """Return column and kind."""
        return f"{self.column} {self.kind}"

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Fault:
        """Draw a fault of any column."""
        column = str(rng.choice(data.FEATURES))
        kind = "swap" if column in data.CATEGORICAL else str(rng.choice(KINDS))
        return cls(column, kind, int(rng.integers(2**30)))

    def apply(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows with the fault."""
        rng = np.random.default_rng(self.seed)
        if self.kind == "swap":
            frequent = rows[self.column].drop_nulls().value_counts(sort=True)[self.column].to_list()[:6]
            first, second = rng.choice(frequent, 2, replace=False).tolist()
            return rows.with_columns(pl.col(self.column).replace({first: second, second: first}))
        values = self._changed(rows[self.column].cast(pl.Float64).fill_null(np.nan).to_numpy().copy(), rng)
        return rows.with_columns(pl.Series(self.column, values).fill_nan(None))

    def _changed(self, values: Floats, rng: np.random.Generator) -> Floats:
        if self.kind == "unit":
            factor, offset = UNITS[self.column]
            return factor * values + offset
        if self.kind == "shift":
            return values + rng.choice([-1, 1]) * rng.uniform(0.5, 3) * np.nanstd(values)
        if self.kind == "scale":
            return values * rng.choice([0.5, 0.7, 1.5, 2, 3, 10])
        if self.kind == "stuck":
            return np.full(len(values), rng.choice(values[np.isfinite(values)]))
        if self.kind == "missing":
            return np.where(rng.random(len(values)) < rng.uniform(0.2, 1), np.nan, values)
        if self.kind == "shuffle":
            return values[rng.permutation(len(values))]
        if self.kind == "clip":
            share = rng.uniform(0.1, 0.6)
            if rng.random() < 0.5:
                return np.minimum(values, np.nanquantile(values, 1 - share))
            return np.maximum(values, np.nanquantile(values, share))
        return -values


@dataclass(frozen=True)
class Case:
    """The verdict on rows with faults."""

    faults: tuple[Fault, ...]
    verdict: Verdict
    columns: dict[str, str]
    """The column of each feature."""

    @property
    def drifting(self) -> list[FeatureVerdict]:
        """What drifts."""
        return [feature for feature in self.verdict.features if feature.drifting]

    @property
    def blamed(self) -> set[str]:
        """The columns that are to blame, less those without a fault whose own values drift."""
        wanted = {fault.column for fault in self.faults}
        causes = [feature for feature in self.drifting if feature.follows is None]
        return {
            self.columns[cause.feature]
            for cause in causes
            if cause.role == "derived" or self.columns[cause.feature] in wanted
        }

    @property
    def right(self) -> bool:
        """Whether the columns with a fault are blamed, and no other."""
        return self.blamed == {fault.column for fault in self.faults}


def halves(months: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return random halves of the flights of the first months: the reference, and the held-out rows."""
    parts = [pl.DataFrame(part).drop(data.LABEL, strict=False) for part in (data.reference(), data.held_out())]
    rows = pl.concat(parts).filter(pl.col(data.TIME).dt.month() <= months).sample(fraction=1, shuffle=True, seed=3)
    return rows[: len(rows) // 2], rows[len(rows) // 2 :]


def profile_of(reference: pl.DataFrame) -> Profile:
    return Profile.fit(reference, model="flights", prediction=data.PREDICTION, exclude=(data.TIME,), independent=True)


def cases(profile: Profile, held_out: pl.DataFrame, number: int, seed: int) -> Iterator[Case]:
    """Yield cases, of which every third has two faults."""
    rng = np.random.default_rng(seed)
    columns = {feature.name: feature.column for feature in profile.features}
    for index in range(number):
        rows = held_out.sample(min(ROWS, len(held_out)), seed=int(rng.integers(2**30)))
        faults: tuple[Fault, ...] = ()
        while len({fault.column for fault in faults}) < (2 if index % 3 == 2 else 1):
            fault = Fault.draw(rng)
            alone = Case((fault,), compare(profile, fault.apply(rows)).verdict, columns)
            if any(columns[feature.feature] == fault.column for feature in alone.drifting):
                faults = (*faults, fault) if all(fault.column != other.column for other in faults) else faults
        for fault in faults:
            rows = fault.apply(rows)
        yield Case(faults, compare(profile, rows).verdict, columns)


def injections(number: int, seed: int, months: int) -> bool:
    """Print the misses; return whether few enough are."""
    reference, held_out = halves(months)
    profile, misses, begin = profile_of(reference), 0, time.perf_counter()
    for case in cases(profile, held_out, number, seed):
        if not case.right:
            misses += 1
            follow = {one.feature: one.follows for one in case.drifting if one.follows is not None}
            print(f"miss: {', '.join(map(str, case.faults))}; to blame: {sorted(case.blamed)}; follow: {follow}")
    took = time.perf_counter() - begin
    print(f"first {months} months, seed {seed}: {number - misses} of {number} right, {took:.0f} s")
    return misses <= (1 - BAR) * number


def natural(number: int, seed: int) -> bool:
    """Print which features that drift by the season follow a column with a fault; return whether few enough do."""
    january, july = halves(1)[0], halves(7)[1].filter(pl.col(data.TIME).dt.month() == 7)
    profile = profile_of(january)
    usual = {
        one.feature
        for one in compare(profile, july.sample(ROWS, seed=seed, with_replacement=True)).verdict.features
        if one.drifting
    }
    wrong = total = 0
    for case in cases(profile, july, number, seed):
        wanted = {fault.column for fault in case.faults}
        by_season = [one for one in case.drifting if one.role == "feature" and one.feature in usual - wanted]
        led = [
            f"{one.feature} by {one.follows}"
            for one in by_season
            if one.follows and case.columns[one.follows] in wanted
        ]
        wrong, total = wrong + len(led), total + len(by_season)
        if led:
            print(f"{', '.join(map(str, case.faults))}: {', '.join(led)}")
    print(f"January's profile, July's rows: {wrong} of {total} drifting features follow a column with a fault")
    return wrong <= (1 - BAR) * total


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--months", type=int, default=12, help="of the first ones; 1 is January")
    parser.add_argument("--natural", action="store_true", help="only this question")
    options = parser.parse_args(arguments)
    if options.natural:
        sys.exit(not natural(options.cases, options.seed))
    sys.exit(not injections(options.cases, options.seed, options.months))


if __name__ == "__main__":
    main()
