"""Backfill: the history, incidents and calibration that a live system would have had, from rows at rest in a lake."""
