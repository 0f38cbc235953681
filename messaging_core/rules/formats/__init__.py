"""Formats of text, URLs, headers, time zones and SMS."""
