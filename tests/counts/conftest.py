"""Readers of one column of each kind."""

from __future__ import annotations

import datetime as dt

import pytest

from driftmeter.counts.rows import Reader
from tests.counts.samples import reader_of


@pytest.fixture
def numbers() -> Reader:
    return reader_of(x=[0.0, 1.0, 2.0])


@pytest.fixture
def cities() -> Reader:
    return reader_of(c=["Ulm"] * 40 + ["Bonn"] * 30 + ["1"])


@pytest.fixture
def codes() -> Reader:
    return reader_of("categorical", c=[1] * 40 + [2] * 30 + [7])


@pytest.fixture
def flags() -> Reader:
    return reader_of(c=[True] * 40 + [False] * 3)


@pytest.fixture
def hours() -> Reader:
    return reader_of("hour", c=[dt.datetime(2024, 1, 1, 5)])


@pytest.fixture
def weekdays() -> Reader:
    return reader_of("weekday", c=[dt.datetime(2024, 1, 1, 5)])
