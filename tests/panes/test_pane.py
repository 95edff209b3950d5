from __future__ import annotations

from driftmeter.panes.pane import Pane, Slice
from tests.panes.samples import rows


def test_a_pane_ends_where_the_next_starts() -> None:
    assert Pane("d", 20, 10, "s", 0, rows(1)).end == Slice(20, 10, rows(1)).end == 30
