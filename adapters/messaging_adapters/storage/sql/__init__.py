"""What the storages in SQL databases share: stores, the queries they make and rows they write."""
