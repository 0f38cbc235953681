"""How messages, keys and cursors are written into a storage."""
