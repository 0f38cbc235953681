"""Compose accepted, scheduled and delivered messages inside a host service."""
