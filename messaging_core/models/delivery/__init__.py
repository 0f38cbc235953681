"""Leases, outcomes, evidence, receipts and events."""
