from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.detectors.bins import CompiledBins
from driftmeter.fitting.by_rows import MOST_ROWS, RowScale, stretches
from driftmeter.panes.pane import Slice
from driftmeter.profile.calibration import Calibration
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Floats
from driftmeter.verdict.judge import Judge
from tests.detectors.samples import present

START = 1_704_067_200_000
LARGEST = 12


def groups_of(chance: np.random.Generator, rows: int, alike: float) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return values that resemble each other within groups of 1 to 12 rows, and the group of each row."""
    group = np.repeat(np.arange(rows), chance.integers(1, LARGEST + 1, rows))[:rows]
    shared = chance.normal(size=rows)[group]
    return np.sqrt(alike) * shared + np.sqrt(1 - alike) * chance.normal(size=rows), group


def calibrated(values: Floats, group: npt.NDArray[np.int64], hours: float) -> tuple[Profile, Calibration]:
    """Calibrate by rows whose groups come evenly over so many hours, at one moment each."""
    times = START + (group * hours * HOUR / (group.max() + 1)).astype(np.int64)
    frame = pl.DataFrame({"x": values, "rare": values > 2.3, "at": pl.Series(times).cast(pl.Datetime("ms"))})
    profile = Profile.fit(frame, model="m", time="at", residuals=False)
    return profile, present(profile.calibration)


def test_groups_of_alike_rows_have_the_design_effect_of_their_sizes() -> None:
    values, group = groups_of(np.random.default_rng(1), 100_000, alike=0.8)
    _, calibration = calibrated(values, group, 2_000)
    sizes = np.bincount(group)
    exact = 1 + 0.8 * (np.square(sizes).sum() / sizes.sum() - 1)
    effects = 1 + np.array(calibration.sizes) * calibration.scores_by_rows[:, 0, 0]
    assert calibration.sizes == tuple(2**power for power in range(2, 13))
    assert effects[calibration.sizes.index(256)] == pytest.approx(exact, rel=0.15)
    # four consecutive rows: how often two of them are of one group decides
    apart = [float((group[lag:] == group[:-lag]).mean()) for lag in (1, 2, 3)]
    assert effects[0] == pytest.approx(1 + 0.8 * (2 / 4) * np.dot([3, 2, 1], apart), rel=0.05)


def test_independent_rows_are_worth_all_their_number() -> None:
    values, _ = groups_of(np.random.default_rng(2), 100_000, alike=0.0)
    _, calibration = calibrated(values, np.arange(len(values)), 2_000)
    few = np.array(calibration.sizes) <= 256
    effects = np.array(calibration.sizes)[:, None] * calibration.scores_by_rows[:, 0]
    assert effects[few].max() < 0.2


def test_a_rare_bin_knows_how_many_rows_come_together() -> None:
    values, group = groups_of(np.random.default_rng(3), 50_000, alike=0.95)
    profile, calibration = calibrated(values, group, 2_000)
    bins = CompiledBins(profile.features)
    burst = dict(zip(zip(bins.rare_owner.tolist(), bins.rare_names, strict=True), calibration.bursts, strict=True))
    # of a block that expects less than one row, the largest group had nearly all
    assert LARGEST - 2 < burst[1, "true"] < 2 * LARGEST
    # outside of the category that most rows have, the same rows come together
    assert burst[1, "false"] == pytest.approx(burst[1, "true"], abs=0.1)
    assert burst[0, "missing"] == 0


def test_blocks_of_few_rows_are_not_known_from_a_reference_of_few_rows() -> None:
    values, group = groups_of(np.random.default_rng(4), 400, alike=0.5)
    assert calibrated(values, group, 400)[1].sizes == (4, 8, 16)


@pytest.mark.parametrize("rows", [1, 65_537, 1_000_000, 10**9])
def test_a_larger_reference_takes_no_longer(rows: int) -> None:
    parts = list(stretches(rows))
    assert sum(part.stop - part.start for part, _ in parts) <= 256 * MOST_ROWS
    assert sum((part.stop - part.start) // least for part, least in parts) <= 300_000
    assert parts[0][1] == 4
    assert all(0 <= part.start < part.stop <= rows for part, _ in parts)


def test_counted_blocks_say_the_same_as_their_rows() -> None:
    values, group = groups_of(np.random.default_rng(5), 64_000, alike=0.8)
    profile, calibration = calibrated(values, group, 2_000)
    frame = as_frame(pl.DataFrame({"x": values, "rare": values > 2.3}))
    reader = Reader(profile)
    rows, _, _ = reader.read_columns(columns_of(frame, reader.names))
    places = Binner(profile).places(rows).reshape(1_000, -1)
    counts = np.stack([np.bincount(block, minlength=profile.bins) for block in places]).astype(float)
    scale = RowScale(CompiledBins(profile.features), np.zeros((0, 0, 0)))
    scale.add_blocks(counts)
    sizes, arrays = scale.calibrated()
    assert sizes == calibration.sizes[calibration.sizes.index(64) : calibration.sizes.index(64) + len(sizes)]
    same = [calibration.sizes.index(size) for size in sizes]
    assert arrays["scores_by_rows"] == pytest.approx(calibration.scores_by_rows[same], rel=0.01, abs=1e-4)


def pages(profile: Profile, frame: pl.DataFrame, pane: int) -> int:
    """Count the pages of a stream of rows in panes of that length."""
    judge, reader, binner = Judge(profile), Reader(profile), Binner(profile)
    rows, _, _ = reader.read_columns(columns_of(as_frame(frame), reader.names))
    starts = frame["at"].dt.epoch("ms").to_numpy() // pane * pane
    state, opened = judge.start(), 0
    for start, part in zip(*np.unique(starts, return_index=True), strict=True):
        end = np.searchsorted(starts, start, side="right")
        summary = binner.observe(rows.take(np.arange(part, end)))
        state, step = judge.step(state, Slice(int(start), pane, summary))
        opened += len(step.opened)
    return opened


@pytest.mark.parametrize(("alike", "pane"), [(0.0, HOUR), (0.95, 10_000), (0.95, HOUR)])
def test_groups_of_rows_do_not_page_whatever_the_length_of_a_pane(alike: float, pane: int) -> None:
    chance = np.random.default_rng(6)

    def households(days: int, first: int) -> pl.DataFrame:
        group = np.repeat(np.arange(days * 30), chance.integers(1, LARGEST + 1, days * 30))
        values = np.sqrt(alike) * chance.normal(size=(days * 30, 4))[group]
        values += np.sqrt(1 - alike) * chance.normal(size=values.shape)
        columns = {
            name: values[:, index] > edge
            for index, (name, edge) in enumerate(zip("bcd", (1.6, 2.3, -1.6), strict=True))
        }
        times = START + first * DAY + np.sort(chance.integers(0, days * DAY, days * 30))[group]
        return pl.DataFrame({"a": values[:, 3], **columns, "at": pl.Series(times).cast(pl.Datetime("ms"))})

    profile = Profile.fit(households(90, 0), model="m", time="at", residuals=False)
    assert pages(profile, households(60, 90), pane) == 0
