"""What a backfill leaves in a store is what the live system would have left, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftmeter.panes.timing import Timing
from driftmeter.timestamps import HOUR, MINUTE
from tests.backfill.harness import backfill, content, frame, live, profile

# rows, ms between them, pane: two hours, three days, a year
SPANS = [(7_200, 1_000, 10_000), (20_000, 13_000, 300_000), (30_000, 18 * MINUTE, 6 * HOUR)]


@pytest.mark.parametrize(("rows", "step", "pane"), SPANS)
@pytest.mark.parametrize("independent", [True, False])
def test_a_backfill_leaves_what_the_live_system_leaves(
    rows: int, step: int, pane: int, independent: bool, tmp_path: Path
) -> None:
    data, reference, timing = frame(rows, seed=2, step=step), profile(independent=independent), Timing(pane)
    data.write_parquet(tmp_path / "rows.parquet", row_group_size=1_000)
    live(tmp_path / "live.sqlite", reference, data, timing)
    backfill(tmp_path / "backfill.sqlite", reference, tmp_path / "rows.parquet", timing)
    expected, got = content(tmp_path / "live.sqlite"), content(tmp_path / "backfill.sqlite")
    for table, held in expected.items():
        assert got[table] == held, table
    assert len(expected["verdicts"]) > 100
    assert bool(b"Neu" in expected["progress"][0][2]) == independent or rows * step > 24 * HOUR
