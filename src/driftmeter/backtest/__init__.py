"""Backtest: what would have alarmed on a history, and how soon an injected fault would have been seen.

frame ─→ History (faults injected, cut into panes) ─→ Course (the live judge) ─→ events, pages, FaultDetection
"""

from driftmeter.backtest.history import History, choose_pane
from driftmeter.backtest.inject import FAULTS, Fault, parse_fault
from driftmeter.backtest.run import Course, Event, FaultDetection, backtest

__all__ = ["FAULTS", "Course", "Event", "Fault", "FaultDetection", "History", "backtest", "choose_pane", "parse_fault"]
