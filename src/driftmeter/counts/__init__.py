"""Rows become integers: typed rows, their bins, and the summary that adds up and merges."""
