"""The parts that run beside requests: the evaluation loop, its leases, notices of incidents, the probe of the store."""
