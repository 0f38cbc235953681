"""The storage port: one transaction with a store for each topic."""
