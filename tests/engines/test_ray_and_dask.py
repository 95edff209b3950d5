"""Ray Data and Dask: the snippets of docs/engines.md, on both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftmeter import Profile
from driftmeter.demo.data import TIME, reference_profile
from driftmeter.integrations.batches import CountBatch, send_blocks
from driftmeter.panes.timing import Timing
from tests.support.flights import flights
from tests.support.histories import History, history_by_sdk, history_of, register

pytestmark = pytest.mark.timeout(600)

ROWS, SECONDS = 6_000, 120
TIMING = Timing(pane=10_000, lateness=3_600_000)


@pytest.fixture(scope="module")
def profile() -> Profile:
    return reference_profile()


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return flights(ROWS, seconds=SECONDS, disorder=20_000)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, rows: pa.Table) -> Path:
    folder = tmp_path_factory.mktemp("flights")
    for number in range(3):
        pq.write_table(rows.slice(number * ROWS // 3, ROWS // 3), folder / f"{number}.parquet")
    return folder


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, profile: Profile, rows: pa.Table) -> History:
    return history_by_sdk(tmp_path_factory.mktemp("sdk") / "s.sqlite", profile, TIMING, rows, TIME)


def by_ray(folder: Path, count: CountBatch) -> Any:
    ray = pytest.importorskip("ray", reason="make test-engines installs ray")
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
    try:
        counted = ray.data.read_parquet(str(folder)).map_batches(count, batch_format="pyarrow", batch_size=1_000)
        return [*counted.iter_batches(batch_format="pyarrow", batch_size=None)]
    finally:
        ray.shutdown()


def by_dask(folder: Path, count: CountBatch) -> Any:
    frames = pytest.importorskip("dask.dataframe", reason="make test-engines installs dask")
    counted = frames.read_parquet(str(folder)).map_partitions(count, meta=CountBatch.meta())
    return [part.compute() for part in counted.to_delayed()]


@pytest.mark.parametrize("blocks_by", [by_ray, by_dask])
def test_batches_give_the_verdicts_of_the_sdk(
    blocks_by: Callable[[Path, CountBatch], Any], files: Path, profile: Profile, expected: History, tmp_path: Path
) -> None:
    blocks = blocks_by(files, CountBatch(profile, time=TIME))
    url = register(tmp_path / "s.sqlite", profile, TIMING)
    assert send_blocks(profile, blocks, url, source="batch").rows == ROWS
    assert history_of(tmp_path / "s.sqlite", profile) == expected
