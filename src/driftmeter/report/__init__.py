"""The report: a whole frame compared with a profile, and a verdict as a page of HTML."""

from driftmeter.report.batch import Report, UnreadableValues, compare
from driftmeter.report.page import render_html

__all__ = ["Report", "UnreadableValues", "compare", "render_html"]
