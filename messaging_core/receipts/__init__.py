"""Process what providers and people send back: receipts, clicks, replies."""
