"""Rows without names: `Monitor(columns=…)` gives their values names, with either counter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from driftmeter.client import Monitor
from driftmeter.counts import compiled
from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from tests.client.samples import ROW, directly
from tests.client.tier import Tier

Make = Callable[..., Monitor]
NUMBERS = {"amount": 20.0, "age": 41.5, "member": 1.0}


def started(monitor: Monitor) -> Monitor:
    """Have one row acknowledged, so that profile and time are known."""
    monitor.observe(ROW)
    assert monitor.flush()
    return monitor


@pytest.mark.parametrize("known", [False, True], ids=["before the profile is known", "after"])
@pytest.mark.parametrize(
    "row",
    [
        (20.0, 41.5, 1.0),
        [20, 41.5, True],
        np.array([20.0, 41.5, 1.0]),
        np.array([20.0, 41.5, 1.0], dtype=np.float32),
        np.array([20, "41.5", True], dtype=object),
    ],
    ids=["tuple", "list", "array", "float32", "objects"],
)
def test_values_without_names_are_in_the_order_of_the_columns(
    tier: Tier, profile: Profile, monitor_of: Make, row: Any, known: bool
) -> None:
    monitor = monitor_of(profile, columns=list(NUMBERS))
    before = []
    if known:
        started(monitor)
        before = [ROW]
    monitor.observe(row)
    monitor.observe(row, prediction=[0.25])
    monitor.observe(row, timestamp=tier.clock() / 1000)
    assert monitor.flush()
    expected = [*before, NUMBERS, {**NUMBERS, "score": 0.25}, NUMBERS]
    assert tier.summary(profile) == directly(profile, expected)


def test_masked_values_are_missing(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = started(monitor_of(profile, columns=list(NUMBERS)))
    matrix = np.ma.array([[20.0, 41.5, 1.0]] * 2, mask=[[False, True, False]] * 2)
    monitor.observe(matrix[0])
    monitor.observe_many(matrix)
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, [ROW, *[{**NUMBERS, "age": None}] * 3])


def test_what_is_in_memory_like_an_array_is_no_row(profile: Profile, monitor_of: Make) -> None:
    monitor = started(monitor_of(profile, columns=list(NUMBERS)))
    for row in (array("d", [1, 2, 3]), np.zeros(3).data):
        monitor.observe(row)
    assert monitor.flush()
    assert monitor.stats()["dropped_invalid"] == 2


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_a_matrix_is_many_rows(tier: Tier, profile: Profile, monitor_of: Make, dtype: type) -> None:
    monitor = started(monitor_of(profile, columns=list(NUMBERS)))
    matrix: np.ndarray[Any, Any] = np.array([[n % 50, 20 + n % 40, n % 2] for n in range(2_500)], dtype=dtype)
    monitor.observe_many(matrix, np.linspace(0, 1, 2_500))
    monitor.observe_many(matrix[:3], timestamp=tier.clock() / 1000)
    monitor.observe_many(matrix[:2], [[0.5], np.array([0.5])])
    assert monitor.flush()
    names = list(NUMBERS)
    rows = [dict(zip(names, row, strict=True)) for row in matrix.astype(np.float64).tolist()]
    scored = [{**row, "score": score} for row, score in zip(rows, np.linspace(0, 1, 2_500).tolist(), strict=True)]
    expected = [ROW, *scored, *rows[:3], *({**row, "score": 0.5} for row in rows[:2])]
    assert tier.summary(profile) == directly(profile, expected)


@pytest.mark.parametrize("known", [False, True], ids=["before the profile is known", "after"])
def test_a_matrix_of_longer_floats_counts_as_its_rows(
    tier: Tier, profile: Profile, monitor_of: Make, known: bool
) -> None:
    monitor = monitor_of(profile, columns=list(NUMBERS))
    if known:
        started(monitor)
    monitor.observe_many(np.zeros((4, 3), np.longdouble))
    assert monitor.flush()
    values = dict.fromkeys(NUMBERS, np.longdouble(0))
    assert tier.summary(profile) == directly(profile, [*([ROW] if known else []), *[values] * 4])


def test_another_number_of_values_is_no_row(profile: Profile, monitor_of: Make) -> None:
    monitor = started(monitor_of(profile, columns=list(NUMBERS)))
    monitor.observe((1.0, 2.0))
    monitor.observe_many(np.zeros((5, 4)))
    assert monitor.flush()
    assert monitor.stats()["dropped_invalid"] == 1 + 5
    assert monitor.unreadable()[""] == {"count": 6, "expected": "3 values, one for each of the columns", "got": "4"}


@pytest.mark.parametrize(
    ("columns", "got"), [("age", "text ('age')"), (7, "a number (7)"), ([], "none"), (["a", "b", "a"], "'a' twice")]
)
def test_columns_are_different_names(columns: Any, got: str) -> None:
    with pytest.raises(InputError, match="columns") as error:
        Monitor("http://127.0.0.1:9", "m", columns=columns)
    assert got in str(error.value)


def test_the_environment_forces_the_plain_counter() -> None:
    code = """
        from driftmeter.client import Monitor
        from driftmeter.counts.compiled import KIND, describe
        print(KIND, Monitor("http://127.0.0.1:9", "m").stats()["compiled_counter"], describe())
    """

    def output(pure: str) -> str:
        env = {**os.environ, "DRIFTMETER_PURE": pure}
        command = [sys.executable, "-c", textwrap.dedent(code)]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()

    assert output("1") == "plain 0 plain counter: DRIFTMETER_PURE is set"
    if compiled.KIND == "compiled":
        assert output("0") == "compiled 1 compiled counter"


@pytest.mark.skipif(shutil.which("cc") is None or "DRIFTMETER_PURE" in os.environ, reason="nothing to build it with")
def test_where_there_is_a_compiler_the_counter_is_built() -> None:
    assert compiled.describe() == "compiled counter"
