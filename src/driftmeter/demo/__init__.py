"""A model server on real flights, and the traffic that drifts: what `driftmeter demo` runs."""
