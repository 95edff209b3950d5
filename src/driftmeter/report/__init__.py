"""Batch: a profile against a whole frame, as JSON and as a page of HTML. The page serves live windows too."""

from driftmeter.report.batch import Report, UnreadableValues, compare
from driftmeter.report.page import render_html

__all__ = ["Report", "UnreadableValues", "compare", "render_html"]
