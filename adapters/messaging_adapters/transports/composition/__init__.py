"""Transports around transports: failover, round robin, limits."""
