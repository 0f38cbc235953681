"""Rules about when a message may be sent."""
