"""Read JSON with every violation at once, within limits."""
