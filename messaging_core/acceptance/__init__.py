"""Accept requests: check, decide, write."""
