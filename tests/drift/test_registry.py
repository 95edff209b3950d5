from __future__ import annotations

from collections.abc import Callable

import pytest

from driftmeter.drift import DRIFT_TESTS, DRIFT_TESTS_BY_NAME, DriftTest
from tests.drift.conformance import CHECKS

CONTRACT = (
    "ks",
    "chi_square",
    "chi_square_hashed",
    "psi",
    "jensen_shannon",
    "hellinger",
    "total_variation",
    "wasserstein",
    "vanished",
    "missing",
    "unreadable",
    "unseen",
    "out_of_range",
)
"""Names and order that dashboards and settings rely on. A new test need not be here."""


@pytest.mark.parametrize("test", DRIFT_TESTS, ids=lambda test: test.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_test_conforms(test: DriftTest, check: Callable[[DriftTest], None]) -> None:
    check(test)


def test_names_of_the_contract_stay_and_new_ones_come_last() -> None:
    names = tuple(test.name for test in DRIFT_TESTS)
    assert names[: len(CONTRACT)] == CONTRACT, "results show the tests in this order: add a new one at the end"
    assert len(set(names)) == len(names), "each test has a name of its own"


@pytest.mark.parametrize("test", DRIFT_TESTS, ids=lambda test: test.name)
def test_every_test_says_its_unit_and_citation(test: DriftTest) -> None:
    assert test.unit
    assert test.citation
    assert DRIFT_TESTS_BY_NAME[test.name] is test
    assert test.bounds[0] < test.bounds[1]
    assert set(test.kinds) <= {"numeric", "categorical", "boolean"}
