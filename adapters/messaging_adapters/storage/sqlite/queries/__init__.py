"""Queries of SQLite where they differ from those of other databases."""
