"""Decide what send rules mean for one message."""
