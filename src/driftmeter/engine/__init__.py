"""The composition root: what a metric server asks, whichever store is behind it."""
