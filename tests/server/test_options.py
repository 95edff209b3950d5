from __future__ import annotations

from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.server.options import Settings


@pytest.mark.parametrize("wrong", [{"port": 70_000}, {"max_body": 0}, {"max_waiting": 0}, {"drain": -1.0}])
def test_settings_that_cannot_work_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Settings(**wrong)
