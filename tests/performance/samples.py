"""References with labels whose truth is known, and the counts of rows by cell."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import polars as pl

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import as_frame, column_of, columns_of
from driftmeter.performance.labels import values_of
from driftmeter.performance.realised import label_sums, realised
from driftmeter.profile.performance import Performance, bins_of
from driftmeter.profile.profile import Profile
from driftmeter.types import Codes, Counts, Floats


def binary(rows: int, seed: int = 0, *, hard: float = 0.3, flip: float = 0.0) -> pl.DataFrame:
    """Return rows of a model that is right less often in `region` "hard", of which there is a share `hard`.

    The score knows x and not the region; `flip` is a share of labels that are turned, which no estimate can see.
    """
    chance = np.random.default_rng(seed)
    x = chance.normal(size=rows)
    region = np.where(chance.random(rows) < hard, "hard", "easy")
    odds = np.where(region == "hard", 0.4, 2.5) * x
    label = chance.random(rows) < 1 / (1 + np.exp(-odds))
    label ^= chance.random(rows) < flip
    score = 1 / (1 + np.exp(-1.5 * x))
    return pl.DataFrame(
        {"x": x, "region": region, "noise": chance.normal(size=rows), "score": score, "label": label.astype(int)}
    )


def multiclass(rows: int, seed: int = 0, *, shift: float = 0.0) -> pl.DataFrame:
    """Return rows of three classes with the probabilities that a model gives them, x moved by `shift`."""
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(rows, 2)) + np.array([shift, 0.0])
    odds = np.exp(np.column_stack([x[:, 0], x[:, 1], np.zeros(rows)]))
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    label = (chance.random(rows)[:, None] > np.cumsum(probabilities, axis=1)).sum(axis=1)
    names = np.array(["ape", "bee", "cat"])
    return pl.DataFrame(
        {"x": x[:, 0], "y": x[:, 1], **{f"p_{name}": probabilities[:, i] for i, name in enumerate(names)}}
    ).with_columns(guess=pl.Series(names[probabilities.argmax(axis=1)]), label=pl.Series(names[np.minimum(label, 2)]))


PROBABILITIES = {name: f"p_{name}" for name in ("ape", "bee", "cat")}


def regression(rows: int, seed: int = 0, *, wide: float = 0.3) -> pl.DataFrame:
    """Return rows whose error is five times as large in `kind` "wide", of which there is a share `wide`."""
    chance = np.random.default_rng(seed)
    x = chance.normal(50, 10, size=rows)
    kind = np.where(chance.random(rows) < wide, "wide", "narrow")
    label = x + chance.normal(size=rows) * np.where(kind == "wide", 5.0, 1.0)
    return pl.DataFrame({"x": x + chance.normal(size=rows), "kind": kind, "guess": x, "label": label})


def fit(frame: pl.DataFrame, prediction: str = "score", **options: object) -> tuple[Profile, Performance]:
    """Return the profile of a reference, and its performance."""
    profile = Profile.fit(
        frame,
        model="m",
        prediction=prediction,
        label="label",
        residuals=False,
        **options,  # type: ignore[arg-type]
    )
    assert profile.performance is not None
    return profile, profile.performance


def counts_of(profile: Profile, frame: pl.DataFrame) -> Counts:
    """Return the counts of rows by cell of all tables."""
    assert profile.performance is not None
    bins, _ = _bins(profile, frame)
    return np.concatenate([np.bincount(t.cells_of(bins), minlength=t.size) for t in profile.performance.tables])


def sums_of(profile: Profile, frame: pl.DataFrame) -> tuple[Floats, Floats]:
    """Return the labelled rows and their sums by group of all tables."""
    assert profile.performance is not None
    bins, predictions = _bins(profile, frame)
    labels = values_of(profile.performance, column_of(nw.from_native(frame)["label"]))
    return label_sums(profile.performance, bins, predictions, labels)


def realised_of(profile: Profile, frame: pl.DataFrame) -> dict[str, float | None]:
    """Return the realised metrics of rows."""
    assert profile.performance is not None
    return realised(profile.performance, *sums_of(profile, frame))


def _bins(profile: Profile, frame: pl.DataFrame) -> tuple[Codes, Floats]:
    reader = Reader(profile)
    rows, _, _ = reader.read_columns(columns_of(as_frame(frame), reader.names))
    number = next((i for i, f in enumerate(reader.numeric) if f.column == profile.prediction_column), None)
    predictions = np.zeros(len(rows)) if number is None else rows.numbers[:, number]
    return bins_of(Binner(profile).places(rows), profile.offsets), predictions
