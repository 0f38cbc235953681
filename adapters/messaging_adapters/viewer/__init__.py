"""The viewer: web pages that show every message, what happened to it, and whether all is well."""
