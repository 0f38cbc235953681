"""The stores of the storage port, where PostgreSQL needs other statements than SQLite."""
