import pytest

from driftmeter.drift import DRIFT_TESTS
from tests.drift.conformance import CHECKS


@pytest.mark.parametrize("test", DRIFT_TESTS, ids=lambda test: test.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_test_conforms(test, check):
    check(test)


def test_the_names_are_those_of_the_contract():
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
def test_every_test_says_its_unit_and_source(test):
    assert test.unit
    assert test.source
    assert test.bounds[0] < test.bounds[1]
    assert set(test.kinds) <= {"numeric", "categorical", "boolean"}
