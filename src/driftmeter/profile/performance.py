"""What a reference with labels says of a model's performance: which cell a row is in, and the labels seen there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal, get_args

import numpy as np

from driftmeter.profile.checks import integer_of
from driftmeter.profile.feature import Feature
from driftmeter.profile.values import CategoryType
from driftmeter.types import JSON, Codes, Counts, Floats

Task = Literal["binary", "multiclass", "regression"]
TASKS = get_args(Task)
MOMENTS = ("error", "absolute", "squared", "label", "label_squared", "relative")
"""What is summed of each row in regression, where the error is prediction − label, and relative is |error / label|."""
LOW, HIGH, UNKNOWN = "l", "h", "?"
"""Where a split sends a bin; UNKNOWN is a bin in which the reference has no row."""


@dataclass(frozen=True)
class Split:
    """A node of the tree: where each bin of a feature goes, by one letter a bin.

    `low` and `high` are the index of a later split, or −1 − the number of a leaf.
    """

    feature: int
    sides: str
    low: int
    high: int


@dataclass(frozen=True)
class Axis:
    """The group of each bin of a feature, ascending with a score, −1 for a bin that says nothing (missing)."""

    feature: int
    groups: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of groups."""
        return max(self.groups) + 1


@dataclass(frozen=True)
class CellTable:
    """The cells of a target, and what the reference has in them. In multiclass, each class against the rest has one.

    The group of a row follows from the bins of its prediction, the last axis fastest; its leaf from the bins of its
    features; one more leaf is for rows that a split sends nowhere. The cell is group × (leaves + 1) + leaf, and the
    last cell has the rows without a readable prediction.

    `counts` (cells,) are the reference's rows with a label. `positives` (cells,) are those of the class, and `positive`
    (groups,) says where the model predicts the class; `scores` (4, groups of the first axis) are the means of s, s²,
    ln s and ln(1−s) of the score s, empty where the scores are no probabilities. In regression there are instead
    `moments` (cells, MOMENTS), means over the rows of a cell, relative being −1 where a label of the reference is 0;
    `spread` (cells, MOMENTS), standard deviations there; and `correlation` (MOMENTS, MOMENTS), that within cells.
    """

    axes: tuple[Axis, ...]
    splits: tuple[Split, ...]
    counts: tuple[int, ...]
    positives: tuple[int, ...] = ()
    positive: tuple[bool, ...] = ()
    scores: tuple[tuple[float, ...], ...] = ()
    moments: tuple[tuple[float, ...], ...] = ()
    spread: tuple[tuple[float, ...], ...] = ()
    correlation: tuple[tuple[float, ...], ...] = ()

    @property
    def groups(self) -> int:
        """The number of groups."""
        return prod(axis.size for axis in self.axes)

    @property
    def leaves(self) -> int:
        """The number of leaves, that of rows which a split sends nowhere included."""
        return len(self.splits) + 2

    @property
    def size(self) -> int:
        """The number of cells, that of rows without a prediction included."""
        return self.groups * self.leaves + 1

    @cached_property
    def rows(self) -> Counts:
        """`counts` by group and leaf, (groups, leaves)."""
        return np.array(self.counts[:-1], dtype=np.int64).reshape(self.groups, self.leaves)

    @cached_property
    def found(self) -> Counts:
        """`positives` by group and leaf, (groups, leaves)."""
        return np.array(self.positives[:-1], dtype=np.int64).reshape(self.groups, self.leaves)

    def groups_of(self, bins: Codes) -> Codes:
        """Return the group of each row, −1 without a prediction; `bins` (rows, features) are those of its values."""
        group = np.zeros(len(bins), dtype=np.intp)
        unknown = np.zeros(len(bins), dtype=bool)
        for axis in self.axes:
            codes = np.array(axis.groups, dtype=np.intp)[bins[:, axis.feature]]
            unknown |= codes < 0
            group = group * axis.size + codes
        return np.where(unknown, -1, group)

    def cells_of(self, bins: Codes) -> Codes:
        """Return the cell of each row, shape (rows,); `bins` (rows, features) are those of its values."""
        group = self.groups_of(bins)
        return np.where(group < 0, self.size - 1, group * self.leaves + leaves_of(self.splits, bins))

    def to_json(self) -> JSON:
        """Return plain JSON."""
        return {
            "axes": [[axis.feature, list(axis.groups)] for axis in self.axes],
            "splits": [[split.feature, split.sides, split.low, split.high] for split in self.splits],
            "counts": list(self.counts),
            "positives": list(self.positives),
            "positive": [int(positive) for positive in self.positive],
            "scores": [list(row) for row in self.scores],
            "moments": [list(row) for row in self.moments],
            "spread": [list(row) for row in self.spread],
            "correlation": [list(row) for row in self.correlation],
        }

    @classmethod
    def from_json(cls, data: JSON) -> CellTable:
        """Read what `to_json` wrote; `check` says whether it fits a profile."""
        return cls(
            tuple(Axis(integer_of(feature), _signed(groups)) for feature, groups in data["axes"]),
            tuple(Split(integer_of(feature), str(sides), *_signed(ends)) for feature, sides, *ends in data["splits"]),
            _integers(data["counts"]),
            _integers(data["positives"]),
            tuple(bool(positive) for positive in data["positive"]),
            _floats(data["scores"]),
            _floats(data["moments"]),
            _floats(data["spread"]),
            _floats(data["correlation"]),
        )

    def check(self, features: Sequence[Feature], task: Task) -> None:
        """Raise ValueError where this cannot be a table over these features."""
        for axis in self.axes:
            if len(axis.groups) != features[axis.feature].size or min(axis.groups) < -1 or max(axis.groups) < 0:
                raise ValueError(f"expected a group for each bin of {features[axis.feature].name!r}")
        for index, split in enumerate(self.splits):
            if len(split.sides) != features[split.feature].size or set(split.sides) - {LOW, HIGH, UNKNOWN}:
                raise ValueError(f"expected a side for each bin of {features[split.feature].name!r}")
            if not all(index < child < len(self.splits) or child < 0 for child in (split.low, split.high)):
                raise ValueError("expected splits before those that they lead to")
        children = sorted(child for split in self.splits for child in (split.low, split.high))
        if self.splits and children != [*range(1 - self.leaves, 0), *range(1, len(self.splits))]:
            raise ValueError("expected a tree: each split and each leaf once")
        if not self.axes or len(self.counts) != self.size:
            raise ValueError(f"expected counts of {self.groups} groups and {self.leaves} leaves")
        if not any(self.counts[:-1]):
            raise ValueError("expected rows with labels")
        if task == "regression":
            width = len(MOMENTS)
            lengths = ((self.moments, self.size), (self.spread, self.size), (self.correlation, width))
            shapes = [(rows, length, width) for rows, length in lengths]
        else:
            shapes = [(self.scores, 4, self.axes[0].size)] if self.scores else []
            if len(self.positives) != self.size or len(self.positive) != self.groups:
                raise ValueError("expected positives of each cell, and a side of each group")
            if any(not 0 <= few <= all_ for few, all_ in zip(self.positives, self.counts, strict=True)):
                raise ValueError("expected at most as many positives as rows")
        for rows, length, width in shapes:
            if len(rows) != length or any(len(row) != width for row in rows):
                raise ValueError(f"expected {length} rows of {width} numbers")


