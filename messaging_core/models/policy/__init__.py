"""Send rules, their reasons, and plans."""
