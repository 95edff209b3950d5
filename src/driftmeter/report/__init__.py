"""The report: a whole frame compared with a profile, and a verdict as a page of HTML."""

from driftmeter.report.batch import Report, UnreadableValues, compare, compare_batches
from driftmeter.report.page import render_html

__all__ = ["Report", "UnreadableValues", "compare", "compare_batches", "render_html"]
