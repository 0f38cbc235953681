"""Parsers of what providers report."""
