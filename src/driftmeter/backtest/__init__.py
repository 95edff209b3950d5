"""Backtest: what would have alarmed on a history, and how soon an injected fault would have been seen."""

from driftmeter.backtest.history import History, choose_pane
from driftmeter.backtest.inject import FAULTS, Fault, parse
from driftmeter.backtest.run import Course, Event, Seen, backtest

__all__ = ["FAULTS", "Course", "Event", "Fault", "History", "Seen", "backtest", "choose_pane", "parse"]
