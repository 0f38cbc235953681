"""One store of the storage port in each module."""
