"""One room decides: what a window says, what drifts, how badly, since when, and which incident it belongs to."""
