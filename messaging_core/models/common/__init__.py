"""Values that every other model uses."""
