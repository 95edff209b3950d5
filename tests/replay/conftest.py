from __future__ import annotations

import pyarrow as pa
import pytest

from driftmeter.profile.profile import Profile
from tests.support import orders


@pytest.fixture(scope="session")
def profile() -> Profile:
    reference = pa.Table.from_pylist(orders.orders(2000, seed=1))
    return Profile.fit(reference, model="shop", prediction="score", label="bezahlt", time="bestellt")
