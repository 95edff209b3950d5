"""Helpers for tests of several rooms: servers, clocks, ports, waiting, data."""
