"""Deliver messages: claim, hand over, record the outcome."""
