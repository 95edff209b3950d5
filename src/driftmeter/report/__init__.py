"""The report: a whole frame compared with a profile, as a page, Markdown and JUnit XML."""

from driftmeter.report.batch import Report, UnreadableValues, compare, compare_batches

__all__ = ["Report", "UnreadableValues", "compare", "compare_batches"]
