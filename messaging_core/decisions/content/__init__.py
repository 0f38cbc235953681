"""Decide what a message says: templates, links, tracking."""
