"""Tables, migrations and the check of a file's schema."""
