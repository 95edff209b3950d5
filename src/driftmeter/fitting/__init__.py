"""Fitting: everything that makes a profile, from a reference or from live traffic."""
