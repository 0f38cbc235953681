"""Queries of PostgreSQL where they differ from those of SQLite."""
