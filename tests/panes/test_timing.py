from __future__ import annotations

import pytest

from driftmeter.errors import InputError
from driftmeter.panes.timing import Timing
from driftmeter.timestamps import DAY


def test_a_pane_starts_at_a_multiple_of_its_length_since_the_epoch() -> None:
    assert [Timing(7000).pane_start(time) for time in (0, 6999, 7000, 7001, 13_999)] == [0, 0, 7000, 7000, 7000]


@pytest.mark.parametrize(
    ("pane", "lateness"), [(99, 0), (0, 0), (-1, 0), (DAY + 1, 0), (1000, -1), (1000, 7 * DAY + 1)]
)
def test_a_timing_that_makes_no_sense_is_refused(pane: int, lateness: int) -> None:
    with pytest.raises(InputError, match="expected 0"):
        Timing(pane, lateness)
