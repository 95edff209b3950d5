"""Rows that make a model drift, sent to a metric server under test."""

from __future__ import annotations

import numpy as np

from tests.server.harness import Client
from tests.support.clocks import SetClock


def drift(client: Client, clock: SetClock) -> None:
    """Send five panes in which every amount is far from the reference."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        batch = {"columns": {"amount": (rng.lognormal(3, 1, 400) + 1_000).tolist()}}
        assert client.rows(batch).status_code == 200
        client.pass_time(clock, 1_000)
    client.pass_time(clock, 2_000)
