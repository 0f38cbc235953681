"""Transports that write to the console or into files."""
