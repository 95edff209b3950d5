"""Batch: a profile against a whole frame, as JSON and as a page of HTML. The page serves live windows too."""

from driftmeter.report.batch import Report, Unreadable, compare
from driftmeter.report.page import render_html

__all__ = ["Report", "Unreadable", "compare", "render_html"]
