"""Contacts, lists, users and suppressions."""
