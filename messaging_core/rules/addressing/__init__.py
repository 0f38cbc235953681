"""Rules for senders, receivers and their addresses."""
