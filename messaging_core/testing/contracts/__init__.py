"""Contract suites that adapters inherit."""
