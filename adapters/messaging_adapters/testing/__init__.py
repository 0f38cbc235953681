"""What tests of a host use: fixtures for pytest, and the same for unittest."""
