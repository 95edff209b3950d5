"""Blocks of counts: whatever an engine does with its rows, the panes are those of the rows together."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from driftmeter import Profile
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.errors import InputError
from driftmeter.integrations.blocks import COUNTS, WIDTH, Assembled, BlockCounter, Recipe, assemble, schema_of_blocks
from driftmeter.panes.totals import SourceTotals

START = 1_700_000_000_000
PANE = 10_000


def table_of(rows: int, seed: int) -> pa.Table:
    chance = np.random.default_rng(seed)
    kinds = chance.choice(4, rows, p=[0.6, 0.3, 0.05, 0.05]).tolist()
    cities = [("Ulm", "Bonn", None, f"Neu {number % 30}")[kind] for number, kind in enumerate(kinds)]
    times = START + chance.integers(0, 60_000, rows)
    return pa.table(
        {
            "income": pa.array(chance.lognormal(8, 1, rows), mask=chance.random(rows) < 0.1),
            "age": chance.integers(18, 90, rows),
            "city": cities,
            "at": pa.array(times, pa.timestamp("ms", tz="UTC")),
        }
    )


@pytest.fixture(scope="module")
def profile() -> Profile:
    reference = table_of(5_000, 0)
    known = pa.compute.is_in(reference["city"], value_set=pa.array(["Ulm", "Bonn", None]))
    return Profile.fit(reference.filter(known), model="m", time="at", independent=True)


@pytest.fixture(scope="module")
def recipe(profile: Profile) -> Recipe:
    return Recipe.of(profile, None, PANE)


def blocks_of(recipe: Recipe, parts: Sequence[pa.Table]) -> pa.Table:
    """Count each part by itself, as tasks on executors do."""
    batches: list[pa.RecordBatch] = []
    for part in parts:
        counter = pickle.loads(pickle.dumps(recipe)).counter()
        for batch in part.to_batches(max_chunksize=170):
            counter.add(batch)
        batches += counter.take()
    return pa.Table.from_batches(batches, schema_of_blocks())


def test_the_panes_are_those_of_all_rows_however_they_are_split_and_ordered(profile: Profile, recipe: Recipe) -> None:
    rows = table_of(3_000, 1)
    chance = np.random.default_rng(2)
    shuffled = rows.take(pa.array(chance.permutation(3_000)))
    parts = [shuffled.slice(first, 400) for first in range(0, 3_000, 400)]
    blocks = blocks_of(recipe, parts)
    whole = assemble(profile, PANE, blocks.take(pa.array(chance.permutation(len(blocks)))))
    reader, binner = Reader(profile), Binner(profile)
    times = rows["at"].cast(pa.int64()).to_numpy()
    assert [start for start, _ in whole.panes] == sorted({*(times // PANE * PANE).tolist()})
    for start, summary in whole.panes:
        of_pane = rows.filter(pa.array(times // PANE * PANE == start)).to_pylist()
        assert summary == binner.observe(reader.read_records(of_pane)[0])
        assert len(summary.unseen.counts["city"]) == 8
        assert summary.check(profile) is None
    assert whole[1:] == (SourceTotals(3_000, 3_000), int(times.max()))


def test_sums_of_blocks_give_the_same_panes(profile: Profile, recipe: Recipe) -> None:
    rows = table_of(3_000, 1)
    blocks = blocks_of(recipe, [rows.slice(0, 1_000), rows.slice(1_000)])
    sums = (
        blocks.group_by(["kind", "pane", "block"], use_threads=False)
        .aggregate([*((name, "sum") for name in COUNTS), ("latest", "max"), ("texts", "list")])
        .rename_columns(["kind", "pane", "block", *COUNTS, "latest", "texts"])
    )
    assert_same(assemble(profile, PANE, sums), assemble(profile, PANE, blocks))


def assert_same(one: Assembled, other: Assembled) -> None:
    assert one[1:] == other[1:]
    assert [start for start, _ in one.panes] == [start for start, _ in other.panes]
    assert all(mine == other_ for (_, mine), (_, other_) in zip(one.panes, other.panes, strict=True))


def test_each_batch_of_rows_gives_all_blocks_of_a_pane_or_none(profile: Profile, recipe: Recipe) -> None:
    blocks = blocks_of(recipe, [table_of(10, 3)])
    own = blocks.filter(blocks["pane"].is_valid())
    number = -(-(profile.bins + 1) // WIDTH)
    assert number > 1
    assert own["block"].to_pylist() == [*range(number)] * (len(own) // number)


def test_texts_that_are_coded_count_as_plain_ones(profile: Profile, recipe: Recipe) -> None:
    rows = table_of(500, 4)
    coded = rows.set_column(2, "city", rows["city"].dictionary_encode())
    counted = [assemble(profile, PANE, blocks_of(recipe, [table])) for table in (rows, coded)]
    assert_same(*counted)
    assert any(summary.unseen for _, summary in counted[0].panes)


def test_rows_without_a_time_and_rows_of_the_future_are_no_part_of_a_pane(profile: Profile) -> None:
    reader = Reader(profile)
    counter = BlockCounter(reader, Binner(profile), "at", PANE, clock=lambda: START / 1000)
    seconds = [START / 1000, None, START / 1000 + 61, START / 1000 + 59, -5.0]
    counter.add(pa.table({"income": [1.0, 2.0, 3.0, None, 4.0], "age": ["old", "1", "2", "x", "3"], "at": seconds}))
    whole = assemble(profile, PANE, pa.Table.from_batches(counter.take()))
    assert whole.totals == SourceTotals(5, 2, {"invalid": 2, "future": 1}, {"age": 2})
    assert whole.latest == START + 59_000
    assert sum(summary.rows for _, summary in whole.panes) == 2


def test_a_counter_begins_anew_once_its_panes_are_taken(profile: Profile, recipe: Recipe) -> None:
    counter = recipe.counter()
    counter.add(table_of(100, 5))
    assert [*counter.take()]
    assert [*counter.take()] == []


def test_a_frame_needs_the_column_of_times(recipe: Recipe, profile: Profile) -> None:
    with pytest.raises(InputError, match="time: expected a column 'at', got the columns age"):
        recipe.counter().add(pa.table({"age": [1]}))
    with pytest.raises(InputError, match=r"pane: expected 0\.1 s to 1 day"):
        Recipe.of(profile, None, 10)
    timeless = Profile.fit(table_of(100, 6).drop(["at"]), model="m", independent=True)
    with pytest.raises(InputError, match="time: expected the column with the time of each row, got none"):
        Recipe.of(timeless, None, PANE)


def test_a_pane_without_one_of_its_blocks_is_refused(profile: Profile, recipe: Recipe) -> None:
    blocks = blocks_of(recipe, [table_of(10, 3)])
    with pytest.raises(InputError, match="blocks: expected all"):
        assemble(profile, PANE, blocks.slice(0, len(blocks) - 1))


def test_blocks_of_another_profile_or_length_do_not_add_up(profile: Profile, recipe: Recipe) -> None:
    rows = table_of(10, 3)
    blocks = blocks_of(recipe, [rows])
    others = blocks_of(Recipe.of(profile, None, 2 * PANE), [rows])
    with pytest.raises(InputError, match=f"blocks: expected those of .*:10000, got {profile.digest}:20000"):
        assemble(profile, PANE, pa.concat_tables([blocks, others]))


def test_no_blocks_are_no_panes(profile: Profile) -> None:
    assert assemble(profile, PANE, schema_of_blocks().empty_table()) == ([], SourceTotals(), None)
