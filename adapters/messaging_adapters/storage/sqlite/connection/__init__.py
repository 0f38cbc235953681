"""Open, check and lock the database file."""
