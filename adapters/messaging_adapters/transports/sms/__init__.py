"""Transports that carry text messages."""
