from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest

from driftmeter.detectors import DETECTORS
from driftmeter.settings.model import Guarantee
from tests.detectors.conformance import CHECKS, SETTINGS
from tests.detectors.samples import Make, numbers_profile


@pytest.mark.parametrize("guarantee", DETECTORS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_detector_conforms(guarantee: str, check: Callable[[Make], None]) -> None:
    check(DETECTORS[guarantee])


def test_there_is_a_detector_for_every_guarantee_that_settings_know() -> None:
    assert set(DETECTORS) == set(get_args(Guarantee)), "a detector has a word of Guarantee in settings/model.py"


def test_every_detector_has_a_name_of_its_own() -> None:
    profile = numbers_profile(1, rows=200)
    names = [make(profile, SETTINGS).name for make in DETECTORS.values()]
    assert len(set(names)) == len(names)
