"""Transports of push messages."""
