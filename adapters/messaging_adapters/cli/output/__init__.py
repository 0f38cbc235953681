"""Draw tables, progress and times on a terminal."""
