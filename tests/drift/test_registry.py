from __future__ import annotations

from collections.abc import Callable

import pytest

from driftmeter.drift import DRIFT_TESTS, DRIFT_TESTS_BY_NAME, DriftTest
from tests.drift.conformance import CHECKS


@pytest.mark.parametrize("test", DRIFT_TESTS, ids=lambda test: test.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_test_conforms(test: DriftTest, check: Callable[[DriftTest], None]) -> None:
    check(test)


def test_the_names_are_those_of_the_contract() -> None:
    assert [test.name for test in DRIFT_TESTS] == [
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
    ]


@pytest.mark.parametrize("test", DRIFT_TESTS, ids=lambda test: test.name)
def test_every_test_says_its_unit_and_citation(test: DriftTest) -> None:
    assert test.unit
    assert test.citation
    assert DRIFT_TESTS_BY_NAME[test.name] is test
    assert test.bounds[0] < test.bounds[1]
    assert set(test.kinds) <= {"numeric", "categorical", "boolean"}
