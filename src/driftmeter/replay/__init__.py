"""Replay: the rows of a file, sent to a metric server in their own time order, at a chosen speed."""

from driftmeter.replay.player import Player, ReplaySpeed, ReplayTotals
from driftmeter.replay.rows_client import RowsClient
from driftmeter.replay.trace import Trace, load_trace

__all__ = ["Player", "ReplaySpeed", "ReplayTotals", "RowsClient", "Trace", "load_trace"]
