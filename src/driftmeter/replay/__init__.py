"""Replay: the rows of a file, sent to a metric server in their own time order, at a chosen speed."""

from driftmeter.replay.link import Link
from driftmeter.replay.player import Pace, Player, Totals
from driftmeter.replay.trace import Trace, load_trace

__all__ = ["Link", "Pace", "Player", "Totals", "Trace", "load_trace"]
