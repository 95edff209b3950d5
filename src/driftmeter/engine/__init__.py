"""The engine: everything that a metric server does apart from HTTP, whichever store is behind it."""
