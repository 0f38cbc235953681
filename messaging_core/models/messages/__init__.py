"""Requests, messages, batches, queries and envelopes."""
