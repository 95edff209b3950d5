"""Tests of the estimates of performance, and of what they are fitted from."""
