from __future__ import annotations

import pyarrow as pa
import pytest

from driftmeter.demo import data
from driftmeter.demo.data import Row
from driftmeter.demo.predictor import Predictor
from tests.demo.recorder import Recorder


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return Predictor.load()


@pytest.fixture(scope="session")
def reference() -> pa.Table:
    return data.reference()


@pytest.fixture(scope="session")
def held_out() -> pa.Table:
    return data.held_out()


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    return data.held_out_rows()
