"""Storages, transports and tools that plug into messaging_core."""
