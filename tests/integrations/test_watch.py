from __future__ import annotations

import re

from driftmeter.client import Monitor
from driftmeter.integrations.watch import RouteWatch
from tests.support.scripts import ROOT


def test_every_count_of_a_watch_is_documented_and_no_other(monitor: Monitor) -> None:
    table = (ROOT / "docs" / "doors.md").read_text().partition("| key of `watch.stats()`")[2].partition("\n\n")[0]
    keys = [
        key for row in table.splitlines() for key in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    ]
    assert set(keys) == set(RouteWatch(monitor, ["/predict"]).stats()), "docs/doors.md has a row for every count"
