"""What the verdict's tests share: a profile of rows that were drawn independently."""

from __future__ import annotations

import pytest

from driftmeter.profile.profile import Profile
from tests.verdict.streams import orders


@pytest.fixture(scope="package")
def profile() -> Profile:
    return Profile.fit(orders(10_000, 99), model="shop", independent=True)
