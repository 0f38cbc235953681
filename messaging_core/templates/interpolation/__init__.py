"""The built-in template engine: placeholders in text and HTML."""
