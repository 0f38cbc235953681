"""Look up, change, replay and remove messages, and follow their events."""
