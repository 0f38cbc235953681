"""What the transports of push messages have in common."""
