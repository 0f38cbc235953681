"""Rules for whole requests: messages, notifications, contacts, queries."""
