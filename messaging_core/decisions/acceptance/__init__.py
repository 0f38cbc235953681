"""Decide what becomes of a request."""
