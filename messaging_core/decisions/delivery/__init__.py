"""Decide what becomes of a message that is due, and of a transport's outcome."""
