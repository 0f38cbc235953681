"""Find, shorten and track links."""
