"""Clients that carry HTTP requests."""