def leaves_of(splits: Sequence[Split], bins: Codes) -> Codes:
    """Return the leaf of each row, shape (rows,); the number of leaves where a split sends the row nowhere.

    >>> leaves_of([Split(0, "llh?", -1, -2)], np.array([[0], [2], [3]])).tolist()
    [0, 1, 2]
    """
    node = np.zeros(len(bins), dtype=np.intp)
    leaf = np.full(len(bins), -1 if splits else 0, dtype=np.intp)
    for index, split in enumerate(splits):
        here = np.flatnonzero((node == index) & (leaf < 0))
        sides = np.array([{LOW: split.low, HIGH: split.high, UNKNOWN: -2 - len(splits)}[side] for side in split.sides])
        child = sides[bins[here, split.feature]]
        leaf[here[child < 0]] = -1 - child[child < 0]
        node[here] = child
    return leaf


@dataclass(frozen=True)
class Usual:
    """What the reference says of a metric: its value, and variances.

    `of_row` is the sampling variance of one row: that of n rows is n times less. `between` is how much the realised
    metric varies from time to time beyond sampling, and `missed` how much of that the estimate does not see; both are
    0 where the reference has no time.
    """

    value: float
    of_row: float
    between: float = 0.0
    missed: float = 0.0


@dataclass(frozen=True)
class Performance:
    """The labels of a reference by cell: all that an estimate without labels needs.

    `classes` are the texts of the label's values, in binary the negative and the positive one, in regression none.
    `label_type` is how they are read. `threshold` is the score from which on a binary prediction is positive, None
    where the prediction is a class. `tables` has one table, in multiclass one for each class. `usual` has the metrics
    of the reference.
    """

    task: Task
    label: str
    label_type: CategoryType
    classes: tuple[str, ...]
    threshold: float | None
    tables: tuple[CellTable, ...]
    usual: dict[str, Usual]

    @property
    def size(self) -> int:
        """The length of a vector of counts: the cells of all tables."""
        return sum(table.size for table in self.tables)

    def parts(self) -> list[slice]:
        """Return where the cells of each table are in a vector of counts."""
        ends = np.cumsum([table.size for table in self.tables]).tolist()
        return [slice(end - table.size, end) for end, table in zip(ends, self.tables, strict=True)]

    def to_json(self) -> JSON:
        """Return plain JSON."""
        return {
            "task": self.task,
            "label": self.label,
            "label_type": self.label_type,
            "classes": list(self.classes),
            "threshold": self.threshold,
            "tables": [table.to_json() for table in self.tables],
            "usual": {
                name: [one.value, one.of_row, one.between, one.missed] for name, one in sorted(self.usual.items())
            },
        }

    @classmethod
    def from_json(cls, data: JSON, features: Sequence[Feature]) -> Performance:
        """Read what `to_json` wrote; raises ValueError where it does not fit the features."""
        performance = cls(
            data["task"],
            data["label"],
            data["label_type"],
            tuple(data["classes"]),
            None if data["threshold"] is None else float(data["threshold"]),
            tuple(map(CellTable.from_json, data["tables"])),
            {str(name): Usual(*map(float, values)) for name, values in data["usual"].items()},
        )
        if performance.task not in TASKS or performance.label_type not in get_args(CategoryType):
            raise ValueError(f"expected a task of {TASKS}, got {performance.task!r}, {performance.label_type!r}")
        if not all(isinstance(text, str) for text in (performance.label, *performance.classes)):
            raise TypeError("label, classes: expected texts")
        tables = len(performance.classes) if performance.task == "multiclass" else 1
        if len(performance.tables) != tables:
            raise ValueError(f"expected {tables} tables of cells, got {len(performance.tables)}")
        for table in performance.tables:
            table.check(features, performance.task)
        return performance


def bins_of(places: Codes, offsets: Sequence[int]) -> Codes:
    """Return the bins within each feature, from those among the bins of all features: both (rows, features)."""
    return places - np.array(offsets[:-1], dtype=np.intp)


def _integers(values: Sequence[int]) -> tuple[int, ...]:
    return tuple(map(integer_of, values))


def _signed(values: Sequence[int]) -> tuple[int, ...]:
    return tuple(integer_of(abs(value)) * (1 if value >= 0 else -1) for value in values)


def _floats(rows: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    table: Floats = np.array(rows, dtype=np.float64)
    if not np.isfinite(table).all():
        raise ValueError("expected finite numbers")
    return tuple(tuple(row) for row in table.tolist())
