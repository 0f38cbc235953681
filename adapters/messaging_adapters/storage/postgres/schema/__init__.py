"""The tables of PostgreSQL: made, brought up to date, and compared with what they should be."""
