"""Batches of any engine: counted one by one, added up, sent once."""

from __future__ import annotations

import pickle
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from driftmeter import Profile
from driftmeter.engine.engine import Engine
from driftmeter.errors import InputError
from driftmeter.integrations.batches import CountBatch, Sent, send_blocks
from driftmeter.panes.pane import Slice
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.windows import WindowSetting
from driftmeter.store.sqlite.store import SQLiteStore

START = 1_700_000_000_000


def table_of(seed: int, rows: int = 500) -> pa.Table:
    chance = np.random.default_rng(seed)
    times = pa.array(START + chance.integers(0, 40_000, rows), pa.timestamp("ms", tz="UTC"))
    towns = chance.choice(["Ulm", "Bonn", "Rom"] if seed else ["Ulm", "Bonn"], rows)
    return pa.table({"x": chance.normal(size=rows), "town": towns.tolist(), "at": times})


@pytest.fixture(scope="module")
def profile() -> Profile:
    return Profile.fit(table_of(0, 5_000), model="m", time="at", independent=True)


def slices_of(path: Path, profile: Profile, blocks: list[object]) -> tuple[Sent, list[Slice]]:
    """Send blocks to a store of their own, and return the slices that it closes."""
    engine = Engine(SQLiteStore(path))
    if not engine.models():
        engine.register(profile)
    with closing(engine.store):
        sent = send_blocks(profile, blocks, f"sqlite:///{path}", source="batch")
        while engine.advance("m"):
            pass
        return sent, engine.store.recent("m", profile.digest, START + 100_000, WindowSetting(rows=10_000))


def test_batches_of_arrow_and_of_pandas_give_the_same_slices(profile: Profile, tmp_path: Path) -> None:
    count = pickle.loads(pickle.dumps(CountBatch(profile)))
    tables = [table_of(seed) for seed in (1, 2, 3)]
    arrow = [count(table) for table in tables]
    pandas = [count(table.to_pandas()) for table in reversed(tables)]
    assert not isinstance(pandas[0], pa.Table)
    assert list(CountBatch.meta().columns) == list(pandas[0].columns)
    one, of_arrow = slices_of(tmp_path / "arrow.sqlite", profile, arrow)
    other, of_pandas = slices_of(tmp_path / "pandas.sqlite", profile, pandas)
    assert one == other == Sent(4, 1_500, 0, SourceTotals(1_500, 1_500))
    assert [(slice_.start, slice_.summary.rows) for slice_ in of_arrow] != []
    assert of_arrow == of_pandas
    assert any(slice_.summary.unseen for slice_ in of_arrow)


def test_the_same_blocks_again_change_nothing(profile: Profile, tmp_path: Path) -> None:
    blocks = [CountBatch(profile)(table_of(1))]
    path = tmp_path / "s.sqlite"
    first, before = slices_of(path, profile, blocks)
    again, after = slices_of(path, profile, blocks)
    assert (first.late, again.rows) == (0, 500)
    assert before == after


def test_no_blocks_are_no_panes(profile: Profile, tmp_path: Path) -> None:
    sent, slices = slices_of(tmp_path / "s.sqlite", profile, [])
    assert (sent, slices) == (Sent(0, 0, 0, SourceTotals()), [])


def test_blocks_of_another_profile_are_refused(profile: Profile, tmp_path: Path) -> None:
    other = Profile.fit(table_of(0).select(["x", "at"]), model="m", time="at", independent=True)
    with pytest.raises(InputError, match="blocks: expected"):
        slices_of(tmp_path / "s.sqlite", profile, [CountBatch(other)(table_of(1))])
