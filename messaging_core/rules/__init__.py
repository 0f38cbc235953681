"""What is allowed: pure functions from values to violations."""
