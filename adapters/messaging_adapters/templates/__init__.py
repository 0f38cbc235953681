"""Engines for templates, each behind its own extra."""
