"""Build the statements of listings."""
