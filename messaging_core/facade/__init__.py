"""The calls of `Messenger`, by topics; a host imports `Messenger` only."""
