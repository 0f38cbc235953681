"""Derive the status of a message from its evidence, and the events that show it."""
