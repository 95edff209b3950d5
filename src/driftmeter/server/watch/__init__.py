"""What runs beside requests: closing and folding, the lease on it, notices, the probe of the store."""
